//! How the demo asks for tools.

use serde_json::{Value, json};

use super::request::{callable, functions, text_of, this_turn};
use super::script::{Outcome, Reply, say};

const ONCE: &str = "[tool:";
const AGAIN: &str = "[tool-loop:";
/// What stands for the number of a call in the arguments of a loop.
const COUNTER: &str = "$N";

const NO_SUCH_TOOL: &str = "The demo was asked to call a tool, and the request offers none of that name.";

/// A call that a message spells out.
struct Scripted<'a> {
    name: &'a str,
    /// As they are written, right or wrong; empty when they are left out.
    arguments: &'a str,
    is_loop: bool,
}

/// Asks for the calls that a message spells out, if the request offers any tools.
pub(super) fn scripted(request: &Value, text: &str) -> Option<Outcome> {
    let (before, calls) = read(text)?;
    functions(request).next()?;
    let calls: Option<Vec<_>> = calls.iter().map(|call| call.spell_out(request, 1)).collect();
    Some(match calls {
        Some(tool_calls) => Outcome::Reply(Reply {
            text: Some(before.to_owned()).filter(|before| !before.is_empty()),
            tool_calls,
            ..Reply::default()
        }),
        None => say(NO_SUCH_TOOL),
    })
}

/// Asks once more for the loops of the message that this turn began with, as long as their tools are offered.
pub(super) fn scripted_again(request: &Value) -> Option<Outcome> {
    let turn = this_turn(request);
    let text = text_of(&turn.first()?["content"]);
    let steps = turn.iter().filter(|message| message["tool_calls"].is_array()).count();
    let (_, calls) = read(&text)?;
    let loops = calls.iter().filter(|call| call.is_loop);
    let calls: Vec<_> = loops.filter_map(|call| call.spell_out(request, steps + 1)).collect();
    (!calls.is_empty()).then(|| call(calls))
}

/// Asks for one tool: the named one, or the first.
pub(super) fn call_one(request: &Value, rest: &str) -> Outcome {
    let (name, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let function = functions(request).find(|function| name.is_empty() || function["name"] == name);
    match function {
        None => say(NO_SUCH_TOOL),
        Some(function) => call(vec![(function_name(function), given_or_sample(arguments.trim(), function))]),
    }
}

/// Asks for every function of the request.
pub(super) fn call_all(request: &Value) -> Outcome {
    let calls: Vec<_> =
        functions(request).map(|function| (function_name(function), given_or_sample("", function))).collect();
    if calls.is_empty() { say("The demo was asked to call tools, and the request offers none.") } else { call(calls) }
}

pub(super) fn call(tool_calls: Vec<(String, String)>) -> Outcome {
    Outcome::Reply(Reply { tool_calls, ..Reply::default() })
}

/// The text before the first call that a message spells out, and all of the calls; none when there are none.
fn read(text: &str) -> Option<(&str, Vec<Scripted<'_>>)> {
    let begin = next_call(text)?;
    let mut calls = Vec::new();
    let mut rest = &text[begin..];
    while let Some(begin) = next_call(rest) {
        let (call, after) = Scripted::read(&rest[begin..])?;
        calls.push(call);
        rest = after;
    }
    Some((text[..begin].trim_end(), calls))
}

fn next_call(text: &str) -> Option<usize> {
    [ONCE, AGAIN].into_iter().filter_map(|begin| text.find(begin)).min()
}

impl<'a> Scripted<'a> {
    /// Reads a call that stands at the beginning, and gives what comes after it.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let is_loop = text.starts_with(AGAIN);
        let text = text.strip_prefix(ONCE).or_else(|| text.strip_prefix(AGAIN))?;
        let (name, rest) = text.split_at(text.find([' ', ']'])?);
        let rest = rest.trim_start();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        // What is no JSON goes to the tool as well, up to the next bracket.
        let end = match values.next() {
            Some(Ok(_)) => values.byte_offset(),
            _ => rest.find(']')?,
        };
        let (arguments, rest) = rest.split_at(end);
        let rest = rest.trim_start();
        let call = Self { name, arguments: arguments.trim_end(), is_loop };
        Some((call, rest.strip_prefix(']').unwrap_or(rest)))
    }

    /// The call in the form of the wire, if the tool may be called.
    fn spell_out(&self, request: &Value, number: usize) -> Option<(String, String)> {
        let function = callable(request, self.name)?;
        let arguments = given_or_sample(self.arguments, function);
        let arguments = if self.is_loop { arguments.replace(COUNTER, &number.to_string()) } else { arguments };
        Some((self.name.to_owned(), arguments))
    }
}

fn function_name(function: &Value) -> String {
    function["name"].as_str().unwrap_or_default().to_owned()
}

fn given_or_sample(arguments: &str, function: &Value) -> String {
    match arguments {
        "" => sample(&function["parameters"], 0).to_string(),
        given => given.to_owned(),
    }
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
