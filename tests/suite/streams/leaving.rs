//! A client that leaves a stream takes the call to the model server with it, in every phase.

use std::time::Duration;

use gateway_proto::v1::StreamChatCompletionRequest;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_tests::{BEARER, Joined, ScriptedServer, Stack, Step};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{HEAD, chat, request, send};

/// The contract's bound.
const AT_MOST: Duration = Duration::from_secs(1);
const EVENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";

/// A server that is silent before its head, before its first event, and in the middle of its stream; and whether the client
/// has heard something by then.
fn phases() -> [(Vec<Step>, bool); 3] {
    [
        (vec![Step::Hang], false),
        (vec![send(HEAD), send(": wait\n\n"), Step::Hang], false),
        (vec![send(HEAD), send(EVENT), Step::Hang], true),
    ]
}

#[tokio::test]
async fn over_http() {
    for joined in Joined::ALL {
        for (script, begins) in phases() {
            let server = ScriptedServer::start(script).await;
            let stack = Stack::builder().upstream(&server.base_url()).joined(joined).start().await;
            let body = request("x", json!({})).to_string();
            let mut client = TcpStream::connect(stack.http_address()).await.unwrap();
            let head = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            server.chat_came().await;
            if begins {
                let mut heard = Vec::new();
                while !heard.ends_with(b"\n\n\r\n") {
                    assert!(client.read_buf(&mut heard).await.unwrap() > 0);
                }
            }
            drop(client);
            timeout(AT_MOST, server.was_abandoned()).await.expect("the call upstream goes on");
            timeout(AT_MOST, stack.core.drain()).await.expect("a call stays in flight");
        }
    }
}

#[tokio::test]
async fn over_grpc() {
    for (script, begins) in phases() {
        let server = ScriptedServer::start(script).await;
        let stack = Stack::builder().upstream(&server.base_url()).start().await;
        let mut client = ChatServiceClient::new(stack.grpc());
        let mut request = tonic::Request::new(StreamChatCompletionRequest { chat: Some(chat("scripted", "x")) });
        request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
        if begins {
            let mut answer = client.stream_chat_completion(request).await.unwrap().into_inner();
            assert_eq!(answer.message().await.unwrap().unwrap().chunks.len(), 1);
            drop(answer);
        } else {
            let call = tokio::spawn(async move { client.stream_chat_completion(request).await });
            server.chat_came().await;
            call.abort();
        }
        timeout(AT_MOST, server.was_abandoned()).await.expect("the call upstream goes on");
        timeout(AT_MOST, stack.core.drain()).await.expect("a call stays in flight");
    }
}
