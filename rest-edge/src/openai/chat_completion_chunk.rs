//! The chunks of a streamed answer out.

use gateway_proto::json::Writer;
use gateway_proto::v1::{
    ChatCompletionChunk, ChunkChoice, ChunkNotice, CostNotice, CustomToolCallDelta, FunctionCallDelta, MessageDelta,
    ToolCallDelta, chunk_choice, chunk_notice, message_delta,
};

use super::answer_parts::{write_finish_reason, write_logprobs, write_notices, write_usage};

/// Whether the client asked for the usage: then every chunk has the member, null but in the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageMember {
    Always,
    WhenKnown,
}

/// Writes a chunk.
pub(crate) fn write_chunk(writer: &mut Writer, chunk: &ChatCompletionChunk, usage: UsageMember) {
    writer.begin_object();
    writer.optional_string("id", Some(&chunk.id));
    writer.optional_string("object", Some("chat.completion.chunk"));
    writer.name("created");
    writer.integer(chunk.created);
    writer.optional_string("model", Some(&chunk.model));
    writer.name("choices");
    writer.begin_array();
    chunk.choices.iter().for_each(|choice| write_choice(writer, choice));
    writer.end_array();
    match &chunk.usage {
        Some(usage) => write_usage(writer, usage),
        None if usage == UsageMember::Always => {
            writer.name("usage");
            writer.null();
        }
        None => {}
    }
    writer.optional_string("service_tier", chunk.service_tier.as_deref());
    writer.optional_string("system_fingerprint", chunk.system_fingerprint.as_deref());
    if let Some(notice) = &chunk.notice {
        writer.name("spass");
        write_notice(writer, notice);
    }
    writer.members_of(&chunk.unknown_members_json);
    writer.end_object();
}

/// Writes what the gateway tells beside the answer.
fn write_notice(writer: &mut Writer, notice: &ChunkNotice) {
    writer.begin_object();
    match &notice.notice {
        Some(chunk_notice::Notice::Cost(CostNotice { cost_usd, estimated })) => {
            writer.name("cost_usd");
            // A decimal number is a JSON number, and exact as it is written.
            writer.raw(cost_usd.as_bytes());
            writer.name("estimated");
            writer.boolean(*estimated);
        }
        Some(chunk_notice::Notice::ToolCap(notice) | chunk_notice::Notice::ToolAntiLoop(notice)) => {
            write_notices(writer, std::slice::from_ref(notice));
        }
        None => {}
    }
    writer.end_object();
}

fn write_choice(writer: &mut Writer, choice: &ChunkChoice) {
    writer.begin_object();
    writer.name("index");
    writer.integer(choice.index);
    writer.name("delta");
    writer.begin_object();
    if let Some(delta) = &choice.delta {
        write_delta(writer, delta);
    }
    writer.end_object();
    match &choice.logprobs_form {
        None => {}
        Some(chunk_choice::LogprobsForm::LogprobsJson(json)) => {
            writer.name("logprobs");
            writer.raw(json);
        }
        Some(chunk_choice::LogprobsForm::Logprobs(logprobs)) => {
            writer.name("logprobs");
            write_logprobs(writer, logprobs);
        }
    }
    write_finish_reason(writer, choice.finish_reason(), &choice.other_finish_reason);
    writer.members_of(&choice.unknown_members_json);
    writer.end_object();
}

fn write_delta(writer: &mut Writer, delta: &MessageDelta) {
    writer.optional_string("role", delta.role.as_deref());
    match &delta.content {
        None => {}
        Some(message_delta::Content::Text(text)) => writer.optional_string("content", Some(text)),
        Some(message_delta::Content::ContentJson(json)) => {
            writer.name("content");
            writer.raw(json);
        }
    }
    writer.optional_string("refusal", delta.refusal.as_deref());
    if !delta.tool_calls.is_empty() {
        writer.name("tool_calls");
        writer.begin_array();
        delta.tool_calls.iter().for_each(|call| write_tool_call(writer, call));
        writer.end_array();
    }
    writer.members_of(&delta.unknown_members_json);
}

fn write_tool_call(writer: &mut Writer, call: &ToolCallDelta) {
    writer.begin_object();
    writer.name("index");
    writer.integer(call.index);
    writer.optional_string("id", call.id.as_deref());
    writer.optional_string("type", call.r#type.as_deref());
    if let Some(FunctionCallDelta { name, arguments, unknown_members_json }) = &call.function {
        writer.name("function");
        writer.begin_object();
        writer.optional_string("name", name.as_deref());
        writer.optional_string("arguments", arguments.as_deref());
        writer.members_of(unknown_members_json);
        writer.end_object();
    }
    if let Some(CustomToolCallDelta { name, input, unknown_members_json }) = &call.custom {
        writer.name("custom");
        writer.begin_object();
        writer.optional_string("name", name.as_deref());
        writer.optional_string("input", input.as_deref());
        writer.members_of(unknown_members_json);
        writer.end_object();
    }
    writer.members_of(&call.unknown_members_json);
    writer.end_object();
}

#[cfg(test)]
mod tests;
