use gateway_proto::v1::{FinishReason, Logprobs, TokenLogprob, Usage};
use serde_json::{Value, json};

use super::*;

fn written(chunk: &ChatCompletionChunk, usage: UsageMember) -> Value {
    let mut writer = Writer::default();
    write_chunk(&mut writer, chunk, usage);
    serde_json::from_slice(&writer.finish()).unwrap()
}

fn of_choice(choice: ChunkChoice) -> Value {
    let chunk = ChatCompletionChunk { choices: vec![choice], ..ChatCompletionChunk::default() };
    written(&chunk, UsageMember::WhenKnown)["choices"][0].take()
}

#[test]
fn a_chunk_is_written_with_all_that_it_holds() {
    let call = ToolCallDelta {
        index: 1,
        id: Some("t".to_owned()),
        r#type: Some("function".to_owned()),
        function: Some(FunctionCallDelta {
            name: Some("f".to_owned()),
            arguments: Some("{\"a\"".to_owned()),
            unknown_members_json: r#"{"g":1}"#.into(),
        }),
        custom: None,
        unknown_members_json: r#"{"h":1.0}"#.into(),
    };
    let choice = ChunkChoice {
        index: 2,
        delta: Some(MessageDelta {
            role: Some("assistant".to_owned()),
            content: Some(message_delta::Content::Text("x\u{2028}\"\n".to_owned())),
            refusal: Some("no".to_owned()),
            tool_calls: vec![call],
            unknown_members_json: r#"{"reasoning":"r"}"#.into(),
        }),
        finish_reason: FinishReason::Other.into(),
        other_finish_reason: "eos".to_owned(),
        logprobs_form: Some(chunk_choice::LogprobsForm::Logprobs(Logprobs {
            content: vec![TokenLogprob { token: "x".to_owned(), logprob: -0.5, ..TokenLogprob::default() }],
            ..Logprobs::default()
        })),
        unknown_members_json: r#"{"i":null}"#.into(),
    };
    let cost = CostNotice { cost_usd: "0.000000001".to_owned(), estimated: true };
    let chunk = ChatCompletionChunk {
        id: "c".to_owned(),
        created: 7,
        model: "m".to_owned(),
        choices: vec![choice],
        usage: None,
        service_tier: Some("flex".to_owned()),
        system_fingerprint: Some("fp".to_owned()),
        unknown_members_json: r#"{"z":[1]}"#.into(),
        notice: Some(ChunkNotice { notice: Some(chunk_notice::Notice::Cost(cost)) }),
    };
    assert_eq!(
        written(&chunk, UsageMember::WhenKnown),
        json!({
            "id": "c", "object": "chat.completion.chunk", "created": 7, "model": "m", "service_tier": "flex",
            "system_fingerprint": "fp", "z": [1], "spass": {"cost_usd": 1e-9, "estimated": true},
            "choices": [{
                "index": 2, "finish_reason": "eos", "i": null,
                "logprobs": {"content": [{"token": "x", "logprob": -0.5, "bytes": null, "top_logprobs": []}], "refusal": null},
                "delta": {
                    "role": "assistant", "content": "x\u{2028}\"\n", "refusal": "no", "reasoning": "r",
                    "tool_calls": [{
                        "index": 1, "id": "t", "type": "function", "h": 1.0,
                        "function": {"name": "f", "arguments": "{\"a\"", "g": 1},
                    }],
                },
            }],
        })
    );
}

#[test]
fn what_is_not_there_is_not_written() {
    assert_eq!(of_choice(ChunkChoice::default()), json!({"index": 0, "delta": {}, "finish_reason": null}));
    let piece = CustomToolCallDelta { input: Some("i".to_owned()), ..CustomToolCallDelta::default() };
    let call = ToolCallDelta { custom: Some(piece), ..ToolCallDelta::default() };
    let content = Some(message_delta::Content::ContentJson("null".into()));
    let delta = Some(MessageDelta { content, tool_calls: vec![call], ..MessageDelta::default() });
    assert_eq!(
        of_choice(ChunkChoice { delta, ..ChunkChoice::default() })["delta"],
        json!({"content": null, "tool_calls": [{"index": 0, "custom": {"input": "i"}}]})
    );
}

#[test]
fn usage_is_null_where_it_was_asked_for_and_is_not_known() {
    let chunk = ChatCompletionChunk::default();
    assert_eq!(written(&chunk, UsageMember::Always)["usage"], Value::Null);
    assert!(written(&chunk, UsageMember::Always).get("usage").is_some());
    assert!(written(&chunk, UsageMember::WhenKnown).get("usage").is_none());
    let chunk = ChatCompletionChunk { usage: Some(Usage { total_tokens: 3, ..Usage::default() }), ..chunk };
    for usage in [UsageMember::Always, UsageMember::WhenKnown] {
        assert_eq!(written(&chunk, usage)["usage"]["total_tokens"], 3);
    }
}
