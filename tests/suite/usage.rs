//! What calls use, what they cost, and what a tenant may use.

mod budgets;
mod costs;
mod leaving;

use gateway_tests::{BEARER, HttpAnswer, Recorded, ScriptedServer, Stack, StackBuilder, Step};
use http::Method;
use serde_json::{Value, json};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const PIECE: &str = r#"{"id":"c","created":7,"choices":[{"index":0,"delta":{"content":"abcdefgh"}}]}"#;
const END: &str = r#"{"id":"c","created":7,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"id":"c","created":7,"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"prompt_tokens_details":{"cached_tokens":400}}}"#;
/// What that costs at the prices of `priced`: 600 x 150 + 400 x 75 + 10 x 600 billionths.
const COST: f64 = 0.000_126;

fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

/// A stream of these events, which ends in good order.
fn events(events: &[&str]) -> Vec<Step> {
    let text: String = events.iter().chain(&["[DONE]"]).map(|event| format!("data: {event}\n\n")).collect();
    vec![send(HEAD), send(text), Step::Close]
}

/// A whole answer of this text.
fn whole(text: &str, usage: Option<Value>) -> Vec<Step> {
    let choice = json!({"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
    let mut body = json!({"id": "c", "object": "chat.completion", "created": 7, "model": "m", "choices": [choice]});
    if let Some(usage) = usage {
        body["usage"] = usage;
    }
    let body = body.to_string();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    vec![send(head + &body)]
}

/// Usage of so many tokens.
fn used(prompt: u32, completion: u32) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

/// A stack with the models `priced` and `free` of this server.
fn stack_of(server: &ScriptedServer) -> StackBuilder {
    Stack::builder().models(&format!(
        "upstreams: {{scripted: {{base_url: '{}'}}}}\n\
         models:\n\
         - alias: priced\n  upstream: scripted\n  reserve_output_tokens: 50\n  prices: {{input_per_million_usd: 0.15, output_per_million_usd: 0.6, cached_input_per_million_usd: 0.075}}\n\
         - alias: free\n  upstream: scripted\n  reserve_output_tokens: 50\n",
        server.base_url()
    ))
}

fn body(model: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn body_of(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// What is booked: the row of this model, once so many of its requests are.
async fn booked(stack: &Stack, model: &str, requests: u64) -> Value {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let answer = stack.get("/v1/usage?granularity=month").await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let found = answer.json();
        let row = found["items"].as_array().unwrap().iter().find(|row| row["model"] == model).cloned();
        match row {
            Some(row) if row["requests"].as_u64().unwrap() >= requests => {
                assert_eq!(row["requests"], requests, "{row}");
                return row;
            }
            _ => assert!(tokio::time::Instant::now() < deadline, "never booked: {found}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

async fn post(stack: &Stack, path: &str, bearer: &str, body: &Value) -> HttpAnswer {
    let bearer = format!("Bearer {bearer}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    stack.send(Method::POST, path, &headers, body.to_string()).await
}
