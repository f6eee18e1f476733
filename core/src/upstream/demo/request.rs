//! What the demo sees of a request.

use serde_json::Value;

/// What a tool answered, and which call it answers.
pub(super) struct ToolAnswer<'a> {
    /// The tool; empty when no call is known by that id.
    pub(super) name: &'a str,
    /// What it was called with; null when that is not JSON.
    pub(super) arguments: Value,
    pub(super) text: String,
}

pub(super) fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The text of a string or of text parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<_> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

/// The messages since the user's last, which is the first of them.
pub(super) fn this_turn(request: &Value) -> &[Value] {
    let messages = messages(request);
    let begin = messages.iter().rposition(|message| message["role"] == "user").unwrap_or_default();
    &messages[begin..]
}

/// The functions that a request offers.
pub(super) fn functions(request: &Value) -> impl Iterator<Item = &Value> {
    request["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|tool| &tool["function"])
        .filter(|function| !function.is_null())
}

/// The function of that name, where the request offers it and does not forbid to call any.
pub(super) fn callable<'a>(request: &'a Value, name: &str) -> Option<&'a Value> {
    functions(request).find(|function| function["name"] == name).filter(|_| request["tool_choice"] != "none")
}

/// The answers of tools that stand at the end.
pub(super) fn answers(request: &Value) -> Vec<ToolAnswer<'_>> {
    let messages = messages(request);
    let begin = messages.iter().rposition(|message| message["role"] != "tool").map_or(0, |last| last + 1);
    messages[begin..].iter().map(|message| answer(messages, message)).collect()
}

/// The last answer of one of these tools, however long ago.
pub(super) fn last_answer<'a>(request: &'a Value, name: &str) -> Option<ToolAnswer<'a>> {
    let messages = messages(request);
    let answers = messages.iter().rev().filter(|message| message["role"] == "tool");
    answers.map(|message| answer(messages, message)).find(|answer| answer.name == name)
}

fn answer<'a>(messages: &'a [Value], message: &Value) -> ToolAnswer<'a> {
    let calls = messages.iter().rev().filter_map(|message| message["tool_calls"].as_array()).flatten();
    let call = calls.into_iter().find(|call| call["id"] == message["tool_call_id"]).unwrap_or(&Value::Null);
    let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
    ToolAnswer {
        name: call["function"]["name"].as_str().unwrap_or_default(),
        arguments: serde_json::from_str(arguments).unwrap_or_default(),
        text: text_of(&message["content"]),
    }
}
