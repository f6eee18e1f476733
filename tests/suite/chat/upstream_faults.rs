//! Model servers that fail, each in its way: one catalog code, nothing told that must not be told, nothing sent twice.

use std::time::{Duration, Instant};

use gateway_tests::{HttpAnswer, ScriptedServer, Stack, Step, completion_body};
use tokio::net::TcpListener;

const HELLO: &str = r#"{"model":"scripted","messages":[{"role":"user","content":"Hello"}]}"#;

fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

async fn stack(server: &ScriptedServer) -> Stack {
    // Each chat is to fail in its own way, however many did before.
    let builder = Stack::builder().upstream(&server.base_url()).set("--upstream-breaker-failures", 0);
    builder.set("--upstream-first-byte-timeout-secs", 0.3).set("--upstream-idle-timeout-secs", 0.2).start().await
}

fn code(answer: &HttpAnswer) -> String {
    answer.code_and_param().0
}

#[tokio::test]
async fn a_server_that_fails_is_an_upstream_error() {
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    for (status, body) in [
        (500, r#"{"error":{"message":"Out of memory."}}"#),
        (400, r#"{"error":{"message":"Out of memory."}}"#),
        (503, r#"{"detail":"Out of memory."}"#),
        (404, r#"{"error":"Out of memory."}"#),
    ] {
        server.answer(status, &[], body);
        let answer = stack.chat(HELLO).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (502, "upstream_error".to_owned()));
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert_eq!(message, format!("The model server answered with status {status}: Out of memory."));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
    assert_eq!(server.chats().len(), 4, "a failed chat was sent again");
}

#[tokio::test]
async fn what_a_server_says_is_scrubbed_and_of_its_refusals_nothing_is_told() {
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    let secret =
        r#"{"error":{"message":"Key sk-canary-1234567890abcdef of https://internal.acme.com/v1 at 10.1.2.3 is bad"}}"#;
    for (status, word) in [(500, "[secret]"), (401, "status 401."), (403, "status 403.")] {
        server.answer(status, &[("x-secret", "canary")], secret);
        let answer = stack.chat(HELLO).await;
        let text = format!("{:?} {}", answer.headers, answer.json());
        for canary in ["canary", "acme", "10.1.2.3"] {
            assert!(!text.contains(canary), "{text}");
        }
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn a_success_that_is_no_completion_is_an_upstream_error() {
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    for body in [
        "",
        "<html>Sign in</html>",
        "{}",
        "[]",
        "null",
        r#"{"choices":[]}"#,
        r#"{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":-1}}"#,
        r#"{"choices":[{"message":{"content":"\ud800"}}]}"#,
        r#"{"error":{"message":"inside a success"}}"#,
    ] {
        server.answer(200, &[("content-type", "text/html")], body);
        let answer = stack.chat(HELLO).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (502, "upstream_error".to_owned()), "{body}");
    }
    let message = stack.chat(HELLO).await.error()["message"].as_str().unwrap().to_owned();
    assert!(message.contains("inside a success"), "{message}");
    server.play(vec![send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\"\xff\"")]);
    assert_eq!(code(&stack.chat(HELLO).await), "upstream_error");
}

#[tokio::test]
async fn a_quota_of_the_server_is_a_quota_of_the_model() {
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    for (retry_after, told, retry) in [
        (Some("7"), "7", "true"),
        (None, "60", "true"),
        (Some("0"), "1", "true"),
        (Some("99999999"), "86400", "false"),
        (Some("nonsense"), "60", "true"),
    ] {
        let headers: Vec<_> = retry_after.into_iter().map(|value| ("retry-after", value)).collect();
        server.answer(429, &headers, r#"{"error":{"message":"Provider Acme: 17 of 17 requests used"}}"#);
        let answer = stack.chat(HELLO).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (429, "model_quota_exhausted".to_owned()));
        assert_eq!((answer.header("retry-after"), answer.header("x-should-retry")), (Some(told), Some(retry)));
        assert!(!answer.json().to_string().contains("Acme"));
    }
}

#[tokio::test]
async fn silence_is_a_timeout_in_each_phase() {
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"id\":";
    for (script, words) in [(vec![Step::Hang], "did not begin"), (vec![send(half), Step::Hang], "fell silent")] {
        server.play(script);
        let begin = Instant::now();
        let answer = stack.chat(HELLO).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (504, "upstream_timeout".to_owned()));
        assert!(answer.error()["message"].as_str().unwrap().contains(words));
        assert!(begin.elapsed() < Duration::from_secs(2));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn the_whole_call_has_its_own_time() {
    let drip = |_| [send(" "), Step::Pause(Duration::from_millis(50))];
    let script =
        std::iter::once(send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")).chain((0..100).flat_map(drip));
    let server = ScriptedServer::start(script.collect()).await;
    let stack = Stack::builder().upstream(&server.base_url()).set("--http-total-timeout-secs", 0.4).start().await;
    let answer = stack.chat(HELLO).await;
    assert_eq!(code(&answer), "upstream_timeout");
    assert!(answer.error()["message"].as_str().unwrap().contains("did not finish"));
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_upstream_error_and_the_chat_is_not_sent_again() {
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    let whole =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", completion_body("x").len(), completion_body("x"));
    for end in [Step::Reset, Step::Send(Vec::new())] {
        for cut in [0, 10, 40, whole.len() - 1] {
            let before = server.chats().len();
            let close = send("");
            server.play(vec![send(&whole[..cut]), end.clone(), close, Step::Reset]);
            let answer = stack.chat(HELLO).await;
            assert_eq!((answer.status.as_u16(), code(&answer)), (502, "upstream_error".to_owned()), "cut at {cut}");
            assert_eq!(server.chats().len(), before + 1, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn no_connection_is_unavailable_and_worth_another_try() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for base_url in
        [format!("http://{address}/v1"), "http://no-such-host.invalid/v1".to_owned(), format!("https://{address}/v1")]
    {
        let models =
            format!("upstreams: {{up: {{base_url: '{base_url}'}}}}\nmodels: [{{alias: scripted, upstream: up}}]");
        let stack = Stack::builder().models(&models).start().await;
        let answer = stack.chat(HELLO).await;
        assert_eq!((answer.status.as_u16(), code(&answer)), (503, "upstream_unavailable".to_owned()), "{base_url}");
        assert!(answer.error()["message"].as_str().unwrap().contains("/readyz"));
        assert_eq!(answer.header("x-should-retry"), Some("true"));
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_yet_is_not_taken_for_an_empty_one() {
    let stack = Stack::builder().upstream("http://127.0.0.1:1/v1").start().await;
    assert_eq!(code(&stack.chat(HELLO).await), "upstream_unavailable");
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let server = ScriptedServer::start(vec![]).await;
    let stack =
        Stack::builder().upstream(&server.base_url()).set("--max-upstream-response-bytes", 20_000).start().await;
    server.answer(200, &[], &completion_body(&"x".repeat(19_000)));
    assert_eq!(stack.chat(HELLO).await.status, 200);
    server.answer(200, &[], &completion_body(&"x".repeat(20_000)));
    assert_eq!(code(&stack.chat(HELLO).await), "upstream_error");
    // Without a length, and without an end.
    let endless = std::iter::once(send("HTTP/1.1 200 OK\r\n\r\n")).chain((0..1000).map(|_| send(vec![b' '; 10_000])));
    server.play(endless.collect());
    assert_eq!(code(&stack.chat(HELLO).await), "upstream_error");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_stays() {
    let trap = ScriptedServer::answering(200, &[], &completion_body("trapped")).await;
    let server = ScriptedServer::start(vec![]).await;
    let stack = stack(&server).await;
    for status in [301, 302, 303, 307, 308] {
        server.answer(status, &[("location", &format!("http://{}/v1/chat/completions", trap.address()))], "");
        assert_eq!(code(&stack.chat(HELLO).await), "upstream_error");
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_server_that_refuses_the_raised_limit_cannot_be_satisfied() {
    let server = ScriptedServer::start(vec![]).await;
    let models = format!(
        "upstreams: {{up: {{base_url: '{}'}}}}\nmodels: [{{alias: scripted, upstream: up, constraints: {{min_max_tokens: 16}}}}]",
        server.base_url()
    );
    let stack = Stack::builder().models(&models).start().await;
    server.answer(400, &[], r#"{"error":{"message":"Below the minimum.","param":"max_output_tokens"}}"#);
    let limited = |limit: u32| HELLO.replace("\"model\"", &format!("\"max_tokens\":{limit},\"model\""));
    assert_eq!(
        stack.chat(limited(5)).await.code_and_param(),
        ("max_tokens_below_minimum".to_owned(), "max_tokens".to_owned())
    );
    // A limit that was not raised is between the caller and the model server.
    assert_eq!(code(&stack.chat(limited(500)).await), "upstream_error");
}
