//! The last call of a loop that does not end by itself: no tools, and what they gave as text, since many model servers
//! refuse messages of tools without tools.

use bytes::Bytes;
use gateway_proto::json::Writer;
use serde_json::Value;

/// What the model is asked at the end.
const REQUEST: &str = "No more tools can be called. Answer the request above now, with what is known by now; say what could \
                       not be found out.";
/// What is answered when the model says nothing even then.
pub(super) const FALLBACK: &str =
    "The tools were called as often as possible, and no answer came of it. Ask again, or ask for less at once.";

/// The messages of the last call: those of the request and of the steps, calls and results as text.
pub(super) fn messages(messages: &[Bytes]) -> Vec<Bytes> {
    let mut all = Vec::with_capacity(messages.len() + 1);
    let mut told = String::new();
    for message in messages {
        match as_text(message) {
            Some(text) => {
                if !told.is_empty() {
                    told.push('\n');
                }
                told.push_str(&text);
            }
            None => {
                tell(&mut all, &mut told);
                all.push(message.clone());
            }
        }
    }
    tell(&mut all, &mut told);
    all.push(message("user", REQUEST));
    all
}

fn tell(all: &mut Vec<Bytes>, told: &mut String) {
    if !told.is_empty() {
        all.push(message("assistant", &std::mem::take(told)));
    }
}

fn message(role: &str, content: &str) -> Bytes {
    let mut writer = Writer::with_capacity(content.len() + 48);
    writer.begin_object();
    writer.optional_string("role", Some(role));
    writer.optional_string("content", Some(content));
    writer.end_object();
    writer.finish().into()
}

/// The text of a message that calls tools, or of the result of one; none of any other.
fn as_text(message: &Bytes) -> Option<String> {
    // A look at the bytes spares most messages the reading.
    memchr::memmem::find(message, b"\"tool")?;
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(message) else { return None };
    let content = object.get("content").map(content_text).unwrap_or_default();
    match object.get("role").and_then(Value::as_str) {
        Some("tool") => Some(format!("Result: {content}")),
        Some("assistant") => {
            let calls = object.get("tool_calls").and_then(Value::as_array).filter(|calls| !calls.is_empty())?;
            let mut lines: Vec<String> = Some(content).filter(|content| !content.is_empty()).into_iter().collect();
            lines.extend(calls.iter().map(|call| {
                let function = &call["function"];
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                format!("Called {} with {}", text(&function["name"]), text(&function["arguments"]))
            }));
            Some(lines.join("\n"))
        }
        _ => None,
    }
}

fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn calls_and_results_become_text_and_the_rest_stays() {
        let given = [
            bytes(r#"{"role":"system","content":"s"}"#),
            bytes(r#"{"role":"user","content":"which \"tool\"?","name":"x"}"#),
            bytes(
                r#"{"role":"assistant","content":"Let me look.","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]}"#,
            ),
            bytes(r#"{"role":"tool","tool_call_id":"a","content":"one"}"#),
            bytes(
                r#"{"role":"assistant","content":null,"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
            ),
            bytes(r#"{"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"two"}]}"#),
        ];
        let made = messages(&given);
        assert_eq!(made[..2], given[..2]);
        let told: Value = serde_json::from_slice(&made[2]).unwrap();
        assert_eq!(told["role"], "assistant");
        assert_eq!(
            told["content"],
            "Let me look.\nCalled f with {\"x\":1}\nResult: one\nCalled g with {}\nResult: two"
        );
        let asked: Value = serde_json::from_slice(&made[3]).unwrap();
        assert_eq!((&asked["role"], made.len()), (&Value::from("user"), 4));
    }
}
