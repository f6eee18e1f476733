use gateway_proto::ErrorCode;
use gateway_proto::json::Members;

use super::*;

fn read(body: &str) -> ChatBody {
    chat_request(&Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn fault(body: impl AsRef<[u8]>) -> (bool, ErrorCode, String) {
    let (is_field, error) = match chat_request(&Bytes::copy_from_slice(body.as_ref())).unwrap_err() {
        BodyFault::Json(error) => (false, error),
        BodyFault::Field(error) => (true, error),
    };
    (is_field, error.code(), error.param().unwrap_or_default().to_owned())
}

#[test]
fn every_known_member_has_its_field() {
    // A value of the right kind for each member; what is forgotten in the match above would end up as unknown.
    let value = |name: &str| match name {
        "messages" | "tools" | "modalities" | "functions" => "[]",
        "stream_options" | "response_format" | "logit_bias" | "audio" | "prediction" | "metadata"
        | "web_search_options" => "{}",
        "parallel_tool_calls" | "logprobs" | "store" | "stream" => "true",
        "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" => "0.5",
        "n" | "seed" | "max_tokens" | "max_completion_tokens" | "top_logprobs" => "7",
        _ => "\"x\"",
    };
    let names = <Known as Members>::NAMES;
    let members: Vec<_> = names.iter().map(|name| format!("\"{name}\":{}", value(name))).collect();
    let body = read(&format!("{{{}}}", members.join(",")));
    assert!(body.stream && body.chat.unknown_members_json.is_empty());
    assert_eq!((body.chat.model.as_str(), body.chat.temperature, body.chat.seed), ("x", Some(0.5), Some(7)));
    assert_eq!((body.chat.stop, &body.chat.function_call_json[..]), (vec!["x".to_owned()], &b"\"x\""[..]));
    let nulls: Vec<_> = names.iter().map(|name| format!("\"{name}\":null")).collect();
    let body = read(&format!("{{{}}}", nulls.join(",")));
    assert_eq!((body.chat, body.stream), (ChatRequest::default(), false));
}

#[test]
fn what_the_caller_wrote_is_a_slice_of_the_body() {
    let body = Bytes::from_static(
        br#"{"messages":[ {"role":"user", "content":"\u00e9 1.0"} ],"tools":[{"b":1,"a":1.0}],"x_top":{"k" : [1e2]},"y":null}"#,
    );
    let chat = chat_request(&body).unwrap().chat;
    let message = &chat.messages[0].message_json;
    assert_eq!(message, r#"{"role":"user", "content":"\u00e9 1.0"}"#);
    let inside = body.as_ptr_range();
    assert!(inside.contains(&message.as_ptr()));
    assert_eq!(chat.unknown_members_json, r#"{"x_top":{"k" : [1e2]},"y":null}"#);
}

#[test]
fn what_is_not_one_json_object_is_told_apart() {
    for body in [
        "",
        "[]",
        "7",
        "null",
        "{",
        "{} {}",
        "{\"a\":1,}",
        "{\"model\":\"a\",\"model\":\"b\"}",
        "{\"a\":1e999}",
        "{\"a\":\"\\ud800\"}",
    ] {
        let (is_field, code, _) = fault(body);
        assert_eq!((is_field, code), (false, ErrorCode::InvalidJson), "{body}");
    }
    assert_eq!(fault(b"{\"a\":\"\xff\"}").1, ErrorCode::InvalidJson);
    assert_eq!(fault(format!("{{\"a\":{}", "[".repeat(1_000_000))).1, ErrorCode::InvalidJson);
}

#[test]
fn a_field_of_the_wrong_kind_is_named() {
    for (body, param) in [
        (r#"{"model":7}"#, "model"),
        (r#"{"messages":{}}"#, "messages"),
        (r#"{"temperature":"hot"}"#, "temperature"),
        (r#"{"n":1.5}"#, "n"),
        (r#"{"stop":7}"#, "stop"),
        (r#"{"stop":["a",7]}"#, "stop[1]"),
        (r#"{"modalities":"text"}"#, "modalities"),
        (r#"{"stream":"yes"}"#, "stream"),
        (r#"{"stream_options":{"include_usage":1}}"#, "stream_options.include_usage"),
    ] {
        assert_eq!(fault(body), (true, ErrorCode::InvalidField, param.to_owned()), "{body}");
    }
}

#[test]
fn a_fault_of_syntax_comes_before_a_field_of_the_wrong_kind() {
    let (is_field, code, _) = fault(r#"{"temperature":"hot","messages":[}"#);
    assert_eq!((is_field, code), (false, ErrorCode::InvalidJson));
}
