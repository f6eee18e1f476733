use gateway_proto::v1::{
    CompletionTokensDetails, FinishReason, FunctionCall, Logprobs, PromptTokensDetails, TokenLogprob, ToolCall,
    TopLogprob, Usage, tool_call,
};
use serde_json::{Value, json};

use super::*;

fn written(completion: &ChatCompletion) -> Value {
    serde_json::from_slice(&chat_completion(completion)).unwrap()
}

#[test]
fn the_plainest_answer_has_the_members_that_clients_rely_on() {
    let completion = ChatCompletion {
        id: "c".to_owned(),
        created: 7,
        model: "org/m".to_owned(),
        choices: vec![Choice { message: Some(AssistantMessage::default()), ..Choice::default() }],
        ..ChatCompletion::default()
    };
    assert_eq!(
        written(&completion),
        json!({"id": "c", "object": "chat.completion", "created": 7, "model": "org/m", "choices": [{
            "index": 0, "message": {"role": "assistant", "content": null, "refusal": null}, "logprobs": null, "finish_reason": null,
        }]})
    );
}

#[test]
fn everything_that_was_read_is_written() {
    let logprobs = Logprobs {
        content: vec![TokenLogprob {
            token: "a".to_owned(),
            logprob: -0.5,
            utf8: Some("a".into()),
            top_logprobs: vec![TopLogprob { token: "b".to_owned(), logprob: -9999.0, ..TopLogprob::default() }],
            unknown_members_json: "{\"t\":1}".into(),
        }],
        ..Logprobs::default()
    };
    let call = ToolCall {
        id: "1".to_owned(),
        other_type: "builtin".to_owned(),
        call: Some(tool_call::Call::Function(FunctionCall {
            name: "f".to_owned(),
            arguments: "{\"a\": 1}".to_owned(),
            unknown_members_json: "{\"g\":1}".into(),
        })),
        unknown_members_json: "{\"h\":1.0}".into(),
    };
    let completion = ChatCompletion {
        choices: vec![Choice {
            index: 1,
            message: Some(AssistantMessage {
                content: Some(assistant_message::Content::Text("x\u{2028}\"".to_owned())),
                refusal: Some("no".to_owned()),
                tool_calls: vec![call],
                unknown_members_json: "{\"images\":[]}".into(),
            }),
            finish_reason: FinishReason::Other.into(),
            other_finish_reason: "eos".to_owned(),
            logprobs_form: Some(choice::LogprobsForm::Logprobs(logprobs)),
            unknown_members_json: "{\"i\":null}".into(),
        }],
        usage: Some(Usage {
            prompt_tokens: 1,
            completion_tokens: 2,
            total_tokens: 3,
            prompt_tokens_details: Some(PromptTokensDetails {
                cached_tokens: Some(0),
                ..PromptTokensDetails::default()
            }),
            completion_tokens_details: Some(CompletionTokensDetails::default()),
            unknown_members_json: "{\"cost\":0.10}".into(),
        }),
        service_tier: Some("flex".to_owned()),
        system_fingerprint: Some("fp".to_owned()),
        unknown_members_json: "{\"provider\":\"p\"}".into(),
        ..ChatCompletion::default()
    };
    let value = written(&completion);
    assert_eq!(
        value["choices"][0],
        json!({
            "index": 1,
            "message": {
                "role": "assistant", "content": "x\u{2028}\"", "refusal": "no", "images": [],
                "tool_calls": [{"id": "1", "type": "builtin", "h": 1.0, "function": {"name": "f", "arguments": "{\"a\": 1}", "g": 1}}],
            },
            "logprobs": {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "t": 1, "top_logprobs": [{"token": "b", "logprob": -9999.0, "bytes": null}]}], "refusal": null},
            "finish_reason": "eos", "i": null,
        })
    );
    assert_eq!(
        value["usage"],
        json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.1,
            "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {}})
    );
    assert_eq!(
        (&value["service_tier"], &value["system_fingerprint"], &value["provider"]),
        (&json!("flex"), &json!("fp"), &json!("p"))
    );
}
