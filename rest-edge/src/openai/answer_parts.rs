//! What a whole answer and its chunks have in common.

use gateway_proto::json::Writer;
use gateway_proto::openai::write_tool_call;
use gateway_proto::v1::{
    CompletionTokensDetails, FinishReason, Logprobs, Notice, PromptTokensDetails, TokenLogprob, ToolCall, Usage,
};

/// Writes why an answer ended, null while it has not.
pub(super) fn write_finish_reason(writer: &mut Writer, reason: FinishReason, other: &str) {
    writer.nullable_string("finish_reason", finish_reason(reason, other));
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

/// Writes the tools that the model asks for, when it asks for any.
pub(crate) fn write_tool_calls(writer: &mut Writer, calls: &[ToolCall]) {
    if !calls.is_empty() {
        writer.name("tool_calls");
        writer.begin_array();
        calls.iter().for_each(|call| write_tool_call(writer, call));
        writer.end_array();
    }
}

/// Writes what the gateway tells of how an answer came to be.
pub(super) fn write_notices(writer: &mut Writer, notices: &[Notice]) {
    writer.name("notices");
    writer.begin_array();
    for Notice { code, message, iterations } in notices {
        writer.begin_object();
        writer.optional_string("code", Some(code));
        writer.optional_string("message", Some(message));
        writer.name("iterations");
        writer.integer(*iterations);
        writer.end_object();
    }
    writer.end_array();
}

/// Writes log probabilities in OpenAI's form.
pub(super) fn write_logprobs(writer: &mut Writer, logprobs: &Logprobs) {
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

/// Writes what a call took.
pub(super) fn write_usage(writer: &mut Writer, usage: &Usage) {
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
