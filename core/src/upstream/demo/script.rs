//! What the demo does with a message.

use std::time::Duration;

use serde_json::Value;

use super::request::{answers, messages, text_of};
use super::{memory, tools};

/// The longest answer and the longest pause that can be asked for.
const MAX_WORDS: usize = 20_000;
const MAX_PAUSE_SECS: f64 = 3600.0;

const HELP: &str = "This is the built-in demo of the chat gateway, not a language model. It repeats what it hears, \
    and it knows these commands:
/think TEXT - answer with reasoning text
/recall - repeat what the user said before in this chat
/tool NAME JSON - ask for one of the request's tools; NAME and JSON may be left out
/tools - ask for all of the request's functions at once
[tool:NAME JSON] - ask for that tool after the text before it; several ask at once; JSON may be left out
[tool-loop:NAME JSON] - ask for it again after every answer; $N in the JSON counts
remember that X is Y, what is my X?, recall X, forget X - use the tools memory_remember, memory_recall and \
memory_forget, where the request offers them
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

/// How the gateway asks for an answer when a turn had its most calls of tools.
const NO_MORE_TOOLS: &str = "No more tools can be called.";

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
    let last = messages(request).last().unwrap_or(&Value::Null);
    if last["role"] == "tool" {
        return (Duration::ZERO, go_on(request));
    }
    let text = text_of(&last["content"]);
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
        "/tool" => tools::call_one(request, rest),
        "/tools" => tools::call_all(request),
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
        _ if text.starts_with(NO_MORE_TOOLS) => say(conclude(request)),
        _ => tools::scripted(request, &text).or_else(|| memory::wished_call(request, &text)).unwrap_or_else(|| {
            say(format!(
                "This is the built-in demo, not a language model; /help lists what it can do. You said: {text}"
            ))
        }),
    };
    (Duration::ZERO, outcome)
}

/// What comes after the answers of tools: another call, or what the answers say.
fn go_on(request: &Value) -> Outcome {
    let again = tools::scripted_again(request).or_else(|| memory::confirming_call(request));
    again.unwrap_or_else(|| {
        let said = answers(request)
            .into_iter()
            .map(|answer| memory::sentence(&answer).unwrap_or_else(|| format!("The tool answered: {}", answer.text)));
        say(said.collect::<Vec<_>>().join(" | "))
    })
}

pub(super) fn say(text: impl Into<String>) -> Outcome {
    Outcome::Reply(Reply { text: Some(text.into()), ..Reply::default() })
}

/// What the user said in the messages before the last.
fn recall(request: &Value) -> String {
    let before = messages(request).split_last().map_or(&[][..], |(_, before)| before);
    let said = before.iter().filter(|message| message["role"] == "user").map(|message| text_of(&message["content"]));
    let said: Vec<_> = said.collect();
    if said.is_empty() {
        "You said nothing before.".to_owned()
    } else {
        format!("You said before: {}", said.join(" | "))
    }
}

/// What is known without any more calls of tools: what the message before the last tells of those there were.
fn conclude(request: &Value) -> String {
    let told = messages(request).iter().rev().nth(1).map(|message| text_of(&message["content"])).unwrap_or_default();
    format!("The demo knows no more than this: {told}")
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
