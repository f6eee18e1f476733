//! Several model servers behind an alias: who answers, who is asked after a failure, and who is left alone.

mod circuits;
mod composites;
mod failover;
mod kills;
mod quotas;
mod repetitions;
mod rules;
mod turns;

use std::collections::HashMap;

use gateway_proto::ApiError;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, CreateChatCompletionRequest, StreamChatCompletionRequest, assistant_message,
    message_delta,
};
use gateway_tests::{BEARER, HttpAnswer, Recorded, ScriptedServer, Stack, Step, completion_body};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

/// The four ways to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    HttpWhole,
    HttpStream,
    GrpcWhole,
    GrpcStream,
}

impl Way {
    const ALL: [Self; 4] = [Self::HttpWhole, Self::HttpStream, Self::GrpcWhole, Self::GrpcStream];
}

/// What came of a chat.
#[derive(Debug, Default)]
struct Outcome {
    text: String,
    /// The code of the error, in the answer's place or at its end.
    code: Option<String>,
    message: String,
    /// The wait in seconds.
    retry_after: Option<u64>,
    retryable: bool,
    fallbacks: Value,
    /// What tells who served.
    told: HashMap<String, String>,
}

impl Outcome {
    fn told(&self, name: &str) -> Option<&str> {
        self.told.get(name).map(String::as_str)
    }

    fn backend(&self) -> Option<&str> {
        self.told("spass-resolved-backend")
    }

    fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

/// Asks for an answer to this text.
async fn ask(stack: &Stack, way: Way, model: &str, content: &str) -> Outcome {
    let streamed = matches!(way, Way::HttpStream | Way::GrpcStream);
    match way {
        Way::HttpWhole | Way::HttpStream => {
            let messages = json!([{"role": "user", "content": content}]);
            let body = json!({"model": model, "messages": messages, "stream": streamed});
            over_http(&stack.chat(body).await)
        }
        Way::GrpcWhole | Way::GrpcStream => over_grpc(stack, streamed, model, content).await,
    }
}

fn over_http(answer: &HttpAnswer) -> Outcome {
    let mut outcome = Outcome { told: told(|name| answer.header(name).map(str::to_owned)), ..Outcome::default() };
    outcome.retry_after = answer.header("retry-after").map(|wait| wait.parse().unwrap());
    outcome.retryable = answer.header("x-should-retry") == Some("true");
    let body = String::from_utf8(answer.body.to_vec()).unwrap();
    let events: Vec<Value> = if answer.header("content-type") == Some("text/event-stream") {
        let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
        data.map(|data| serde_json::from_str(data).unwrap()).collect()
    } else {
        vec![answer.json()]
    };
    for event in events {
        let choice = &event["choices"][0];
        let text = choice["message"]["content"].as_str().or(choice["delta"]["content"].as_str());
        outcome.text.push_str(text.unwrap_or_default());
        if let Some(code) = event["error"]["code"].as_str() {
            outcome.code = Some(code.to_owned());
            outcome.message = event["error"]["message"].as_str().unwrap().to_owned();
            outcome.fallbacks = event["error"]["available_fallbacks"].clone();
        }
    }
    outcome
}

async fn over_grpc(stack: &Stack, streamed: bool, model: &str, content: &str) -> Outcome {
    let message = json!({"role": "user", "content": content}).to_string();
    let message = ChatMessage { message_json: message.into(), ..ChatMessage::default() };
    let chat = Some(ChatRequest { model: model.to_owned(), messages: vec![message], ..ChatRequest::default() });
    let mut client = ChatServiceClient::new(stack.grpc());
    let mut outcome = Outcome::default();
    let ended = if streamed {
        match client.stream_chat_completion(authorized(StreamChatCompletionRequest { chat })).await {
            Ok(response) => {
                outcome.told = told_over_grpc(response.metadata());
                let mut stream = response.into_inner();
                loop {
                    match stream.message().await {
                        Ok(Some(message)) => {
                            let choices = message.chunks.iter().flat_map(|chunk| &chunk.choices);
                            for delta in choices.filter_map(|choice| choice.delta.as_ref()) {
                                if let Some(message_delta::Content::Text(text)) = &delta.content {
                                    outcome.text.push_str(text);
                                }
                            }
                        }
                        Ok(None) => break Ok(()),
                        Err(status) => break Err(status),
                    }
                }
            }
            Err(status) => Err(status),
        }
    } else {
        client.create_chat_completion(authorized(CreateChatCompletionRequest { chat })).await.map(|response| {
            outcome.told = told_over_grpc(response.metadata());
            let completion = response.into_inner().completion.unwrap();
            let message = completion.choices[0].message.as_ref().unwrap();
            if let Some(assistant_message::Content::Text(text)) = &message.content {
                outcome.text.clone_from(text);
            }
        })
    };
    if let Err(status) = ended {
        failed(&mut outcome, &status);
    }
    outcome
}

fn failed(outcome: &mut Outcome, status: &Status) {
    let error = ApiError::from_status(status).unwrap_or_else(|| panic!("{status:?}"));
    outcome.code = Some(error.code().facts().code.to_owned());
    outcome.message = error.message().to_owned();
    outcome.retry_after = error.retry_after().map(|wait| wait.as_secs());
    outcome.retryable = error.retryable();
    let fallbacks = error.metadata("available_fallbacks").map(|list| serde_json::from_str(list).unwrap());
    outcome.fallbacks = fallbacks.unwrap_or_default();
}

fn authorized<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    request
}

fn told_over_grpc(metadata: &MetadataMap) -> HashMap<String, String> {
    told(|name| metadata.get(name).map(|value| value.to_str().unwrap().to_owned()))
}

fn told(value: impl Fn(&str) -> Option<String>) -> HashMap<String, String> {
    let names = ["spass-resolved-backend", "spass-resolved-model", "spass-applied"];
    names.into_iter().filter_map(|name| Some((name.to_owned(), value(name)?))).collect()
}

// === servers ===

/// What a server answers that is well, to a request for a whole answer or for a stream.
fn well(text: &str, request: &Recorded) -> Vec<Step> {
    if body_of(request)["stream"] != json!(true) {
        return vec![http_answer(200, "", &completion_body(text))];
    }
    let chunk =
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
    vec![send(stream_head()), send(format!("data: {chunk}\n\ndata: [DONE]\n\n")), Step::Close]
}

fn stream_head() -> &'static str {
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
}

async fn well_server(text: &'static str) -> ScriptedServer {
    ScriptedServer::directed(move |request| well(text, request)).await
}

fn http_answer(status: u16, headers: &str, body: &str) -> Step {
    let head = format!("HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\n{headers}");
    send(format!("{head}content-length: {}\r\n\r\n{body}", body.len()))
}

fn send(text: impl AsRef<[u8]>) -> Step {
    Step::Send(text.as_ref().to_vec())
}

fn body_of(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The base URL of a server that is not there.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

/// A models file of servers, each a name, a base URL and what else is said of it, and of this text.
fn models(servers: &[(&str, &str, &str)], models: &str) -> String {
    let server = |(name, base_url, more): &(&str, &str, &str)| format!("  {name}: {{base_url: '{base_url}'{more}}}\n");
    format!("upstreams:\n{}models:\n{models}", servers.iter().map(server).collect::<String>())
}

/// Two tiers of one server each.
const TWO_TIERS: &str =
    "  - {alias: asked, tiers: [[{upstream: one, upstream_model: m1}], [{upstream: two, upstream_model: m2}]]}\n";
