//! When things come: the head, comments, the end of a caller's time, and the end of patience with a client.

use std::time::{Duration, Instant};

use gateway_proto::v1::StreamChatCompletionRequest;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::{ApiError, ErrorCode};
use gateway_tests::{BEARER, Joined, ScriptedServer, Stack, Step};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::{HEAD, Streamed, chat, request, send};

const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";

#[tokio::test]
async fn the_head_waits_for_the_first_event_and_not_forever() {
    let refusal = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n";
    let late = Duration::from_millis(600);
    for joined in Joined::ALL {
        // Within the wait an error has its own status; after it, it stands in the stream.
        for (wait, status) in [(10.0, 502), (0.1, 200)] {
            let server = ScriptedServer::start(vec![Step::Pause(late), send(refusal)]).await;
            let stack = Stack::builder().upstream(&server.base_url()).joined(joined);
            let stack = stack.set("--stream-head-wait-secs", wait).start().await;
            let answer = stack.chat(request("x", json!({}))).await;
            assert_eq!(answer.status, status);
            let streamed = Streamed::of(&answer);
            assert_eq!((streamed.code(), streamed.chunks.len()), (Some("upstream_error"), 0));
            if status == 502 {
                assert_eq!(answer.header("x-error-code"), Some("upstream_error"));
            } else {
                assert_eq!(streamed.error.unwrap()["request_id"], answer.header("x-request-id").unwrap());
            }
        }
    }
}

#[tokio::test]
async fn comments_come_while_nothing_else_does() {
    let script = vec![send(HEAD), Step::Pause(Duration::from_millis(700)), send(EVENT), Step::Close];
    let server = ScriptedServer::start(script).await;
    let stack = Stack::builder().upstream(&server.base_url()).set("--stream-head-wait-secs", 0.1);
    let stack = stack.set("--stream-keep-alive-secs", 0.2).start().await;
    let answer = stack.chat(request("x", json!({}))).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let comments = text.matches(": keep-alive\n\n").count();
    assert!((2..=3).contains(&comments), "{text}");
    assert!(text.starts_with(": keep-alive\n\n"), "{text}");
    assert_eq!(Streamed::of(&answer).text(), "a");
}

#[tokio::test]
async fn a_callers_time_runs_out_in_mid_stream() {
    let server = ScriptedServer::start(vec![send(HEAD), send(EVENT.replace("\"stop\"", "null")), Step::Hang]).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let mut request = tonic::Request::new(StreamChatCompletionRequest { chat: Some(chat("scripted", "x")) });
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    // As metadata alone, so that only the core's clock runs.
    request.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
    let begin = Instant::now();
    let mut answer = ChatServiceClient::new(stack.grpc()).stream_chat_completion(request).await.unwrap().into_inner();
    assert_eq!(answer.message().await.unwrap().unwrap().chunks.len(), 1);
    let status = answer.message().await.unwrap_err();
    assert_eq!(ApiError::from_status(&status).unwrap().code(), ErrorCode::UpstreamTimeout);
    assert!(begin.elapsed() < Duration::from_secs(5));
    timeout(Duration::from_secs(1), server.was_abandoned()).await.expect("the call upstream goes on");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_taken_for_gone() {
    let event = EVENT.replace("\"a\"", &format!("\"{}\"", "a".repeat(1000))).replace("\"stop\"", "null");
    let server = ScriptedServer::start(vec![send(HEAD), send(event.repeat(20_000)), Step::Hang]).await;
    let stack = Stack::builder().upstream(&server.base_url()).set("--write-timeout-secs", 0.3).start().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = socket.connect(stack.http_address()).await.unwrap();
    let body = request("x", json!({})).to_string();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    timeout(Duration::from_secs(10), server.was_abandoned()).await.expect("the call upstream goes on");
    timeout(Duration::from_secs(1), stack.core.drain()).await.expect("a call stays in flight");
    // What was on its way arrives, and then nothing: not even an end in good order.
    let mut heard = Vec::new();
    drop(client.read_to_end(&mut heard).await);
    assert!(!heard.ends_with(b"0\r\n\r\n"));
}
