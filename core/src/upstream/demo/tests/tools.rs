//! The demo as a user of tools, step by step as a tool loop asks it.

use std::future::poll_fn;

use gateway_proto::v1::tool_call;

use super::super::*;
use super::{ask, text};

/// What the demo said in one step: its text and its calls.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    text: String,
    calls: Vec<(String, String)>,
}

fn offering(names: &[&str]) -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = |name| json!({"type": "function", "function": {"name": name, "parameters": parameters}});
    json!({"messages": [], "tools": names.iter().map(tool).collect::<Vec<_>>()})
}

fn memory() -> Value {
    offering(&["memory_remember", "memory_recall", "memory_forget"])
}

fn push(request: &mut Value, message: Value) {
    request["messages"].as_array_mut().unwrap().push(message);
}

fn user(request: &mut Value, text: &str) {
    push(request, json!({"role": "user", "content": text}));
}

/// Asks for one step, and keeps it as the assistant's message. The stream must say the same as the whole answer.
async fn step(request: &mut Value) -> Step {
    let whole = ask(request.clone()).await.unwrap();
    let message = whole.choices[0].message.as_ref().unwrap();
    let calls: Vec<_> = message
        .tool_calls
        .iter()
        .map(|call| match &call.call {
            Some(tool_call::Call::Function(function)) => {
                (call.id.clone(), function.name.clone(), function.arguments.clone())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let text = message.content.as_ref().map_or(String::new(), |_| text(&whole).to_owned());
    assert_eq!(streamed(request).await, (text.clone(), calls.clone()));
    let wire: Vec<_> = calls
        .iter()
        .map(|(id, name, arguments)| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
        .collect();
    push(request, json!({"role": "assistant", "content": text, "tool_calls": wire}));
    Step { text, calls: calls.into_iter().map(|(_, name, arguments)| (name, arguments)).collect() }
}

/// The text and the calls of a stream, put together by the indexes of the calls.
async fn streamed(request: &Value) -> (String, Vec<(String, String, String)>) {
    let context = CallContext { request_id: "r", trace: None, deadline: None };
    let mut stream = stream(request.to_string().as_bytes(), context).await.unwrap();
    let mut text = String::new();
    let mut calls: Vec<(String, String, String)> = Vec::new();
    while let Some(event) = poll_fn(|context| stream.poll_piece(context)).await {
        let event = event.unwrap();
        let Ok(chunk) = serde_json::from_slice::<Value>(&event[b"data: ".len()..]) else { continue };
        let delta = &chunk["choices"][0]["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            if let Some(id) = call["id"].as_str() {
                assert_eq!(call["index"], calls.len());
                calls.push((id.to_owned(), call["function"]["name"].as_str().unwrap().to_owned(), String::new()));
            } else {
                // A piece, never all of it.
                let piece = call["function"]["arguments"].as_str().unwrap();
                assert!(piece.chars().count() <= 7);
                calls[usize::try_from(call["index"].as_u64().unwrap()).unwrap()].2.push_str(piece);
            }
        }
    }
    (text, calls)
}

/// Answers every call of the last step.
fn answer(request: &mut Value, text: &str) {
    let calls = request["messages"].as_array().unwrap().last().unwrap()["tool_calls"].clone();
    for call in calls.as_array().unwrap() {
        push(request, json!({"role": "tool", "tool_call_id": call["id"], "content": text}));
    }
}

fn calls(calls: &[(&str, &str)]) -> Vec<(String, String)> {
    calls.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect()
}

#[tokio::test]
async fn a_message_can_spell_out_calls() {
    let mut request = offering(&["weather", "time"]);
    user(&mut request, r#"Let me see. [tool:weather {"city": "Oslo, [N] \u0041"}] and [tool:time]"#);
    let first = step(&mut request).await;
    assert_eq!(first.text, "Let me see.");
    let expected = calls(&[("weather", r#"{"city": "Oslo, [N] \u0041"}"#), ("time", r#"{"city":"demo"}"#)]);
    assert_eq!(first.calls, expected);
    answer(&mut request, "fine");
    let last = step(&mut request).await;
    assert_eq!(last, Step { text: "The tool answered: fine | The tool answered: fine".to_owned(), calls: vec![] });
    // The calls of the next turn have other ids.
    user(&mut request, "[tool:time {not json]");
    assert_eq!(step(&mut request).await.calls, calls(&[("time", "{not json")]));
    let ids: Vec<_> = request["messages"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|m| m["tool_calls"].as_array())
        .flatten()
        .map(|c| c["id"].to_string())
        .collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{ids:?}");
}

#[tokio::test]
async fn a_loop_never_ends_by_itself() {
    for (arguments, second) in [(r#"{"city": "$N"}"#, r#"{"city": "2"}"#), (r#"{"city": "a"}"#, r#"{"city": "a"}"#)] {
        let mut request = offering(&["weather", "time"]);
        user(&mut request, &format!("[tool-loop:weather {arguments}] [tool:time {{}}]"));
        assert_eq!(step(&mut request).await.calls.len(), 2);
        answer(&mut request, "fine");
        assert_eq!(step(&mut request).await.calls, calls(&[("weather", second)]));
        for _ in 0..20 {
            answer(&mut request, "fine");
            assert_eq!(step(&mut request).await.calls.len(), 1);
        }
        // Without tools it comes to an end.
        answer(&mut request, "fine");
        request["tools"] = json!([]);
        assert_eq!(step(&mut request).await.text, "The tool answered: fine");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_not_called() {
    let mut request = offering(&["weather"]);
    user(&mut request, "[tool:time {}]");
    assert_eq!(
        step(&mut request).await.text,
        "The demo was asked to call a tool, and the request offers none of that name."
    );
    for text in ["[tool:weather {}]", "remember that my cat is called Mia", "what is my cat called?", "forget my cat"] {
        let mut request = json!({"messages": []});
        user(&mut request, text);
        assert!(step(&mut request).await.text.ends_with(&format!("You said: {text}")));
    }
    let mut request = memory();
    request["tool_choice"] = json!("none");
    user(&mut request, "forget my cat");
    assert!(step(&mut request).await.text.ends_with("You said: forget my cat"));
}

#[tokio::test]
async fn memory_is_used_in_plain_words() {
    for (said, call, answered, sentence) in [
        (
            "remember that my cat is called Mia",
            ("memory_remember", r#"{"key":"my cat","value":"Mia","visibility":"private"}"#),
            r#"{"stored": true}"#,
            "I will remember my cat: Mia.",
        ),
        (
            "remember that my cat is called Mia",
            ("memory_remember", r#"{"key":"my cat","value":"Mia","visibility":"private"}"#),
            r#"{"error": {"code": "memory_bucket_full", "message": "The memory is full."}}"#,
            "That did not work: The memory is full.",
        ),
        (
            "what is my cat called?",
            ("memory_recall", r#"{"key":"my cat"}"#),
            r#"{"entries": [{"key": "my cat", "value": "Mia"}]}"#,
            "I remember my cat: Mia.",
        ),
        (
            "what is my cat called?",
            ("memory_recall", r#"{"key":"my cat"}"#),
            r#"{"entries": []}"#,
            "I remember nothing about my cat.",
        ),
        (
            "what do you remember?",
            ("memory_recall", "{}"),
            r#"[{"key": "my cat", "value": "Mia"}, {"key": "the wifi code", "value": "1234"}]"#,
            "I remember my cat: Mia; the wifi code: 1234.",
        ),
        (
            "forget my cat",
            ("memory_forget", r#"{"key":"my cat","visibility":"private"}"#),
            r#"{"deleted": true}"#,
            "I have forgotten my cat.",
        ),
        (
            "forget my cat",
            ("memory_forget", r#"{"key":"my cat","visibility":"private"}"#),
            r#"{"deleted": false}"#,
            "I remember nothing about my cat.",
        ),
        (
            "forget my cat",
            ("memory_forget", r#"{"key":"my cat","visibility":"private"}"#),
            "The tool did not answer in time.",
            "The tool answered: The tool did not answer in time.",
        ),
    ] {
        let mut request = memory();
        user(&mut request, said);
        assert_eq!(step(&mut request).await, Step { text: String::new(), calls: calls(&[call]) }, "{said}");
        answer(&mut request, answered);
        assert_eq!(step(&mut request).await, Step { text: sentence.to_owned(), calls: vec![] }, "{said}");
    }
}

#[tokio::test]
async fn a_public_write_is_confirmed_once() {
    let confirm = r#"{"confirm_required": true, "confirm_token": "t-1", "expires_in": 60}"#;
    let arguments = r#"{"key":"lunch","value":"at 12","visibility":"public"}"#;
    let confirmed = r#"{"confirm_token":"t-1","key":"lunch","value":"at 12","visibility":"public"}"#;
    let mut request = memory();
    user(&mut request, "remember for everyone that lunch is at 12");
    assert_eq!(step(&mut request).await.calls, calls(&[("memory_remember", arguments)]));
    answer(&mut request, confirm);
    assert_eq!(step(&mut request).await.calls, calls(&[("memory_remember", confirmed)]));
    answer(&mut request, r#"{"stored": true}"#);
    assert_eq!(step(&mut request).await.text, "I will remember lunch: at 12.");
    // What is done needs no confirming.
    user(&mut request, "Yes.");
    assert!(step(&mut request).await.text.ends_with("You said: Yes."));
}

#[tokio::test]
async fn where_the_same_turn_is_too_early_the_user_is_asked() {
    let message = "Nothing is stored yet. Ask the user whether everybody may read this.";
    let confirm = json!({"confirm_required": true, "confirm_token": "t-1", "message": message}).to_string();
    let mut request = memory();
    user(&mut request, "remember for everyone that lunch is at 12");
    assert_eq!(step(&mut request).await.calls.len(), 1);
    answer(&mut request, &confirm);
    assert_eq!(step(&mut request).await.text, "I will remember lunch when you confirm it: say yes.");
    user(&mut request, "Yes.");
    let confirmed = r#"{"confirm_token":"t-1","key":"lunch","value":"at 12","visibility":"public"}"#;
    assert_eq!(step(&mut request).await.calls, calls(&[("memory_remember", confirmed)]));
    answer(&mut request, r#"{"error": "The token is spent."}"#);
    assert_eq!(step(&mut request).await.text, "That did not work: The token is spent.");
}

#[tokio::test]
async fn what_the_tools_gave_is_told_when_there_are_no_more() {
    let told = "Called weather with {}\nResult: sunny";
    let mut request = json!({"messages": [{"role": "user", "content": "[tool-loop:weather {}]"}]});
    push(&mut request, json!({"role": "assistant", "content": told}));
    user(&mut request, "No more tools can be called. Answer the request above now.");
    assert_eq!(step(&mut request).await.text, format!("The demo knows no more than this: {told}"));
}
