//! What becomes of a call whose secret is taken back while the model server works.

use std::time::Duration;

use gateway_tests::{ScriptedServer, Step, completion_body};
use tokio::time::{Instant, timeout};

use super::*;

/// By the contract.
const MOST: Duration = Duration::from_secs(5);

fn tokens_with(id: &str) -> String {
    format!("tokens: [{{id: {id}, bound_tenant: acme, role: user, secrets: [{{value: {}}}]}}]", secret(id))
}

/// Never begins a stream, and answers in one piece once the secret is gone for long.
fn slow_script(request: &gateway_tests::Recorded) -> Vec<Step> {
    if String::from_utf8_lossy(&request.body).contains(r#""stream":true"#) {
        return vec![Step::Hang];
    }
    let body = completion_body("whole");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    vec![Step::Pause(Duration::from_secs(3)), Step::Send([head, body].concat().into_bytes())]
}

#[tokio::test]
async fn a_stream_whose_head_waits_ends_with_its_secret_and_a_whole_answer_does_not() {
    let server = ScriptedServer::directed(slow_script).await;
    let stack = Stack::builder().tokens(&tokens_with("old")).upstream(&server.base_url()).start().await;
    let bearer = format!("Bearer {}", secret("old"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let chat = |more: &str| {
        let body = format!(r#"{{"model":"scripted","messages":[{{"role":"user","content":"x"}}]{more}}}"#);
        stack.send(Method::POST, "/v1/chat/completions", &headers, body)
    };
    let removal = async {
        server.chats_came(2).await;
        std::fs::write(stack.folder().join("tokens.yaml"), tokens_with("new")).unwrap();
        Instant::now()
    };
    let streamed = async { (timeout(MOST * 2, chat(r#","stream":true"#)).await.unwrap(), Instant::now()) };
    let (removed, (streamed, ended), whole) = tokio::join!(removal, streamed, chat(""));
    assert!(ended - removed < MOST);
    assert_eq!(streamed.code_and_param().0, "invalid_authorization");
    assert_eq!(whole.status, 200);
    server.was_abandoned().await;
    assert_eq!(chat("").await.code_and_param().0, "invalid_authorization");
}
