use gateway_proto::v1::choice::LogprobsForm;

use super::*;

fn malformed(body: &str) -> String {
    match read(body.as_bytes(), "alias") {
        Err(UpstreamError::Malformed(reason)) => reason,
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn a_whole_answer_is_read_and_unknown_members_are_kept() {
    let body = r#"{"id":"c1","object":"chat.completion","created":1760000000.7,"model":"their-name","x_groq":{"id":1.0},
        "choices":[{"index":1,"message":{"role":"assistant","content":null,"refusal":"No","reasoning_content":"hm",
            "tool_calls":[{"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}","y":1},"extra_content":{"z":2}}]},
            "finish_reason":"tool_calls","logprobs":{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"a","logprob":-0.5,"bytes":null}]}]},
            "provider":"p"}],
        "usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":1,"w":2},
            "completion_tokens_details":null,"cost":0.1},
        "system_fingerprint":"fp","service_tier":null}"#;
    let completion = read(body.as_bytes(), "alias").unwrap();
    assert_eq!((completion.id.as_str(), completion.created, completion.model.as_str()), ("c1", 1_760_000_000, "alias"));
    assert_eq!(completion.unknown_members_json, r#"{"x_groq":{"id":1.0}}"#);
    let choice = &completion.choices[0];
    assert_eq!((choice.index, choice.finish_reason()), (1, FinishReason::ToolCalls));
    assert_eq!(choice.unknown_members_json, r#"{"provider":"p"}"#);
    let message = choice.message.as_ref().unwrap();
    assert_eq!((message.content.as_ref(), message.refusal.as_deref()), (None, Some("No")));
    assert_eq!(message.unknown_members_json, r#"{"reasoning_content":"hm"}"#);
    let call = &message.tool_calls[0];
    assert_eq!(call.unknown_members_json, r#"{"extra_content":{"z":2}}"#);
    let Some(tool_call::Call::Function(function)) = &call.call else { panic!("{call:?}") };
    assert_eq!((function.arguments.as_str(), &function.unknown_members_json[..]), (r#"{"a":1}"#, &br#"{"y":1}"#[..]));
    let Some(LogprobsForm::Logprobs(logprobs)) = &choice.logprobs_form else { panic!("{choice:?}") };
    assert_eq!(logprobs.content[0].utf8.as_deref(), Some(&b"a"[..]));
    assert_eq!(logprobs.content[0].top_logprobs[0].utf8, None);
    let usage = completion.usage.unwrap();
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.total_tokens), (3, 4, 7));
    assert_eq!(usage.unknown_members_json, r#"{"cost":0.1}"#);
    assert_eq!(usage.prompt_tokens_details.unwrap().unknown_members_json, r#"{"w":2}"#);
}

#[test]
fn what_servers_leave_out_is_made_up() {
    let body = r#"{"choices":[{"message":{"content":[{"type":"text","text":"x"}],"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}},{"message":{}}]}"#;
    let completion = read(body.as_bytes(), "alias").unwrap();
    assert!(completion.id.starts_with("chatcmpl-") && completion.created > 1_700_000_000);
    assert_eq!(completion.choices[1].index, 1);
    let message = completion.choices[0].message.as_ref().unwrap();
    assert!(matches!(&message.content, Some(assistant_message::Content::ContentJson(json)) if json.starts_with(b"[")));
    assert!(message.tool_calls[0].id.starts_with("call_"));
    let Some(tool_call::Call::Function(function)) = &message.tool_calls[0].call else { panic!("{message:?}") };
    assert_eq!(function.arguments, r#"{"a":1}"#);
}

#[test]
fn reasons_and_logprobs_of_another_kind_are_kept() {
    let body = r#"{"choices":[{"message":{},"finish_reason":"eos","logprobs":{"tokens":["a"],"content":"?"}}]}"#;
    let choice = read(body.as_bytes(), "alias").unwrap().choices.remove(0);
    assert_eq!((choice.finish_reason(), choice.other_finish_reason.as_str()), (FinishReason::Other, "eos"));
    assert!(
        matches!(choice.logprobs_form, Some(LogprobsForm::LogprobsJson(json)) if json == r#"{"tokens":["a"],"content":"?"}"#)
    );
}

#[test]
fn what_is_no_answer_is_refused_in_our_own_words() {
    for (body, reason) in [
        ("", "it is not valid JSON"),
        ("<html>", "it is not valid JSON"),
        ("[]", "must be an object"),
        ("{}", "it has no choices"),
        (r#"{"choices":[]}"#, "it has no choices"),
        (r#"{"choices":[{}]}"#, "'choices[0].message' is required"),
        (r#"{"error":{"message":"sk-secret"}}"#, "'error' holds an error"),
        (r#"{"choices":[{"message":{"content":"x"}}],"usage":{"prompt_tokens":-1}}"#, "'usage.prompt_tokens' must be"),
        (r#"{"choices":[{"message":{"content":"x"}}]} trailing"#, "it is not valid JSON"),
        (r#"{"choices":[{"message":{"content":"\ud800"}}]}"#, "it is not valid JSON"),
    ] {
        assert!(malformed(body).contains(reason), "{body}: {}", malformed(body));
    }
    let good = read(br#"{"error":null,"choices":[{"message":{"content":"x"}}]}"#, "alias");
    assert!(good.is_ok(), "{good:?}");
}
