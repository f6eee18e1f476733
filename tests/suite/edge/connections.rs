//! Connections: silent, slow, too many, and of both protocols.

use std::time::{Duration, Instant};

use gateway_tests::Stack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(stack: &Stack) -> TcpStream {
    TcpStream::connect(stack.http_address()).await.unwrap()
}

async fn rest_of(connection: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    drop(connection.read_to_end(&mut rest).await);
    String::from_utf8_lossy(&rest).into_owned()
}

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// An answer that is not to a request has its ids, its code and its end all the same.
fn assert_error(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    for part in ["x-request-id: ", "spass-request-id: ", "connection: close", "content-type: application/json"] {
        assert!(answer.contains(part), "no {part:?} in {answer}");
    }
    assert!(answer.contains(&format!("x-error-code: {code}")), "{answer}");
    let body: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["error"]["code"], code, "{answer}");
    assert!(answer.contains(&format!("x-request-id: {}", body["error"]["request_id"].as_str().unwrap())), "{answer}");
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let stack = Stack::builder().set("--head-timeout-secs", 0.2).start().await;
    for sent in ["", "P", "PR", "PRI * HTTP/2.0\r\n"] {
        let begin = Instant::now();
        let mut connection = connect(&stack).await;
        connection.write_all(sent.as_bytes()).await.unwrap();
        rest_of(&mut connection).await;
        assert!(begin.elapsed() < Duration::from_secs(5), "{sent:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_told_so() {
    let stack = Stack::builder().set("--head-timeout-secs", 0.2).start().await;
    let begun = "GET /healthz HTTP/1.1\r\nhost: x\r\n";
    for before in ["", HEALTH] {
        let mut connection = connect(&stack).await;
        connection.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            // So that the second head begins on its own.
            let mut first = [0; 15];
            connection.read_exact(&mut first).await.unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
        }
        connection.write_all(begun.as_bytes()).await.unwrap();
        let answers = rest_of(&mut connection).await;
        assert_error(&answers[answers.find("HTTP/1.1 ").unwrap()..], 408, "request_timeout");
    }
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let stack = Stack::builder().set("--head-timeout-secs", 0.1).set("--idle-timeout-secs", 0.6).start().await;
    let begin = Instant::now();
    let mut connection = connect(&stack).await;
    connection.write_all(HEALTH.as_bytes()).await.unwrap();
    let answer = rest_of(&mut connection).await;
    // It ends without a word, since nobody asked.
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    let idle = begin.elapsed();
    assert!(idle >= Duration::from_millis(550) && idle < Duration::from_secs(5), "{idle:?}");
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let stack = Stack::builder().set("--max-connections", 2).start().await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = connect(&stack).await;
        connection.write_all(HEALTH.as_bytes()).await.unwrap();
        let mut byte = [0];
        connection.read_exact(&mut byte).await.unwrap();
        held.push(connection);
    }
    let mut refused = connect(&stack).await;
    refused.write_all(HEALTH.as_bytes()).await.unwrap();
    let answer = rest_of(&mut refused).await;
    assert_error(&answer, 503, "overloaded");
    assert!(answer.contains("retry-after: 1"), "{answer}");
    drop(held);
    // As soon as the others are gone there is room again.
    loop {
        let mut connection = connect(&stack).await;
        connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        if rest_of(&mut connection).await.starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

#[tokio::test]
async fn http2_without_tls_is_spoken_too() {
    let stack = Stack::demo().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let answer = client.get(format!("{}/healthz", stack.http_url())).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 200));
}

#[tokio::test]
async fn framing_that_readers_disagree_on_ends_the_connection() {
    let stack = Stack::demo().await;
    let smuggled = "GET /errors/forbidden HTTP/1.1\r\nhost: x\r\n\r\n";
    for head in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: +5",
        "content-length: 5, 6",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding : chunked",
        "x: a\r\n folded: b",
        "x: a\u{0}b",
    ] {
        let mut connection = connect(&stack).await;
        let request = format!("POST /healthz HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n0\r\n\r\n{smuggled}");
        connection.write_all(request.as_bytes()).await.unwrap();
        let answer = rest_of(&mut connection).await;
        assert!(!answer.contains("permission_denied"), "{head:?} let a second request through: {answer}");
    }
}
