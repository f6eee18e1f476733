//! How the demo plays a model that uses the tools of memory: which it wants to call, and what it says of their answers.

mod wish;

use serde_json::{Value, json};

use super::request::{ToolAnswer, answers, callable, last_answer};
use super::script::Outcome;
use super::tools::call;
use wish::Wish;

const REMEMBER: &str = "memory_remember";
const RECALL: &str = "memory_recall";
const FORGET: &str = "memory_forget";
/// What an answer says that is not to be confirmed at once.
const ASK_FIRST: &str = "ask the user";

/// The call that a message asks for in plain words, if the request offers the tool for it.
pub(super) fn wished_call(request: &Value, text: &str) -> Option<Outcome> {
    let (name, arguments) = match Wish::read(text)? {
        Wish::Remember { key, value, visibility } => {
            (REMEMBER, json!({"key": key, "value": value, "visibility": visibility}))
        }
        Wish::Recall { key: Some(key) } => (RECALL, json!({"key": key})),
        Wish::Recall { key: None } => (RECALL, json!({})),
        Wish::Forget { key, visibility } => (FORGET, json!({"key": key, "visibility": visibility})),
        Wish::Confirm => (REMEMBER, confirmed(&last_answer(request, REMEMBER)?)?),
    };
    callable(request, name).map(|_| call(vec![(name.to_owned(), arguments.to_string())]))
}

/// The calls that must be repeated with the token that their answers hold. What was repeated already is not again, nor what
/// the user is to be asked about before.
pub(super) fn confirming_call(request: &Value) -> Option<Outcome> {
    callable(request, REMEMBER)?;
    let answers = answers(request);
    let unconfirmed = answers.iter().filter(|answer| {
        answer.arguments["confirm_token"].is_null() && !answer.text.to_lowercase().contains(ASK_FIRST)
    });
    let calls: Vec<_> =
        unconfirmed.filter_map(confirmed).map(|arguments| (REMEMBER.to_owned(), arguments.to_string())).collect();
    (!calls.is_empty()).then(|| call(calls))
}

/// The arguments of a call once more, with the token that its answer holds.
fn confirmed(answer: &ToolAnswer<'_>) -> Option<Value> {
    let said: Value = serde_json::from_str(&answer.text).ok()?;
    let token = said["confirm_token"].as_str().filter(|_| answer.name == REMEMBER && said["confirm_required"] == true);
    let mut arguments = answer.arguments.clone();
    arguments.as_object_mut()?.insert("confirm_token".to_owned(), json!(token?));
    Some(arguments)
}

/// What an answer of one of these tools comes to, as a sentence.
pub(super) fn sentence(answer: &ToolAnswer<'_>) -> Option<String> {
    let key = answer.arguments["key"].as_str();
    let about = key.unwrap_or("it");
    if ![REMEMBER, RECALL, FORGET].contains(&answer.name) {
        return None;
    }
    let said: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    if let Some(error) = error_of(&said) {
        return Some(format!("That did not work: {error}"));
    }
    Some(match answer.name {
        _ if !said.is_object() && !said.is_array() => format!("The tool answered: {}", answer.text),
        REMEMBER if said["confirm_required"] == true => {
            format!("I will remember {about} when you confirm it: say yes.")
        }
        REMEMBER => format!("I will remember {about}: {}.", plain(&answer.arguments["value"])),
        FORGET if said["deleted"] == false => format!("I remember nothing about {about}."),
        FORGET => format!("I have forgotten {about}."),
        _ => match (recalled(&said), key) {
            (found, _) if !found.is_empty() => format!("I remember {}.", found.join("; ")),
            (_, Some(key)) => format!("I remember nothing about {key}."),
            (_, None) => "I remember nothing.".to_owned(),
        },
    })
}

fn error_of(said: &Value) -> Option<&str> {
    said["error"].as_str().or(said["error"]["message"].as_str())
}

/// The entries in an answer, which holds one or a list.
fn recalled(said: &Value) -> Vec<String> {
    let list = [said, &said["entries"], &said["items"]].into_iter().find_map(Value::as_array);
    let entries = list.map_or(std::slice::from_ref(said), Vec::as_slice);
    let entries = entries.iter().filter(|entry| entry["key"].is_string() && !entry["value"].is_null());
    entries.map(|entry| format!("{}: {}", plain(&entry["key"]), plain(&entry["value"]))).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
