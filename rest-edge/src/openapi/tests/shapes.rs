//! What the edge reads and writes is what the schemas say.

use gateway_proto::v1;
use gateway_proto::{ApiError, metadata};
use serde::Serialize;

use super::*;
use crate::error::envelope;
use crate::openai;

/// Fails where an object has a member that its schema does not describe, or lacks one that it requires.
fn check(document: &Value, schema: &Value, value: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, follow(document, reference).unwrap(), value);
    }
    if let Some(branches) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()).filter(|_| !value.is_null()) {
        // Wherever the gateway itself writes an object, the first branch describes it.
        return check(document, &branches[0], value);
    }
    match value {
        Value::Object(members) if schema.get("properties").is_some() => {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(members.contains_key(name.as_str().unwrap()), "{name} is not in {value}");
            }
            for (name, member) in members {
                let described = schema["properties"].get(name);
                check(document, described.unwrap_or_else(|| panic!("{name} is not described")), member);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| check(document, &schema["items"], element)),
        _ => {}
    }
}

fn check_written(schema: &str, written: &impl Serialize) {
    let document = local_document();
    check(&document, &document["components"]["schemas"][schema], &serde_json::to_value(written).unwrap());
}

#[test]
fn models_are_written_as_described() {
    let known = v1::Model { modalities: Some(v1::Modalities::default()), ..v1::Model::default() };
    let models = [known, v1::Model::default()];
    check_written("ModelList", &openai::model_list(&models));
    check_written("ModelCatalog", &openai::info(&models));
}

#[test]
fn readiness_is_written_as_described() {
    let parts = vec![v1::ReadinessPart::default()];
    check_written("Readiness", &v1::GetReadinessResponse { status: "ok".to_owned(), parts });
}

#[test]
fn errors_are_written_as_described() {
    for code in ErrorCode::ALL {
        let error = ApiError::new(*code, "No.").with_param("model");
        let written: Value = serde_json::from_slice(&envelope(&error, "r", "")).unwrap();
        check_written("Error", &written);
    }
}

#[test]
fn completions_are_written_as_described() {
    let token = v1::TokenLogprob { top_logprobs: vec![v1::TopLogprob::default()], ..v1::TokenLogprob::default() };
    let call = v1::tool_call::Call::Function(v1::FunctionCall::default());
    let message = v1::AssistantMessage {
        tool_calls: vec![v1::ToolCall { call: Some(call), ..v1::ToolCall::default() }],
        ..v1::AssistantMessage::default()
    };
    let logprobs = v1::Logprobs { content: vec![token], ..v1::Logprobs::default() };
    let completion = v1::ChatCompletion {
        choices: vec![v1::Choice {
            message: Some(message),
            logprobs_form: Some(v1::choice::LogprobsForm::Logprobs(logprobs)),
            ..v1::Choice::default()
        }],
        usage: Some(v1::Usage {
            prompt_tokens_details: Some(v1::PromptTokensDetails {
                cached_tokens: Some(1),
                audio_tokens: Some(1),
                ..v1::PromptTokensDetails::default()
            }),
            completion_tokens_details: Some(v1::CompletionTokensDetails {
                reasoning_tokens: Some(1),
                audio_tokens: Some(1),
                accepted_prediction_tokens: Some(1),
                rejected_prediction_tokens: Some(1),
                ..v1::CompletionTokensDetails::default()
            }),
            ..v1::Usage::default()
        }),
        service_tier: Some("auto".to_owned()),
        system_fingerprint: Some("fp".to_owned()),
        ..v1::ChatCompletion::default()
    };
    let written: Value = serde_json::from_slice(&openai::chat_completion(&completion)).unwrap();
    check_written("ChatCompletion", &written);
}

#[test]
fn chunks_are_written_as_described() {
    let call = v1::ToolCallDelta {
        id: Some("t".to_owned()),
        r#type: Some("function".to_owned()),
        function: Some(v1::FunctionCallDelta { arguments: Some("{".to_owned()), ..v1::FunctionCallDelta::default() }),
        custom: Some(v1::CustomToolCallDelta { input: Some("i".to_owned()), ..v1::CustomToolCallDelta::default() }),
        ..v1::ToolCallDelta::default()
    };
    let delta = v1::MessageDelta {
        role: Some("assistant".to_owned()),
        content: Some(v1::message_delta::Content::Text("x".to_owned())),
        refusal: Some("no".to_owned()),
        tool_calls: vec![call],
        ..v1::MessageDelta::default()
    };
    let choice = v1::ChunkChoice {
        delta: Some(delta),
        logprobs_form: Some(v1::chunk_choice::LogprobsForm::Logprobs(v1::Logprobs::default())),
        ..v1::ChunkChoice::default()
    };
    let chunk = v1::ChatCompletionChunk {
        choices: vec![choice],
        service_tier: Some("auto".to_owned()),
        system_fingerprint: Some("fp".to_owned()),
        ..v1::ChatCompletionChunk::default()
    };
    let mut writer = gateway_proto::json::Writer::default();
    openai::write_chunk(&mut writer, &chunk, openai::UsageMember::Always);
    let written: Value = serde_json::from_slice(&writer.finish()).unwrap();
    check_written("ChatCompletionChunk", &written);
}

#[test]
fn request_examples_are_read() {
    let document = local_document();
    let body = &document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"];
    let examples = body["examples"].as_object().unwrap();
    assert!(examples.len() > 3);
    for reference in examples.values().map(|example| example["$ref"].as_str().unwrap()) {
        let example = follow(&document, reference).unwrap()["value"].to_string();
        let read = openai::chat_request(&example.into_bytes().into()).unwrap();
        assert!(read.chat.unknown_members_json.is_empty(), "{reference}");
        assert_eq!(read.stream, reference.ends_with("AsStream"), "{reference}");
    }
}

#[test]
fn every_header_of_an_answer_is_described_and_every_parameter_is_read() {
    let document = local_document();
    for name in metadata::RESPONSE.iter().map(text) {
        assert!(document["components"]["headers"].get(&name).is_some(), "{name}");
    }
    let mut read: BTreeSet<_> = metadata::REQUEST.iter().map(text).collect();
    read.extend([text(metadata::X_REQUEST_ID), text(metadata::SPASS_REQUEST_ID)]);
    for parameter in document["components"]["parameters"].as_object().unwrap().values() {
        let name = parameter["name"].as_str().unwrap().to_ascii_lowercase();
        assert!(parameter["in"] == "path" || read.contains(&name), "{name} is not read");
    }
}

fn text(name: impl AsRef<str>) -> String {
    name.as_ref().to_owned()
}
