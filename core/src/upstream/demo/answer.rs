//! The demo's answers on the OpenAI wire.

use std::io::Cursor;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};
use uuid::Uuid;

use super::request::messages;
use super::script::Reply;
use super::tools::sample;

/// A small painted square.
static IMAGE: LazyLock<String> = LazyLock::new(|| {
    const SIDE: u8 = 64;
    let square = RgbImage::from_fn(SIDE.into(), SIDE.into(), |x, y| {
        let shade = |at: u32| u8::try_from(at * 255 / u32::from(SIDE)).unwrap_or(u8::MAX);
        Rgb([shade(x), shade(y), 160])
    });
    let mut png = Cursor::new(Vec::new());
    // Writing to memory in a format that is built in does not fail; an empty image would show it if it did.
    drop(square.write_to(&mut png, ImageFormat::Png));
    format!("data:image/png;base64,{}", STANDARD.encode(png.into_inner()))
});

/// The whole answer to a request.
pub(super) fn render(request: &Value, reply: &Reply) -> String {
    let (text, is_cut) = fit(request, reply);
    let finish_reason = finish_reason(reply, is_cut);
    let copies = request["n"].as_u64().unwrap_or(1);
    let choices: Vec<Value> = (0..copies)
        .map(|index| {
            json!({
                "index": index,
                "message": message(request, reply, text.as_deref()),
                "logprobs": logprobs(request, text.as_deref()),
                "finish_reason": finish_reason,
            })
        })
        .collect();
    let mut answer = json!({
        "object": "chat.completion",
        "model": "demo",
        "choices": choices,
        "usage": usage(request, reply, text.as_deref(), copies),
        "system_fingerprint": "fp_demo",
    });
    if let Some(tier) = request.get("service_tier") {
        answer["service_tier"] = tier.clone();
    }
    answer.to_string()
}

