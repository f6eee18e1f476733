//! The whole answer out.

use gateway_proto::json::Writer;
use gateway_proto::openai::write_tool_call;
use gateway_proto::v1::{
    AssistantMessage, ChatCompletion, Choice, CompletionTokensDetails, FinishReason, Logprobs, PromptTokensDetails,
    TokenLogprob, Usage, assistant_message, choice,
};

/// What an answer takes besides its texts, roughly: room enough that the buffer seldom grows.
const USUAL_BYTES: usize = 1024;

/// Writes an answer. Members that OpenAI's API always gives are given as null where there is nothing to tell.
pub(crate) fn chat_completion(completion: &ChatCompletion) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES);
    writer.begin_object();
    writer.optional_string("id", Some(&completion.id));
    writer.optional_string("object", Some("chat.completion"));
    writer.name("created");
    writer.integer(completion.created);
    writer.optional_string("model", Some(&completion.model));
    writer.name("choices");
    writer.begin_array();
    completion.choices.iter().for_each(|choice| write_choice(&mut writer, choice));
    writer.end_array();
    if let Some(usage) = &completion.usage {
        write_usage(&mut writer, usage);
    }
    writer.optional_string("service_tier", completion.service_tier.as_deref());
    writer.optional_string("system_fingerprint", completion.system_fingerprint.as_deref());
    writer.members_of(&completion.unknown_members_json);
    writer.end_object();
    writer.finish()
}

fn write_choice(writer: &mut Writer, choice: &Choice) {
    writer.begin_object();
    writer.name("index");
    writer.integer(choice.index);
    writer.name("message");
    match &choice.message {
        Some(message) => write_message(writer, message),
        None => writer.null(),
    }
    writer.name("logprobs");
    write_logprobs_form(writer, choice.logprobs_form.as_ref());
    writer.name("finish_reason");
    match finish_reason(choice.finish_reason(), &choice.other_finish_reason) {
        Some(reason) => writer.string(reason),
        None => writer.null(),
    }
    writer.members_of(&choice.unknown_members_json);
    writer.end_object();
}

fn finish_reason(reason: FinishReason, other: &str) -> Option<&str> {
    match reason {
        FinishReason::Unspecified => None,
        FinishReason::Stop => Some("stop"),
        FinishReason::Length => Some("length"),
        FinishReason::ToolCalls => Some("tool_calls"),
        FinishReason::ContentFilter => Some("content_filter"),
        FinishReason::FunctionCall => Some("function_call"),
        FinishReason::Other => Some(other),
    }
}

fn write_message(writer: &mut Writer, message: &AssistantMessage) {
    writer.begin_object();
    writer.optional_string("role", Some("assistant"));
    writer.name("content");
    match &message.content {
        None => writer.null(),
        Some(assistant_message::Content::Text(text)) => writer.string(text),
        Some(assistant_message::Content::ContentJson(json)) => writer.raw(json),
    }
    writer.name("refusal");
    match &message.refusal {
        None => writer.null(),
        Some(refusal) => writer.string(refusal),
    }
    if !message.tool_calls.is_empty() {
        writer.name("tool_calls");
        writer.begin_array();
        message.tool_calls.iter().for_each(|call| write_tool_call(writer, call));
        writer.end_array();
    }
    writer.members_of(&message.unknown_members_json);
    writer.end_object();
}

fn write_logprobs_form(writer: &mut Writer, form: Option<&choice::LogprobsForm>) {
    match form {
        None => writer.null(),
        Some(choice::LogprobsForm::LogprobsJson(json)) => writer.raw(json),
        Some(choice::LogprobsForm::Logprobs(logprobs)) => write_logprobs(writer, logprobs),
    }
}

fn write_logprobs(writer: &mut Writer, logprobs: &Logprobs) {
    writer.begin_object();
    for (name, tokens) in [("content", &logprobs.content), ("refusal", &logprobs.refusal)] {
        writer.name(name);
        if tokens.is_empty() {
            writer.null();
        } else {
            writer.begin_array();
            tokens.iter().for_each(|token| write_token(writer, token));
            writer.end_array();
        }
    }
    writer.members_of(&logprobs.unknown_members_json);
    writer.end_object();
}

fn write_token(writer: &mut Writer, token: &TokenLogprob) {
    writer.begin_object();
    write_token_members(writer, &token.token, token.logprob, token.utf8.as_deref());
    writer.name("top_logprobs");
    writer.begin_array();
    for top in &token.top_logprobs {
        writer.begin_object();
        write_token_members(writer, &top.token, top.logprob, top.utf8.as_deref());
        writer.members_of(&top.unknown_members_json);
        writer.end_object();
    }
    writer.end_array();
    writer.members_of(&token.unknown_members_json);
    writer.end_object();
}

fn write_token_members(writer: &mut Writer, token: &str, logprob: f64, utf8: Option<&[u8]>) {
    writer.optional_string("token", Some(token));
    writer.name("logprob");
    writer.double(logprob);
    writer.name("bytes");
    match utf8 {
        None => writer.null(),
        Some(bytes) => {
            writer.begin_array();
            bytes.iter().for_each(|byte| writer.integer(*byte));
            writer.end_array();
        }
    }
}

fn write_usage(writer: &mut Writer, usage: &Usage) {
    writer.name("usage");
    writer.begin_object();
    write_count(writer, "prompt_tokens", Some(usage.prompt_tokens));
    write_count(writer, "completion_tokens", Some(usage.completion_tokens));
    write_count(writer, "total_tokens", Some(usage.total_tokens));
    if let Some(details) = &usage.prompt_tokens_details {
        write_prompt_details(writer, details);
    }
    if let Some(details) = &usage.completion_tokens_details {
        write_completion_details(writer, details);
    }
    writer.members_of(&usage.unknown_members_json);
    writer.end_object();
}

fn write_prompt_details(writer: &mut Writer, details: &PromptTokensDetails) {
    writer.name("prompt_tokens_details");
    writer.begin_object();
    write_count(writer, "cached_tokens", details.cached_tokens);
    write_count(writer, "audio_tokens", details.audio_tokens);
    writer.members_of(&details.unknown_members_json);
    writer.end_object();
}

fn write_completion_details(writer: &mut Writer, details: &CompletionTokensDetails) {
    writer.name("completion_tokens_details");
    writer.begin_object();
    write_count(writer, "reasoning_tokens", details.reasoning_tokens);
    write_count(writer, "audio_tokens", details.audio_tokens);
    write_count(writer, "accepted_prediction_tokens", details.accepted_prediction_tokens);
    write_count(writer, "rejected_prediction_tokens", details.rejected_prediction_tokens);
    writer.members_of(&details.unknown_members_json);
    writer.end_object();
}

fn write_count(writer: &mut Writer, name: &str, count: Option<u32>) {
    if let Some(count) = count {
        writer.name(name);
        writer.integer(count);
    }
}

#[cfg(test)]
mod tests;
