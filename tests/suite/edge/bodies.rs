//! Request bodies: packed, oversize, too slow, too many.

use std::time::Duration;

use gateway_tests::{BEARER, Joined, Stack};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HELLO: &str = r#"{"model":"demo","messages":[{"role":"user","content":"Hello"}]}"#;

/// A body that unpacks to so many bytes, as gzip stores it without any library: in blocks that are not compressed.
fn stored_gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = body.chunks(65_535).peekable();
    while let Some(block) = blocks.next() {
        packed.push(u8::from(blocks.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap();
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend_from_slice(block);
    }
    let mut crc = u32::MAX;
    for byte in body {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    packed.extend((!crc).to_le_bytes());
    packed.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    packed
}

#[tokio::test]
async fn the_limit_is_exact_and_the_same_on_every_way() {
    for joined in Joined::ALL {
        let stack = Stack::builder().set("--max-body-bytes", 100_000).joined(joined).start().await;
        for (bytes, status) in [(99_999, 200), (100_000, 200), (100_001, 413)] {
            let body = format!("{HELLO}{}", " ".repeat(bytes - HELLO.len()));
            assert_eq!(stack.chat(&body).await.status, status, "{bytes} bytes");
            let packed = stored_gzip(body.as_bytes());
            let bearer = format!("Bearer {BEARER}");
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ];
            let answer = stack.send(Method::POST, "/v1/chat/completions", &headers, packed).await;
            // Counted after decompression, though the packed body with its frame is a little larger still.
            assert_eq!(answer.status == 200, status == 200, "{bytes} bytes packed: {}", answer.json());
        }
    }
}

#[tokio::test]
async fn what_is_not_packed_as_it_says_is_refused() {
    let stack = Stack::demo().await;
    for (encoding, body) in
        [("gzip", HELLO), ("br", "\u{1}\u{2}"), ("zstd", HELLO), ("deflate", HELLO), ("gzip, br", HELLO)]
    {
        let answer = stack.chat_with(&[("content-encoding", encoding)], body).await;
        assert_eq!(
            answer.code_and_param(),
            ("invalid_json".to_owned(), "headers.content-encoding".to_owned()),
            "{encoding}"
        );
    }
    assert_eq!(stack.chat_with(&[("content-encoding", "identity")], HELLO).await.status, 200);
}

/// A raw connection with the head of a chat sent.
async fn begin_chat(stack: &Stack, more: &str) -> TcpStream {
    let mut connection = TcpStream::connect(stack.http_address()).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\n{more}\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

async fn answer_of(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the answer is the end all the same.
    drop(connection.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let stack = Stack::builder().set("--body-timeout-secs", 0.2).start().await;
    for more in ["content-length: 100", "content-length: 100000", "transfer-encoding: chunked"] {
        let mut connection = begin_chat(&stack, more).await;
        connection.write_all(if more.contains("chunked") { b"5\r\n{\"mod\r\n" } else { b"{\"mod" }).await.unwrap();
        let answer = answer_of(connection).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{more}: {answer}");
        for part in ["x-error-code: request_timeout", "x-should-retry: true", "\"code\":\"request_timeout\""] {
            assert!(answer.contains(part), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_steady_body_may_take_its_time() {
    let stack = Stack::builder().set("--body-timeout-secs", 0.3).start().await;
    let body = format!("{HELLO}{}", " ".repeat(4000 - HELLO.len()));
    let mut connection = begin_chat(&stack, "content-length: 4000\r\nconnection: close").await;
    for piece in body.as_bytes().chunks(1000) {
        connection.write_all(piece).await.unwrap();
        // Slower than the bare timeout would allow, faster than the least speed.
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert!(answer_of(connection).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn bodies_beyond_the_room_are_refused_before_they_are_read() {
    let stack = Stack::builder().set("--max-bytes-in-flight", 1_000_000).start().await;
    let mut first = begin_chat(&stack, "content-length: 900000\r\nconnection: close").await;
    first.write_all(HELLO.as_bytes()).await.unwrap();
    // The room is taken once the core was asked; until then the second one finds it empty.
    let second = loop {
        let answer =
            answer_of(begin_chat(&stack, "content-length: 200000\r\nexpect: 100-continue\r\nconnection: close").await);
        match tokio::time::timeout(Duration::from_millis(500), answer).await {
            Ok(answer) if answer.starts_with("HTTP/1.1 503") => break answer,
            _ => {}
        }
    };
    assert!(second.contains("\"code\":\"overloaded\"") && second.contains("retry-after: 1"), "{second}");
    // A small one finds room, and the first one is served when it is whole.
    assert_eq!(stack.chat(HELLO).await.status, 200);
    first.write_all(" ".repeat(900_000 - HELLO.len()).as_bytes()).await.unwrap();
    assert!(answer_of(first).await.starts_with("HTTP/1.1 200"));
    assert_eq!(stack.chat(format!("{HELLO}{}", " ".repeat(900_000))).await.status, 200);
}

#[tokio::test]
async fn expect_100_continue_is_answered_only_when_the_body_is_wanted() {
    let stack = Stack::demo().await;
    let mut connection =
        begin_chat(&stack, &format!("content-length: {}\r\nexpect: 100-continue\r\nconnection: close", HELLO.len()))
            .await;
    let mut interim = [0; 25];
    connection.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(HELLO.as_bytes()).await.unwrap();
    assert!(answer_of(connection).await.starts_with("HTTP/1.1 200"));

    let mut refused = TcpStream::connect(stack.http_address()).await.unwrap();
    let head =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 33000000\r\nexpect: 100-continue\r\n\r\n";
    refused.write_all(head.as_bytes()).await.unwrap();
    assert!(answer_of(refused).await.starts_with("HTTP/1.1 401"));
}