/// The events of a streamed answer: the whole one, taken apart word by word.
pub(super) fn events(request: &Value, reply: &Reply) -> Vec<Bytes> {
    let (text, is_cut) = fit(request, reply);
    let copies = request["n"].as_u64().unwrap_or(1);
    let earlier = earlier_calls(request);
    let mut chunks = Vec::new();
    for index in 0..copies {
        let logprobs = |piece: &str| logprobs(request, Some(piece));
        let mut push = |delta: Value, logprobs: Value| {
            chunks.push(json!([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": null}]));
        };
        push(json!({"role": "assistant", "content": "", "refusal": null}), Value::Null);
        for word in words(reply.reasoning.as_deref()) {
            push(json!({"reasoning_content": word}), Value::Null);
        }
        for word in words(text.as_deref()) {
            push(json!({"content": word}), logprobs(word));
        }
        for word in words(reply.refusal) {
            push(json!({"refusal": word}), Value::Null);
        }
        if reply.has_image {
            push(json!({"images": images()}), Value::Null);
        }
        for (number, (name, arguments)) in reply.tool_calls.iter().enumerate() {
            let mut begin = tool_call(earlier + number, name, "");
            begin["index"] = json!(number);
            push(json!({"tool_calls": [begin]}), Value::Null);
            for piece in pieces(arguments) {
                push(json!({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}), Value::Null);
            }
        }
        let finish_reason = finish_reason(reply, is_cut);
        chunks.push(json!([{"index": index, "delta": {}, "logprobs": null, "finish_reason": finish_reason}]));
    }
    let id = format!("chatcmpl-demo-{}", Uuid::now_v7().simple());
    let chunk = |choices: Value, usage: Value| {
        json!({
            "id": id, "object": "chat.completion.chunk", "created": 0, "model": "demo", "choices": choices,
            "usage": usage, "system_fingerprint": "fp_demo", "service_tier": request.get("service_tier"),
        })
    };
    let usage = usage(request, reply, text.as_deref(), copies);
    let chunks = chunks.into_iter().map(|choices| chunk(choices, Value::Null)).chain([chunk(json!([]), usage)]);
    chunks.map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".to_owned()]).map(Bytes::from).collect()
}

/// The words of a text, each with the space after it.
fn words(text: Option<&str>) -> impl Iterator<Item = &str> {
    text.into_iter().flat_map(|text| text.split_inclusive(' '))
}

/// The pieces of a call's arguments, which begin and end anywhere, as those of a model do.
fn pieces(arguments: &str) -> impl Iterator<Item = &str> {
    const CHARS: usize = 7;
    let begins = arguments.char_indices().step_by(CHARS).map(|(begin, _)| begin);
    begins.map(|begin| {
        let piece = &arguments[begin..];
        piece.char_indices().nth(CHARS).map_or(piece, |(end, _)| &piece[..end])
    })
}

/// How many calls the messages hold already, so that no two calls of a chat have one id.
fn earlier_calls(request: &Value) -> usize {
    let calls = messages(request).iter().filter_map(|message| message["tool_calls"].as_array());
    calls.map(Vec::len).sum()
}

/// The text in the form that was asked for and within the token limit; one word is one token here.
fn fit(request: &Value, reply: &Reply) -> (Option<String>, bool) {
    let Some(text) = &reply.text else { return (None, false) };
    let format = &request["response_format"];
    match format["type"].as_str() {
        Some("json_schema") => return (Some(sample(&format["json_schema"]["schema"], 0).to_string()), false),
        Some("json_object") => return (Some(json!({"demo": text}).to_string()), false),
        _ => {}
    }
    let limit = request["max_completion_tokens"].as_u64().or(request["max_tokens"].as_u64());
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    match text.match_indices(char::is_whitespace).nth(limit.saturating_sub(1)) {
        Some((end, _)) => (Some(text[..end].to_owned()), true),
        None => (Some(text.clone()), false),
    }
}

fn finish_reason(reply: &Reply, is_cut: bool) -> &'static str {
    match (reply.tool_calls.is_empty(), is_cut) {
        (false, _) => "tool_calls",
        (true, true) => "length",
        (true, false) => "stop",
    }
}

fn message(request: &Value, reply: &Reply, text: Option<&str>) -> Value {
    let mut message = json!({"role": "assistant", "content": text, "refusal": reply.refusal});
    if let Some(reasoning) = &reply.reasoning {
        message["reasoning_content"] = json!(reasoning);
    }
    if reply.has_image {
        message["images"] = images();
    }
    if !reply.tool_calls.is_empty() {
        let calls = (earlier_calls(request)..).zip(&reply.tool_calls);
        message["tool_calls"] = calls.map(|(number, (name, arguments))| tool_call(number, name, arguments)).collect();
    }
    message
}

fn images() -> Value {
    json!([{"type": "image_url", "image_url": {"url": IMAGE.as_str()}}])
}

fn tool_call(number: usize, name: &str, arguments: &str) -> Value {
    json!({
        "id": format!("call_demo_{number}"), "type": "function", "function": {"name": name, "arguments": arguments},
    })
}

fn logprobs(request: &Value, text: Option<&str>) -> Value {
    if request["logprobs"] != true {
        return Value::Null;
    }
    let likely = request["top_logprobs"].as_u64().unwrap_or_default();
    let token = |word: &str| {
        let entry = json!({"token": word, "logprob": -0.125, "bytes": word.as_bytes()});
        let mut token = entry.clone();
        token["top_logprobs"] = (0..likely.min(1)).map(|_| entry.clone()).collect();
        token
    };
    json!({"content": text.map(|text| text.split_whitespace().map(token).collect::<Vec<_>>()), "refusal": null})
}

fn usage(request: &Value, reply: &Reply, text: Option<&str>, copies: u64) -> Value {
    let words = |text: &str| text.split_whitespace().count() as u64;
    let prompt: u64 = messages(request).iter().map(|message| words(&message["content"].to_string())).sum();
    let reasoning = reply.reasoning.as_deref().map_or(0, words);
    let calls: u64 = reply.tool_calls.iter().map(|(name, arguments)| words(name) + words(arguments)).sum();
    let completion = copies * (text.map_or(0, words) + reasoning + calls);
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": copies * reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}
