//! A stream that is cut, reset, stalled or garbled at any byte has one defined outcome, over HTTP and gRPC alike.

use std::sync::Arc;
use std::time::Duration;

use gateway_tests::{Recorded, ScriptedServer, Stack, Step};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{HEAD, Streamed, chat, closed, over_grpc, request, send};

/// How many streams are tried at once.
const AT_ONCE: usize = 32;
/// What a server that stalls is given.
const IDLE_SECS: f64 = 0.5;

/// A recorded stream, and what is to be known of it.
struct Recording {
    bytes: Vec<u8>,
    /// For each event of the answer: the end of its data, and the end of the empty line after it.
    events: Vec<(usize, usize)>,
    chunks: Vec<Value>,
    /// The end of the data of `[DONE]`, and of its empty line.
    done: (usize, usize),
}

impl Recording {
    fn new() -> Self {
        let chunk = |delta: Value, finish_reason: Value| {
            json!({
                "id": "c", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "scripted",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
            })
        };
        let chunks = vec![
            chunk(json!({"role": "assistant", "content": ""}), Value::Null),
            chunk(json!({"content": "hé\u{1f600}"}), Value::Null),
            chunk(json!({"tool_calls": [{"index": 0, "id": "t", "function": {"arguments": "{\"a\":"}}]}), Value::Null),
            chunk(json!({}), json!("stop")),
        ];
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
        let mut bytes = b": recorded\n\n".to_vec();
        let mut push = |data: String| {
            bytes.extend_from_slice(format!("data: {data}").as_bytes());
            let end = bytes.len();
            bytes.extend_from_slice(b"\n\n");
            (end, bytes.len())
        };
        let events = chunks.iter().map(|chunk| push(chunk.to_string())).collect();
        push(usage.to_string());
        let done = push("[DONE]".to_owned());
        Self { bytes, events, chunks, done }
    }

    /// What is to come of a stream of which this much arrived and that then ended with `code`. `closes` tells whether the
    /// end was in good order, so that an event counts that lacks nothing but the empty line after it.
    fn outcome(&self, arrived: usize, closes: bool, code: &'static str) -> (usize, Option<&'static str>) {
        let is_there = |(data, line): &(usize, usize)| arrived >= if closes { *data } else { *line };
        let events = self.events.iter().filter(|event| is_there(event)).count();
        let is_whole = events == self.events.len() || is_there(&self.done);
        (events, (!is_whole).then_some(code))
    }
}

