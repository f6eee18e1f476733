use gateway_proto::v1::message_delta::Content;

use super::*;

fn reader() -> ChunkReader {
    ChunkReader::new("alias".to_owned())
}

fn read(reader: &mut ChunkReader, delta: &str) -> ChatCompletionChunk {
    reader.read(format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#).as_bytes()).unwrap()
}

#[test]
fn a_chunk_is_read_with_all_that_it_holds() {
    let text = r#"{"id":"c1","object":"chat.completion.chunk","created":7,"model":"theirs","service_tier":"flex",
        "system_fingerprint":"fp","obfuscation":"x","choices":[{"index":1,"delta":{"role":"assistant","content":"h\u00e9",
        "refusal":"no","reasoning_content":"because","tool_calls":[{"index":0,"id":"t1","type":"function","extra":[1],
        "function":{"name":"f","arguments":"{\"a\":","strange":2}}]},"logprobs":{"content":[],"refusal":null},
        "finish_reason":"length","native_finish_reason":"MAX"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let chunk = reader().read(text.as_bytes()).unwrap();
    assert_eq!((chunk.id.as_str(), chunk.created, chunk.model.as_str()), ("c1", 7, "alias"));
    assert_eq!((chunk.service_tier.as_deref(), chunk.system_fingerprint.as_deref()), (Some("flex"), Some("fp")));
    assert_eq!(chunk.unknown_members_json, r#"{"obfuscation":"x"}"#);
    assert_eq!(chunk.usage.unwrap().total_tokens, 3);
    let choice = &chunk.choices[0];
    assert_eq!((choice.index, choice.finish_reason()), (1, FinishReason::Length));
    assert_eq!(choice.unknown_members_json, r#"{"native_finish_reason":"MAX"}"#);
    assert!(choice.logprobs_form.is_some());
    let delta = choice.delta.as_ref().unwrap();
    assert_eq!(delta.content, Some(Content::Text("hé".to_owned())));
    assert_eq!((delta.role.as_deref(), delta.refusal.as_deref()), (Some("assistant"), Some("no")));
    assert_eq!(delta.unknown_members_json, r#"{"reasoning_content":"because"}"#);
    let call = &delta.tool_calls[0];
    assert_eq!((call.index, call.id.as_deref(), call.r#type.as_deref()), (0, Some("t1"), Some("function")));
    assert_eq!(call.unknown_members_json, r#"{"extra":[1]}"#);
    let function = call.function.as_ref().unwrap();
    assert_eq!((function.name.as_deref(), function.arguments.as_deref()), (Some("f"), Some(r#"{"a":"#)));
    assert_eq!(function.unknown_members_json, r#"{"strange":2}"#);
}

#[test]
fn null_absent_and_empty_content_stay_apart() {
    let mut reader = reader();
    let mut content = |delta: &str| read(&mut reader, delta).choices[0].delta.clone().unwrap().content;
    assert_eq!(content("{}"), None);
    assert_eq!(content(r#"{"content":""}"#), Some(Content::Text(String::new())));
    assert_eq!(content(r#"{"content":null}"#), Some(Content::ContentJson("null".into())));
    assert_eq!(content(r#"{"content":[{"type":"x"}]}"#), Some(Content::ContentJson(r#"[{"type":"x"}]"#.into())));
}

#[test]
fn ids_and_times_that_are_missing_are_made_up_once() {
    let mut reader = reader();
    let (first, second) = (read(&mut reader, "{}"), read(&mut reader, "null"));
    assert!(first.id.starts_with("chatcmpl-") && first.created > 0);
    assert_eq!((first.id, first.created), (second.id, second.created));
}

#[test]
fn tool_calls_without_numbers_are_numbered() {
    let mut reader = reader();
    let mut call = |call: &str| {
        let chunk = read(&mut reader, &format!(r#"{{"tool_calls":[{call}]}}"#));
        let call = chunk.choices[0].delta.clone().unwrap().tool_calls.remove(0);
        (call.index, call.id)
    };
    assert_eq!(call(r#"{"id":"a","function":{"name":"f","arguments":"{"}}"#), (0, Some("a".to_owned())));
    assert_eq!(call(r#"{"function":{"arguments":"}"}}"#), (0, None));
    assert_eq!(call(r#"{"id":"b","function":{"name":"f","arguments":"{}"}}"#), (1, Some("b".to_owned())));
    let (index, id) = call(r#"{"function":{"name":"g","arguments":"{}"}}"#);
    assert_eq!(index, 2);
    assert!(id.unwrap().starts_with("call_"));
    assert_eq!(call(r#"{"index":1,"function":{"arguments":" "}}"#), (1, None));
    assert_eq!(call(r#"{"index":5,"id":"","function":{"name":"h"}}"#).0, 5);
}

#[test]
fn an_answer_is_whole_when_each_that_was_asked_for_has_ended() {
    let end = |index: u32| format!(r#"{{"choices":[{{"index":{index},"delta":{{}},"finish_reason":"stop"}}]}}"#);
    let mut reader = reader();
    assert!(!reader.is_whole(1));
    read(&mut reader, r#"{"content":"x"}"#);
    assert!(!reader.is_whole(1));
    reader.read(end(0).as_bytes()).unwrap();
    assert!(reader.is_whole(1) && !reader.is_whole(2));
    // An empty text is how some servers spell null.
    reader.read(br#"{"choices":[{"index":1,"delta":{},"finish_reason":""}]}"#).unwrap();
    assert!(!reader.is_whole(1));
    reader.read(end(1).as_bytes()).unwrap();
    assert!(reader.is_whole(2));
}

#[test]
fn what_is_no_chunk_is_malformed() {
    for text in [
        "",
        "7",
        "[]",
        "{",
        r#"{"error":{"message":"x"}}"#,
        r#"{"choices":7}"#,
        r#"{"choices":[7]}"#,
        r#"{"choices":[{"index":128}]}"#,
        r#"{"choices":[{"index":-1}]}"#,
        r#"{"id":"a","id":"b"}"#,
        "{} {}",
        r#"{"choices":[{"delta":{"content":"\ud800"}}]}"#,
    ] {
        assert!(matches!(reader().read(text.as_bytes()), Err(UpstreamError::Malformed(_))), "{text}");
    }
    // Servers that send something before the first choice send it without one.
    assert!(reader().read(br#"{"choices":[],"prompt_filter_results":[]}"#).unwrap().choices.is_empty());
    assert!(reader().read(br#"{"error":null,"choices":null}"#).is_ok());
}
