//! A client that goes away takes its call to the model server with it.

use std::time::Duration;

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{ChatMessage, ChatRequest, CreateChatCompletionRequest};
use gateway_tests::{BEARER, Joined, ScriptedServer, Stack, Step};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The contract's bound.
const AT_MOST: Duration = Duration::from_secs(1);
const MESSAGE: &str = r#"{"role":"user","content":"Hello"}"#;

/// A server that is silent before its head, in the middle of its head, and in the middle of its body.
fn phases() -> [Vec<Step>; 3] {
    let send = |text: &str| Step::Send(text.as_bytes().to_vec());
    [
        vec![Step::Hang],
        vec![send("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Hang],
        vec![send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":"), Step::Hang],
    ]
}

#[tokio::test]
async fn a_client_that_leaves_over_http_ends_the_call_upstream() {
    for joined in Joined::ALL {
        for script in phases() {
            let server = ScriptedServer::start(script).await;
            let stack = Stack::builder().upstream(&server.base_url()).joined(joined).start().await;
            let body = format!(r#"{{"model":"scripted","messages":[{MESSAGE}]}}"#);
            let mut client = TcpStream::connect(stack.http_address()).await.unwrap();
            let head = format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            server.chat_came().await;
            drop(client);
            timeout(AT_MOST, server.was_abandoned()).await.expect("the call upstream goes on");
            timeout(AT_MOST, nothing_in_flight(&stack)).await.expect("a call stays in flight");
        }
    }
}

#[tokio::test]
async fn a_client_that_leaves_over_grpc_ends_the_call_upstream() {
    for script in phases() {
        let server = ScriptedServer::start(script).await;
        let stack = Stack::builder().upstream(&server.base_url()).start().await;
        let mut client = ChatServiceClient::new(stack.grpc());
        let message = ChatMessage { message_json: MESSAGE.into(), ..ChatMessage::default() };
        let chat = ChatRequest { model: "scripted".to_owned(), messages: vec![message], ..ChatRequest::default() };
        let mut request = tonic::Request::new(CreateChatCompletionRequest { chat: Some(chat) });
        request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
        let call = tokio::spawn(async move { client.create_chat_completion(request).await });
        server.chat_came().await;
        call.abort();
        timeout(AT_MOST, server.was_abandoned()).await.expect("the call upstream goes on");
        timeout(AT_MOST, nothing_in_flight(&stack)).await.expect("a call stays in flight");
    }
}

/// Waits until the core has given back what the call held.
async fn nothing_in_flight(stack: &Stack) {
    stack.core.drain().await;
}