/// Tries a stream at every byte, over both wires. The script is made of the offset, the outcome is checked with it.
async fn at_every_byte(
    script: impl Fn(&Recording, usize) -> Vec<Step> + Send + Sync + 'static,
    check: impl Fn(&Recording, usize, usize, Option<&str>) + Send + Sync + 'static,
) {
    let recording = Arc::new(Recording::new());
    let (played, check) = (Arc::clone(&recording), Arc::new(check));
    let server = ScriptedServer::directed(move |request: &Recorded| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        script(&played, body["messages"][0]["content"].as_str().unwrap().parse().unwrap())
    });
    let server = server.await;
    let stack = Stack::builder().upstream(&server.base_url()).set("--upstream-idle-timeout-secs", IDLE_SECS);
    // Each stream is to fail in its own way, however many did before.
    let stack = Arc::new(stack.set("--upstream-breaker-failures", 0).start().await);
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut tries = JoinSet::new();
    for offset in 0..=recording.bytes.len() {
        let slot = Arc::clone(&slots).acquire_owned().await.unwrap();
        let (recording, stack, check) = (Arc::clone(&recording), Arc::clone(&stack), Arc::clone(&check));
        tries.spawn(async move {
            let http = Streamed::of(&stack.chat(request(&offset.to_string(), json!({}))).await);
            check(&recording, offset, http.chunks.len(), http.code());
            assert!(http.chunks.iter().all(|chunk| recording.chunks.contains(chunk)), "at {offset}: {http:?}");
            // An error takes the place of a stream of which nothing came.
            assert_eq!(http.refused, http.code().is_some() && http.chunks.is_empty(), "at {offset}");

            let (chunks, error) = over_grpc(&stack, chat("scripted", &offset.to_string())).await;
            check(&recording, offset, chunks.len(), error.as_ref().map(|error| error.code().facts().code));
            let message = http.error.as_ref().map(|error| error["message"].as_str().unwrap());
            assert_eq!(error.as_ref().map(gateway_proto::ApiError::message), message, "at {offset}");
            drop(slot);
        });
    }
    while let Some(tried) = tries.join_next().await {
        tried.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_is_closed_at_any_byte() {
    at_every_byte(
        |recording, offset| closed(&recording.bytes[..offset]),
        |recording, offset, chunks, code| {
            assert_eq!((chunks, code), recording.outcome(offset, true, "upstream_error"), "at {offset}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_whose_framing_breaks_off_at_any_byte() {
    at_every_byte(
        |recording, offset| {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            let size = if offset == 0 { String::new() } else { format!("{offset:x}\r\n") };
            vec![send(head), send(size), send(&recording.bytes[..offset]), Step::Close]
        },
        |recording, offset, chunks, code| {
            assert_eq!((chunks, code), recording.outcome(offset, false, "upstream_error"), "at {offset}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_stalls_at_any_byte() {
    at_every_byte(
        |recording, offset| vec![send(HEAD), send(&recording.bytes[..offset]), Step::Hang],
        |recording, offset, chunks, code| {
            assert_eq!((chunks, code), recording.outcome(offset, false, "upstream_timeout"), "at {offset}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_is_reset_at_any_byte() {
    at_every_byte(
        |recording, offset| vec![send(HEAD), send(&recording.bytes[..offset]), Step::Reset],
        |recording, offset, chunks, code| {
            // A reset may overtake what was sent before it; it never makes an answer out of a part of one.
            let (most, _) = recording.outcome(offset, false, "");
            assert!(chunks <= most, "at {offset}: {chunks}");
            let whole = chunks == recording.chunks.len();
            assert_eq!(code, (!whole).then_some(code.unwrap_or("none")), "at {offset}");
            assert!(matches!(code, None | Some("upstream_error" | "upstream_unavailable")), "at {offset}: {code:?}");
        },
    )
    .await;
}

#[tokio::test]
async fn a_stream_that_is_garbled_at_any_byte() {
    for garbage in [b'\0', 0xff] {
        at_every_byte(
            move |recording, offset| {
                let mut bytes = recording.bytes.clone();
                if let Some(byte) = bytes.get_mut(offset) {
                    *byte = garbage;
                }
                closed(bytes)
            },
            |recording, offset, chunks, code| {
                assert!(chunks <= recording.chunks.len(), "at {offset}");
                assert!(matches!(code, None | Some("upstream_error")), "at {offset}: {code:?}");
            },
        )
        .await;
    }
}

#[tokio::test]
async fn each_of_several_answers_has_to_end() {
    let end = |index: u32| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n")
    };
    for (events, more, code) in [
        (end(0), json!({"n": 2}), Some("upstream_error")),
        (end(0) + &end(1), json!({"n": 2}), None),
        (end(0) + "data: [DONE]\n\n", json!({"n": 2}), None),
        (
            "data: {\"choices\":[{\"index\":0,\"delta\":{}},{\"index\":1,\"delta\":{}}]}\n\n".to_owned() + &end(1),
            json!({}),
            Some("upstream_error"),
        ),
        ("data: [DONE]\n\n".to_owned(), json!({}), None),
    ] {
        let server = ScriptedServer::start(closed(&events)).await;
        let stack = Stack::builder().upstream(&server.base_url()).start().await;
        let streamed = Streamed::of(&stack.chat(request("x", more)).await);
        assert_eq!(streamed.code(), code, "{events}");
    }
}

#[tokio::test]
async fn what_is_no_stream_is_an_upstream_error() {
    let body = |kind: &str, body: &str| {
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    let events = |events: &str| format!("{HEAD}{events}");
    let good = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
    for (answer, message) in [
        (body("text/html", "<html>Welcome</html>"), "broke"),
        (body("application/json", &gateway_tests::completion_body("x")), "not a chat completion"),
        (body("application/json", r#"{"error":{"message":"out of tea"}}"#), "out of tea"),
        (body("text/event-stream", ""), "broke"),
        (events("data: <html>\n\n"), "not a chat completion"),
        (events("data: {\"error\":{\"message\":\"out of tea\",\"code\":429}}\n\n"), "out of tea"),
        (events("event: error\ndata: {\"message\":\"out of tea\"}\n\n"), "broke"),
        (events(&format!("{good}data: {{\"error\":\"out of tea at http://inner:80/x\"}}\n\n")), "out of tea at [url]"),
        (events(&format!("{good}data: {}\n\n", "[".repeat(10_000))), "not a chat completion"),
    ] {
        let server = ScriptedServer::start(vec![send(&answer), Step::Close]).await;
        let stack = Stack::builder().upstream(&server.base_url()).start().await;
        let streamed = Streamed::of(&stack.chat(request("x", json!({}))).await);
        assert_eq!(streamed.code(), Some("upstream_error"), "{answer}");
        let found = streamed.error.unwrap()["message"].as_str().unwrap().to_owned();
        assert!(found.contains(message), "{answer}: {found}");
        assert_eq!(streamed.refused, streamed.chunks.is_empty(), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_and_a_line_of_it_are_bounded() {
    let endless = |event: &str| vec![send(HEAD), send(event.repeat(100_000 / event.len() + 1)), Step::Hang];
    for script in [
        endless("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"aaaaaaaa\"}}]}\n\n"),
        endless(": comment\n"),
        endless("data: a\n"),
        endless("x"),
    ] {
        let server = ScriptedServer::start(script).await;
        let stack = Stack::builder().upstream(&server.base_url()).set("--max-upstream-response-bytes", 65536);
        let stack = stack.start().await;
        let streamed = Streamed::of(&stack.chat(request("x", json!({}))).await);
        assert_eq!(streamed.code(), Some("upstream_error"), "{streamed:?}");
        assert!(streamed.error.unwrap()["message"].as_str().unwrap().contains("65536 bytes"));
        tokio::time::timeout(Duration::from_secs(1), server.was_abandoned()).await.expect("the call upstream goes on");
    }
}
