//! The tool loop, as a client meets it: a model that asks for tools of the gateway, over HTTP and gRPC, whole and streamed.

use std::sync::atomic::{AtomicUsize, Ordering};

use gateway_tests::{BEARER, HttpAnswer, Recorded, ScriptedServer, Stack, StackBuilder, Step};
use http::Method;
use serde_json::{Value, json};

use crate::caller::Caller;

mod confirm;
mod ends;
mod hostile;
mod mixed;
mod rules;
mod steps;
mod turns;

/// What a model says in one call: text, calls, or both.
#[derive(Clone, Debug)]
struct Says {
    text: Option<&'static str>,
    calls: Vec<Value>,
}

fn text(text: &'static str) -> Says {
    Says { text: Some(text), calls: Vec::new() }
}

/// Asks for tools, each with its arguments.
fn asks(calls: &[(&str, Value)]) -> Says {
    let calls = calls.iter().enumerate().map(|(index, (name, arguments))| {
        let arguments = arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned);
        json!({"id": format!("call-{index}"), "type": "function", "function": {"name": name, "arguments": arguments}})
    });
    Says { text: None, calls: calls.collect() }
}

impl Says {
    fn after(mut self, text: &'static str) -> Self {
        self.text = Some(text);
        self
    }

    fn finish_reason(&self) -> &'static str {
        if self.calls.is_empty() { "stop" } else { "tool_calls" }
    }

    fn whole(&self) -> Vec<Step> {
        let mut message = json!({"role": "assistant", "content": self.text});
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.clone().into();
        }
        let choice = json!({"index": 0, "message": message, "finish_reason": self.finish_reason()});
        let body = json!({
            "id": "chatcmpl-x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice],
            "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
        });
        let body = body.to_string();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
        vec![Step::Send(format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes())]
    }

    fn streamed(&self) -> Vec<Step> {
        let mut deltas = vec![json!({"role": "assistant", "content": ""})];
        if let Some(text) = self.text {
            let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(index, _)| index);
            deltas.extend([&text[..middle], &text[middle..]].map(|piece| json!({"content": piece})));
        }
        for (index, call) in self.calls.iter().enumerate() {
            let arguments = call["function"]["arguments"].as_str().unwrap();
            let name = &call["function"]["name"];
            let begin = json!({
                "index": index, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""},
            });
            deltas.push(json!({"tool_calls": [begin]}));
            let half = arguments.char_indices().nth(arguments.chars().count() / 2).map_or(0, |(index, _)| index);
            for piece in [&arguments[..half], &arguments[half..]] {
                deltas.push(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}));
            }
        }
        let chunk = |choices: Value| json!({"id": "chatcmpl-x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices});
        let mut events: Vec<Value> = deltas
            .into_iter()
            .map(|delta| chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}])))
            .collect();
        events.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": self.finish_reason()}])));
        let mut usage = chunk(json!([]));
        usage["usage"] = json!({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13});
        events.push(usage);
        let mut sent = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_owned();
        events.iter().for_each(|event| sent.push_str(&format!("data: {event}\n\n")));
        sent.push_str("data: [DONE]\n\n");
        vec![Step::Send(sent.into_bytes()), Step::Close]
    }
}

fn body_of(request: &Recorded) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// A model that says one thing after the other, and the last of them again and again.
async fn model(says: Vec<Says>) -> ScriptedServer {
    let calls = AtomicUsize::new(0);
    model_by(move |_| says[calls.fetch_add(1, Ordering::Relaxed).min(says.len() - 1)].clone()).await
}

/// A model that says what comes of its request.
async fn model_by(say: impl Fn(&Value) -> Says + Send + Sync + 'static) -> ScriptedServer {
    ScriptedServer::directed(move |request| {
        let body = body_of(request);
        let said = say(&body);
        if body["stream"] == true { said.streamed() } else { said.whole() }
    })
    .await
}

fn stack_of(server: &ScriptedServer) -> StackBuilder {
    Stack::builder().upstream(&server.base_url())
}

/// How a chat is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Whole,
    Stream,
}

const FORMS: [Form; 2] = [Form::Whole, Form::Stream];

/// What came of a chat, whichever form it had.
#[derive(Debug)]
struct Came {
    answer: HttpAnswer,
    text: String,
    finish_reason: Value,
    calls: Vec<Value>,
    usage: Value,
    /// Names of events, in a stream.
    events: Vec<String>,
    notices: Vec<Value>,
    ids: Vec<Value>,
    roles: usize,
}

