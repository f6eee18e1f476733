//! The end of a process: told first, then closed without cutting anything.

use std::time::Duration;

use gateway_tests::{ScriptedServer, Stack, Step, completion_body};
use http::Method;

const HELLO: &str = r#"{"model":"scripted","messages":[{"role":"user","content":"Hello"}]}"#;

#[tokio::test]
async fn readiness_tells_the_end_while_requests_are_still_served() {
    let stack = Stack::demo().await;
    stack.edge.announce_end();
    stack.core.announce_end().await;
    let ready = stack.send(Method::GET, "/readyz", &[], "").await;
    assert_eq!(ready.status, 503);
    let body = ready.json();
    let out: Vec<_> = body["parts"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|part| part["ok"] == false)
        .map(|part| part["name"].clone())
        .collect();
    assert_eq!(out, ["core", "edge"]);
    assert_eq!(stack.send(Method::GET, "/healthz", &[], "").await.status, 200);
    assert_eq!(stack.chat(HELLO.replace("scripted", "demo")).await.status, 200);
}

#[tokio::test]
async fn a_chat_in_flight_is_answered_before_the_end() {
    let body = completion_body("late");
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let script = vec![Step::Pause(Duration::from_millis(300)), Step::Send(answer.into_bytes())];
    let server = ScriptedServer::start(script).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let end = async {
        server.chat_came().await;
        stack.core.drain().await;
        stack.closing.cancel();
    };
    let (answer, ()) = tokio::join!(stack.chat(HELLO), end);
    assert_eq!((answer.status.as_u16(), &answer.json()["choices"][0]["message"]["content"]), (200, &"late".into()));
    // Nothing listens any more.
    loop {
        if tokio::net::TcpStream::connect(stack.http_address()).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
}
