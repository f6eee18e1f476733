//! Streamed chats: `stream: true` over HTTP, StreamChatCompletion over gRPC.

mod answers;
mod cuts;
mod leaving;
mod times;

use gateway_proto::ApiError;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{ChatCompletionChunk, ChatMessage, ChatRequest, StreamChatCompletionRequest};
use gateway_tests::{BEARER, HttpAnswer, Stack, Step};
use serde_json::{Value, json};
use tonic::{Request, Status};

/// The head of a stream that ends where the connection ends.
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

/// A server's stream of this text, closed after it.
fn closed(text: impl AsRef<[u8]>) -> Vec<Step> {
    vec![send(HEAD), send(text), Step::Close]
}

/// The body of a request for a stream.
fn request(content: &str, more: Value) -> Value {
    let mut body = json!({"model": "scripted", "stream": true, "messages": [{"role": "user", "content": content}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What came of a stream.
#[derive(Debug)]
struct Streamed {
    chunks: Vec<Value>,
    /// The error, in the stream or in its place.
    error: Option<Value>,
    /// Whether the error stood in place of the stream.
    refused: bool,
}

impl Streamed {
    /// Reads an answer over HTTP, which must end as every stream does.
    fn of(answer: &HttpAnswer) -> Self {
        if answer.status != 200 {
            assert_eq!(answer.header("content-type"), Some("application/json"));
            return Self { chunks: Vec::new(), error: Some(answer.error()), refused: true };
        }
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let text = std::str::from_utf8(&answer.body).unwrap();
        let events = text.strip_suffix("data: [DONE]\n\n").unwrap_or_else(|| panic!("no end in {text}"));
        let mut chunks = Vec::new();
        for event in events.split_terminator("\n\n").filter(|event| !event.starts_with(':')) {
            let data = event.strip_prefix("data: ").unwrap_or_else(|| panic!("{event} is no event"));
            chunks.push(serde_json::from_str::<Value>(data).unwrap());
        }
        let error = chunks.pop_if(|last| last.get("error").is_some()).map(|mut last| last["error"].take());
        assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"), "{text}");
        Self { chunks, error, refused: false }
    }

    fn code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error["code"].as_str().unwrap())
    }

    /// All text of the first answer.
    fn text(&self) -> String {
        self.chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
    }
}

/// What came of a stream over gRPC: the chunks, and the error at its end or in its place.
async fn over_grpc(stack: &Stack, chat: ChatRequest) -> (Vec<ChatCompletionChunk>, Option<ApiError>) {
    let mut request = Request::new(StreamChatCompletionRequest { chat: Some(chat) });
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    let error = |status: Status| ApiError::from_status(&status).unwrap_or_else(|| panic!("{status:?}"));
    let mut answer = match ChatServiceClient::new(stack.grpc()).stream_chat_completion(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return (Vec::new(), Some(error(status))),
    };
    let mut chunks = Vec::new();
    loop {
        match answer.message().await {
            Ok(Some(message)) => chunks.extend(message.chunks),
            Ok(None) => return (chunks, None),
            Err(status) => return (chunks, Some(error(status))),
        }
    }
}

/// A chat of one message, for gRPC.
fn chat(model: &str, content: &str) -> ChatRequest {
    let message = json!({"role": "user", "content": content}).to_string();
    let message = ChatMessage { message_json: message.into(), ..ChatMessage::default() };
    ChatRequest { model: model.to_owned(), messages: vec![message], ..ChatRequest::default() }
}
