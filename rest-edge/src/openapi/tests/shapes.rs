//! What the edge reads and writes is what the schemas say.

use gateway_proto::v1;
use gateway_proto::{ApiError, metadata};
use serde::Serialize;

use super::*;
use crate::error::envelope;
use crate::{conversation, memory, openai, system_prompts, tools, usage};

/// Fails where an object has a member that its schema does not describe, or lacks one that it requires.
fn check(document: &Value, schema: &Value, value: &Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, follow(document, reference).unwrap(), value);
    }
    if let Some(branches) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()).filter(|_| !value.is_null()) {
        // Wherever the gateway itself writes an object, the first branch describes it.
        return check(document, &branches[0], value);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return check(document, &merged(document, parts), value);
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

/// One schema with the members of all of these.
fn merged(document: &Value, parts: &[Value]) -> Value {
    let mut whole = json!({"required": [], "properties": {}});
    for part in parts {
        let part = part["$ref"].as_str().map_or(part, |reference| follow(document, reference).unwrap());
        whole["required"].as_array_mut().unwrap().extend(part["required"].as_array().unwrap().clone());
        whole["properties"].as_object_mut().unwrap().extend(part["properties"].as_object().unwrap().clone());
    }
    whole
}

fn check_written(schema: &str, written: &impl Serialize) {
    let document = local_document();
    check(&document, &document["components"]["schemas"][schema], &serde_json::to_value(written).unwrap());
}

/// The parameters that are read of queries.
const QUERY: [&str; 10] =
    ["limit", "offset", "after", "user_id", "from", "to", "granularity", "visibility", "key", "scope"];

#[test]
fn usage_is_written_as_described() {
    let known = v1::UsageBucket { cost_usd: Some("0.5".to_owned()), ..v1::UsageBucket::default() };
    let items = vec![known, v1::UsageBucket::default()];
    let written = usage::usage(&v1::GetUsageResponse { items, ..v1::GetUsageResponse::default() });
    check_written("UsageReport", &serde_json::from_slice::<Value>(&written).unwrap());
    let document = local_document();
    check_written("UsageReport", &document["components"]["examples"]["UsageReport"]["value"]);
}

#[test]
fn memory_is_written_as_described() {
    let known = v1::MemoryOrigin { conversation_id: Some(text("c")), turn_id: Some(text("t")), ..origin_of("tool") };
    let entry = v1::MemoryEntry { origin: Some(known), user_id: Some(text("ann")), ..v1::MemoryEntry::default() };
    let public = v1::MemoryEntry { origin: Some(origin_of("human")), ..v1::MemoryEntry::default() };
    let page = v1::ListMemoryResponse { items: vec![entry.clone(), public], ..v1::ListMemoryResponse::default() };
    for (schema, written) in [
        ("MemoryEntry", memory::memory_entry(&entry)),
        ("MemoryEntryList", memory::memory_list(&page)),
        ("MemoryUsage", memory::memory_usage(&v1::MemoryUsage::default())),
        ("MemoryDeletion", memory::memory_deleted(true)),
        ("MemoryDeletions", memory::memories_deleted(3)),
    ] {
        check_written_and_example(schema, &written);
    }
    check_example("NewMemoryEntry");
}

fn origin_of(kind: &str) -> v1::MemoryOrigin {
    v1::MemoryOrigin { kind: text(kind), ..v1::MemoryOrigin::default() }
}

#[test]
fn system_prompts_are_written_as_described() {
    let known = v1::SystemPrompt {
        scope_id: Some(text("room")),
        user_id: Some(text("ann")),
        content: Some(text("Be brief.")),
        note: Some(text("n")),
        author_user_id: Some(text("ann")),
        ..v1::SystemPrompt::default()
    };
    let items = vec![known.clone(), v1::SystemPrompt::default()];
    let effective = v1::EffectiveSystemPrompt { levels: items.clone(), content: Some(text("Be brief.")) };
    let page = v1::ListSystemPromptVersionsResponse { items, ..v1::ListSystemPromptVersionsResponse::default() };
    for (schema, written) in [
        ("SystemPrompt", system_prompts::system_prompt(&known)),
        ("SystemPromptList", system_prompts::system_prompt_list(&page)),
        ("EffectiveSystemPrompt", system_prompts::effective_system_prompt(&effective)),
    ] {
        check_written_and_example(schema, &written);
    }
    check_example("NewSystemPrompt");
}

fn check_written_and_example(schema: &str, written: &[u8]) {
    check_written(schema, &serde_json::from_slice::<Value>(written).unwrap());
    check_example(schema);
}

/// The example of a schema has its name.
fn check_example(schema: &str) {
    check_written(schema, &local_document()["components"]["examples"][schema]["value"]);
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
    let cost = v1::CostNotice { cost_usd: "0.5".to_owned(), estimated: true };
    let chunk = v1::ChatCompletionChunk {
        choices: vec![choice],
        notice: Some(v1::ChunkNotice { notice: Some(v1::chunk_notice::Notice::Cost(cost)) }),
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
fn notices_and_tools_are_written_as_described() {
    let notice = v1::Notice { code: "tool_loop_max_iterations".to_owned(), message: "m".to_owned(), iterations: 10 };
    let completion = v1::ChatCompletion { notices: vec![notice.clone()], ..v1::ChatCompletion::default() };
    let written: Value = serde_json::from_slice(&openai::chat_completion(&completion)).unwrap();
    check_written("Notice", &written["spass"]["notices"][0]);
    for notice in [v1::chunk_notice::Notice::ToolCap(notice.clone()), v1::chunk_notice::Notice::ToolAntiLoop(notice)] {
        let notice = Some(v1::ChunkNotice { notice: Some(notice) });
        let chunk = v1::ChatCompletionChunk { notice, ..v1::ChatCompletionChunk::default() };
        let mut writer = gateway_proto::json::Writer::default();
        openai::write_chunk(&mut writer, &chunk, openai::UsageMember::WhenKnown);
        let written: Value = serde_json::from_slice(&writer.finish()).unwrap();
        check_written("ChunkNotice", &written["spass"]);
    }
    let tool = v1::ServerTool { parameters_json: "{}".into(), ..v1::ServerTool::default() };
    let list = tools::tool_list(&v1::ListToolsResponse { items: vec![tool] });
    check_written("ServerToolList", &serde_json::from_slice::<Value>(&list).unwrap());
    let executed = v1::ExecuteToolResponse { result_json: "1".into(), ..v1::ExecuteToolResponse::default() };
    check_written("ToolExecuted", &serde_json::from_slice::<Value>(&tools::executed(&executed)).unwrap());
}

#[test]
fn conversations_are_written_as_described() {
    let call = v1::tool_call::Call::Function(v1::FunctionCall::default());
    let said = v1::ChatMessage {
        name: Some("n".to_owned()),
        tool_calls: vec![v1::ToolCall { call: Some(call), ..v1::ToolCall::default() }],
        tool_call_id: Some("t".to_owned()),
        refusal: Some("no".to_owned()),
        ..v1::ChatMessage::default()
    };
    let messages = vec![v1::ConversationMessage { message: Some(said), ..v1::ConversationMessage::default() }];
    let known = v1::Conversation { metadata_json: "{}".into(), ..v1::Conversation::default() };
    let whole = v1::Conversation { messages: messages.clone(), ..known.clone() };
    let items = vec![known.clone(), v1::Conversation::default()];
    let page = v1::ListConversationsResponse { items, ..v1::ListConversationsResponse::default() };
    let of_messages = v1::ListMessagesResponse { items: messages, ..v1::ListMessagesResponse::default() };
    let export = v1::ExportConversationResponse { conversation: Some(whole.clone()), exported_at: None };
    for (schema, written) in [
        ("Conversation", conversation::conversation_row(&known)),
        ("ConversationInFull", conversation::conversation_in_full(&whole)),
        ("ConversationList", conversation::conversation_list(&page)),
        ("ConversationMessageList", conversation::message_list(&of_messages)),
        ("ConversationExport", conversation::conversation_export(&export)),
    ] {
        check_written(schema, &serde_json::from_slice::<Value>(&written).unwrap());
    }
}

#[test]
fn examples_of_conversations_have_the_described_members() {
    let document = local_document();
    for name in
        ["Conversation", "ConversationInFull", "ConversationList", "ConversationMessageList", "ConversationExport"]
    {
        check_written(name, &document["components"]["examples"][name]["value"]);
    }
}

#[test]
fn request_examples_are_read() {
    for (reference, body) in request_examples("/v1/chat/completions", "post") {
        let read = openai::chat_request(&body.into()).unwrap();
        assert!(read.chat.unknown_members_json.is_empty(), "{reference}");
        assert_eq!(read.stream, reference.ends_with("AsStream"), "{reference}");
    }
    for (reference, body) in request_examples("/c1/chat", "post") {
        let read = openai::turn_request(&body.into()).unwrap();
        let chat = read.turn.chat.unwrap();
        assert!(chat.unknown_members_json.is_empty(), "{reference}");
        assert_eq!(chat.messages.is_empty(), !read.turn.message_json.is_empty(), "{reference}");
        assert_eq!(read.stream, reference.ends_with("AsStream"), "{reference}");
    }
    for (reference, body) in request_examples("/v1/tools/execute", "post") {
        let read = tools::execute_request(&body.into()).unwrap();
        assert!(!read.name.is_empty(), "{reference}");
    }
    for (reference, body) in request_examples("/c1/conversations/{conversation_id}", "patch") {
        let read = conversation::conversation_update(&body.into()).unwrap();
        assert!(!read.update_mask.unwrap().paths.is_empty(), "{reference}");
    }
}

/// The examples of a route's body, by the references to them.
fn request_examples(path: &str, method: &str) -> Vec<(String, Vec<u8>)> {
    let document = local_document();
    let body = &document["paths"][path][method]["requestBody"]["content"]["application/json"];
    let references = body["examples"].as_object().unwrap().values().map(|example| example["$ref"].as_str().unwrap());
    let examples: Vec<_> = references
        .map(|reference| {
            let example = follow(&document, reference).unwrap()["value"].to_string();
            (reference.to_owned(), example.into_bytes())
        })
        .collect();
    assert!(examples.len() > 1, "{path}");
    examples
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
        match parameter["in"].as_str().unwrap() {
            "header" => assert!(read.contains(&name), "{name} is not read"),
            "query" => assert!(QUERY.contains(&name.as_str()), "{name} is not read"),
            place => assert_eq!(place, "path", "{name}"),
        }
    }
}

fn text(name: impl AsRef<str>) -> String {
    name.as_ref().to_owned()
}
