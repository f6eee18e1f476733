//! What the demo does with a message.

use std::time::Duration;

use serde_json::{Value, json};

/// The longest answer and the longest pause that can be asked for.
const MAX_WORDS: usize = 20_000;
const MAX_PAUSE_SECS: f64 = 3600.0;

const HELP: &str = "This is the built-in demo of the chat gateway, not a language model. It repeats what it hears, \
    and it knows these commands:
/think TEXT - answer with reasoning text
/recall - repeat what the user said before in this chat
/tool NAME JSON - ask for one of the request's tools; NAME and JSON may be left out
/tools - ask for all of the request's functions at once
/image - answer with an image
/long N - answer with N words
/slow SECONDS - answer after a while
/drip SECONDS TEXT - answer with TEXT; a stream pauses after each word
/cut TEXT - break off in the middle of the answer
/refuse - refuse
/error KIND - fail: upstream_error, bad_request, unauthorized, model_quota_exhausted, upstream_timeout, \
upstream_unavailable, garbage, internal_error
/floor - refuse the token limit, however it was raised
/help - this list";

/// What comes of a message.
pub(super) enum Outcome {
    Reply(Reply),
    Failure(Failure),
    /// A success that is no chat completion.
    Garbage,
}

/// An answer.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) text: Option<String>,
    pub(super) reasoning: Option<String>,
    pub(super) refusal: Option<&'static str>,
    pub(super) has_image: bool,
    /// Names and arguments.
    pub(super) tool_calls: Vec<(String, String)>,
    /// How long a stream pauses between two chunks.
    pub(super) pause: Duration,
    /// Whether the answer breaks off in the middle.
    pub(super) breaks_off: bool,
}

/// A way to fail.
pub(super) enum Failure {
    Unreachable,
    TimedOut,
    Status { status: u16, message: &'static str, retry_after: Option<u64> },
    Panic,
}

/// Plays the last message of a request: how long to wait, and what comes then.
pub(super) fn play(request: &Value) -> (Duration, Outcome) {
    let last = request["messages"].as_array().and_then(|messages| messages.last()).unwrap_or(&Value::Null);
    let text = text_of(&last["content"]);
    if last["role"] == "tool" {
        return (Duration::ZERO, say(format!("The tool answered: {text}")));
    }
    let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
    let rest = rest.trim();
    let outcome = match command {
        "/help" => say(HELP),
        "/think" => Outcome::Reply(Reply {
            text: Some(format!("The demo thought about it: {rest}")),
            reasoning: Some(format!("The demo pretends to think about: {rest}")),
            ..Reply::default()
        }),
        "/recall" => say(recall(request)),
        "/tool" => call_one(request, rest),
        "/tools" => call_all(request),
        "/image" => Outcome::Reply(Reply {
            text: Some("The demo painted an image.".to_owned()),
            has_image: true,
            ..Reply::default()
        }),
        "/long" => say(long(rest.parse().unwrap_or(500))),
        "/refuse" => {
            Outcome::Reply(Reply { refusal: Some("The demo refuses, as it was asked to."), ..Reply::default() })
        }
        "/slow" => return (pause(rest), say("The demo took its time.")),
        "/drip" => {
            let (seconds, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, "The demo drips."));
            Outcome::Reply(Reply { text: Some(text.to_owned()), pause: pause(seconds), ..Reply::default() })
        }
        "/cut" => Outcome::Reply(Reply {
            text: Some(format!("The demo breaks off in the middle: {rest}")),
            breaks_off: true,
            ..Reply::default()
        }),
        "/floor" => Outcome::Failure(Failure::Status {
            status: 400,
            message: "max_tokens is below the minimum of this model.",
            retry_after: None,
        }),
        "/error" => fail(rest),
        _ => say(format!(
            "This is the built-in demo, not a language model; /help lists what it can do. You said: {text}"
        )),
    };
    (Duration::ZERO, outcome)
}

fn say(text: impl Into<String>) -> Outcome {
    Outcome::Reply(Reply { text: Some(text.into()), ..Reply::default() })
}

/// The text of a string or of text parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<_> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

/// What the user said in the messages before the last.
fn recall(request: &Value) -> String {
    let messages = request["messages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let before = messages.split_last().map_or(&[][..], |(_, before)| before);
    let said = before.iter().filter(|message| message["role"] == "user").map(|message| text_of(&message["content"]));
    let said: Vec<_> = said.collect();
    if said.is_empty() {
        "You said nothing before.".to_owned()
    } else {
        format!("You said before: {}", said.join(" | "))
    }
}

fn long(words: usize) -> String {
    (1..=words.min(MAX_WORDS)).map(|number| format!("word{number}")).collect::<Vec<_>>().join(" ")
}

fn pause(seconds: &str) -> Duration {
    let seconds = seconds.parse().unwrap_or(5.0_f64).clamp(0.0, MAX_PAUSE_SECS);
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn fail(kind: &str) -> Outcome {
    let status = |status, message, retry_after| Outcome::Failure(Failure::Status { status, message, retry_after });
    match kind {
        "bad_request" => status(400, "The demo does not like this request.", None),
        "unauthorized" => status(401, "The demo does not like this key: sk-demo-000000000000.", None),
        "model_quota_exhausted" => status(429, "The demo has had enough.", Some(7)),
        "upstream_timeout" => Outcome::Failure(Failure::TimedOut),
        "upstream_unavailable" => Outcome::Failure(Failure::Unreachable),
        "garbage" => Outcome::Garbage,
        "internal_error" => Outcome::Failure(Failure::Panic),
        _ => status(500, "The demo failed, as it was asked to.", None),
    }
}

/// The functions that a request offers.
fn functions(request: &Value) -> impl Iterator<Item = &Value> {
    request["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tool| &tool["function"])
        .filter(|function| !function.is_null())
}

fn call_one(request: &Value, rest: &str) -> Outcome {
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let function = functions(request).find(|function| name.is_empty() || function["name"] == name);
    match function {
        None => say("The demo was asked to call a tool, and the request offers none of that name."),
        Some(function) => {
            let arguments = match arguments.trim() {
                "" => sample(&function["parameters"], 0).to_string(),
                given => given.to_owned(),
            };
            call(vec![(function_name(function), arguments)])
        }
    }
}

fn call_all(request: &Value) -> Outcome {
    let calls: Vec<_> = functions(request)
        .map(|function| (function_name(function), sample(&function["parameters"], 0).to_string()))
        .collect();
    if calls.is_empty() { say("The demo was asked to call tools, and the request offers none.") } else { call(calls) }
}

fn call(tool_calls: Vec<(String, String)>) -> Outcome {
    Outcome::Reply(Reply { tool_calls, ..Reply::default() })
}

fn function_name(function: &Value) -> String {
    function["name"].as_str().unwrap_or_default().to_owned()
}

/// A value that fits a JSON Schema, as far as its `type` tells.
pub(super) fn sample(schema: &Value, depth: u32) -> Value {
    const DEEPEST: u32 = 8;
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("string") => json!("demo"),
        Some("integer") => json!(1),
        Some("number") => json!(1.5),
        Some("boolean") => json!(true),
        Some("array") => json!([sample(&schema["items"], depth + 1)]),
        Some("null") => Value::Null,
        _ => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            properties.map(|(name, schema)| (name.clone(), sample(schema, depth + 1))).collect()
        }
    }
}
