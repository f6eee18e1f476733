//! Conversations that the gateway keeps, as a client meets them.

use gateway_tests::{HttpAnswer, Recorded, ScriptedServer, Stack, Step};
use http::Method;
use serde_json::{Value, json};

use crate::caller::Caller;

mod access;
mod keys;
mod storage_down;
mod turns;

pub(crate) use storage_down::storage_works;

/// A model server that answers each chat with what the last message said, in brackets, and as a stream where asked.
pub(crate) async fn echo() -> ScriptedServer {
    ScriptedServer::directed(|request| {
        let body = body_of(request);
        let last = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap_or("?").to_owned();
        let answer = format!("[{last}]");
        if body["stream"] == true { streamed(&answer) } else { vec![Step::Send(whole(&answer))] }
    })
    .await
}

fn body_of(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn whole(text: &str) -> Vec<u8> {
    let message = json!({"role": "assistant", "content": text});
    completion(&message, "stop")
}

fn completion(message: &Value, finish_reason: &str) -> Vec<u8> {
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]});
    let body = body.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body.into_bytes()].concat()
}

const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";

fn piece(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

fn streamed(text: &str) -> Vec<Step> {
    let (first, rest) = text.split_at(1);
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let events = format!("{STREAM_HEAD}{}{}data: {end}\n\ndata: [DONE]\n\n", piece(first), piece(rest));
    vec![Step::Send(events.into_bytes()), Step::Close]
}

/// A caller who keeps conversations.
struct Client<'a>(Caller<'a>);

impl<'a> Client<'a> {
    fn new(stack: &'a Stack) -> Self {
        Self(Caller::new(stack))
    }

    fn with(self, name: &'static str, value: &str) -> Self {
        Self(self.0.with(name, value))
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> HttpAnswer {
        self.0.send(method, path, body).await
    }

    async fn get(&self, path: &str) -> HttpAnswer {
        self.0.get(path).await
    }

    async fn turn(&self, body: Value) -> HttpAnswer {
        self.send(Method::POST, "/c1/chat", &body).await
    }

    /// Says something in a conversation, or in a new one; returns the conversation.
    async fn say(&self, conversation: Option<&str>, text: &str) -> String {
        let answer = self.turn(say(conversation, text)).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.header("x-conversation-id").unwrap().to_owned()
    }

    /// Role and content of every message of a conversation.
    async fn told(&self, conversation: &str) -> Vec<String> {
        let answer = self.get(&format!("/c1/conversations/{conversation}")).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let found = answer.json();
        let messages = found["messages"].as_array().unwrap();
        for (index, message) in messages.iter().enumerate() {
            assert_eq!(message["sequence"], index);
        }
        assert_eq!(found["message_count"], messages.len());
        messages.iter().map(|message| format!("{}: {}", message["role"].as_str().unwrap(), content(message))).collect()
    }
}

fn content(message: &Value) -> String {
    message["content"].as_str().map_or_else(|| message["content"].to_string(), str::to_owned)
}

fn say(conversation: Option<&str>, text: &str) -> Value {
    let mut body = json!({"model": "scripted", "message": text});
    if let Some(id) = conversation {
        body["conversation_id"] = id.into();
    }
    body
}

async fn stack_with(server: &ScriptedServer) -> Stack {
    Stack::builder().upstream(&server.base_url()).start().await
}