impl Came {
    fn of(answer: HttpAnswer, form: Form) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.json());
        match form {
            Form::Whole => Self::of_whole(answer),
            Form::Stream => Self::of_stream(answer),
        }
    }

    fn of_whole(answer: HttpAnswer) -> Self {
        let body = answer.json();
        let choice = &body["choices"][0];
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Self {
            text: choice["message"]["content"].as_str().unwrap_or_default().to_owned(),
            finish_reason: choice["finish_reason"].clone(),
            calls: list(&choice["message"]["tool_calls"]),
            usage: body["usage"].clone(),
            events: Vec::new(),
            notices: list(&body["spass"]["notices"]),
            ids: vec![body["id"].clone()],
            roles: 1,
            answer,
        }
    }

    fn of_stream(answer: HttpAnswer) -> Self {
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        let events = text.strip_suffix("data: [DONE]\n\n").unwrap_or_else(|| panic!("no end in {text}")).to_owned();
        let mut came = Self {
            answer,
            text: String::new(),
            finish_reason: Value::Null,
            calls: Vec::new(),
            usage: Value::Null,
            events: Vec::new(),
            notices: Vec::new(),
            ids: Vec::new(),
            roles: 0,
        };
        for event in events.split_terminator("\n\n").filter(|event| !event.starts_with(':')) {
            let (name, data) = match event.strip_prefix("event: ").and_then(|rest| rest.split_once('\n')) {
                Some((name, data)) => (Some(name), data),
                None => (None, event),
            };
            came.events.extend(name.map(str::to_owned));
            came.chunk(&serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap());
        }
        came
    }

    fn chunk(&mut self, chunk: &Value) {
        assert!(chunk["error"].is_null(), "{chunk}");
        self.ids.push(chunk["id"].clone());
        self.ids.dedup();
        self.notices.extend(chunk["spass"]["notices"].as_array().cloned().unwrap_or_default());
        if !chunk["usage"].is_null() {
            assert!(self.usage.is_null(), "two usage chunks");
            self.usage = chunk["usage"].clone();
        }
        let Some(choice) = chunk["choices"].get(0) else { return };
        let delta = &choice["delta"];
        assert!(self.finish_reason.is_null() || delta == &json!({}), "{chunk} after the end");
        self.roles += usize::from(!delta["role"].is_null());
        self.text.push_str(delta["content"].as_str().unwrap_or_default());
        if !choice["finish_reason"].is_null() {
            assert!(self.finish_reason.is_null(), "two ends");
            self.finish_reason = choice["finish_reason"].clone();
        }
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
            if index == self.calls.len() {
                let name = &piece["function"]["name"];
                self.calls.push(json!({"id": piece["id"], "function": {"name": name, "arguments": ""}}));
            }
            let call = &mut self.calls[index]["function"]["arguments"];
            let arguments = call.as_str().unwrap().to_owned() + piece["function"]["arguments"].as_str().unwrap_or("");
            *call = arguments.into();
        }
    }

    /// The names of the calls that the caller got.
    fn names(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call["function"]["name"].as_str().unwrap()).collect()
    }

    /// Code and number of steps of the one notice.
    fn notice(&self) -> (&str, u64) {
        let [notice] = self.notices.as_slice() else { panic!("{:?}", self.notices) };
        (notice["code"].as_str().unwrap(), notice["iterations"].as_u64().unwrap())
    }
}

/// A caller who chats.
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

    /// A chat on `/v1` with the gateway's tools.
    async fn chat(&self, form: Form, more: Value) -> HttpAnswer {
        let mut body = json!({"model": "scripted", "messages": [{"role": "user", "content": "hello"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if form == Form::Stream {
            body["stream"] = true.into();
            body["stream_options"] = json!({"include_usage": true});
        }
        let caller = self.0.clone().with("spass-augment", "server-tools=on");
        caller.send(Method::POST, "/v1/chat/completions", &body).await
    }

    /// A turn on `/c1`.
    async fn turn(&self, form: Form, body: Value) -> HttpAnswer {
        let mut body = body;
        body["model"] = "scripted".into();
        if form == Form::Stream {
            body["stream"] = true.into();
            body["stream_options"] = json!({"include_usage": true});
        }
        self.send(Method::POST, "/c1/chat", &body).await
    }

    async fn execute(&self, name: &str, arguments: Value) -> HttpAnswer {
        self.send(Method::POST, "/v1/tools/execute", &json!({"name": name, "arguments": arguments})).await
    }

    /// The entries of a bucket as `key=value`.
    async fn memory(&self, visibility: &str) -> Vec<String> {
        let listed =
            self.send(Method::GET, &format!("/v1/memory?visibility={visibility}&limit=100"), &Value::Null).await;
        assert_eq!(listed.status, 200, "{}", listed.json());
        let body = listed.json();
        let entry = |entry: &Value| format!("{}={}", entry["key"].as_str().unwrap(), entry["value"].as_str().unwrap());
        body["items"].as_array().unwrap().iter().map(entry).collect()
    }
}

/// What the model was sent in each of its calls.
fn bodies(server: &ScriptedServer) -> Vec<Value> {
    server.chats().iter().map(body_of).collect()
}

/// The results of tools in a request.
fn results(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().unwrap().iter();
    messages.filter(|message| message["role"] == "tool").map(|message| message["content"].as_str().unwrap()).collect()
}

fn remember(key: &str, value: &str) -> (&'static str, Value) {
    ("memory_remember", json!({"key": key, "value": value, "visibility": "private"}))
}

fn recall(key: &str) -> (&'static str, Value) {
    ("memory_recall", json!({"key": key}))
}
