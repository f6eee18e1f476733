//! A whole answer of a model server, read into the contract's form.

mod chunk;
mod logprobs;
mod usage;

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use gateway_proto::json::{Fault, Kind, Reader};
use gateway_proto::v1::{
    AssistantMessage, ChatCompletion, Choice, CustomToolCall, FinishReason, FunctionCall, ToolCall, assistant_message,
    tool_call,
};
use uuid::Uuid;

pub(super) use chunk::ChunkReader;

use super::error::UpstreamError;

gateway_proto::json_members! {
    enum CompletionMember {
        Id = "id",
        Object = "object",
        Created = "created",
        Model = "model",
        Choices = "choices",
        Usage = "usage",
        ServiceTier = "service_tier",
        SystemFingerprint = "system_fingerprint",
        Error = "error",
    }
}
gateway_proto::json_members! {
    enum ChoiceMember { Index = "index", Message = "message", FinishReason = "finish_reason", Logprobs = "logprobs" }
}
gateway_proto::json_members! {
    enum MessageMember { Role = "role", Content = "content", Refusal = "refusal", ToolCalls = "tool_calls" }
}
gateway_proto::json_members! {
    enum ToolCallMember { Id = "id", Type = "type", Function = "function", Custom = "custom" }
}
gateway_proto::json_members! { enum FunctionMember { Name = "name", Arguments = "arguments" } }
gateway_proto::json_members! { enum CustomMember { Name = "name", Input = "input" } }

/// Reads an answer. Its `model` becomes the alias that the caller asked for.
pub(super) fn read(body: &[u8], alias: &str) -> Result<ChatCompletion, UpstreamError> {
    let malformed = |fault: Fault| malformed(fault, body);
    let mut reader = Reader::new(body).map_err(malformed)?;
    let completion = completion(&mut reader, alias).and_then(|completion| reader.end().map(|()| completion));
    let mut completion = completion.map_err(malformed)?;
    if completion.choices.is_empty() {
        return Err(UpstreamError::Malformed("it has no choices".to_owned()));
    }
    make_up_what_is_missing(&mut completion);
    Ok(completion)
}

fn malformed(fault: Fault, text: &[u8]) -> UpstreamError {
    UpstreamError::Malformed(fault.into_error(text, "it").message().to_owned())
}

fn completion(reader: &mut Reader<'_>, alias: &str) -> Result<ChatCompletion, Fault> {
    let mut completion = ChatCompletion { model: alias.to_owned(), ..ChatCompletion::default() };
    completion.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            CompletionMember::Id => completion.id = text(reader)?,
            CompletionMember::Object | CompletionMember::Model => drop(reader.value()?),
            CompletionMember::Created => completion.created = seconds(reader)?,
            CompletionMember::Choices => reader.elements(|reader, index| {
                completion.choices.push(choice(reader, index)?);
                Ok(())
            })?,
            CompletionMember::Usage => completion.usage = reader.nullable(usage::read)?,
            CompletionMember::ServiceTier => completion.service_tier = optional_text(reader)?,
            CompletionMember::SystemFingerprint => completion.system_fingerprint = optional_text(reader)?,
            CompletionMember::Error => error_member(reader)?,
        }
        Ok(())
    })?;
    Ok(completion)
}

/// Some servers answer 200 with an error inside.
fn error_member(reader: &mut Reader<'_>) -> Result<(), Fault> {
    match reader.kind()? {
        Kind::Null => reader.value().map(drop),
        _ => Err(Fault::invalid("holds an error.")),
    }
}

/// Some servers leave out ids and times that clients rely on.
fn make_up_what_is_missing(completion: &mut ChatCompletion) {
    if completion.id.is_empty() {
        completion.id = new_completion_id();
    }
    if completion.created == 0 {
        completion.created = now();
    }
    let calls = completion.choices.iter_mut().filter_map(|choice| choice.message.as_mut());
    for call in calls.flat_map(|message| &mut message.tool_calls).filter(|call| call.id.is_empty()) {
        // A client must be able to name the call that it answers.
        call.id = new_call_id();
    }
}

fn new_completion_id() -> String {
    format!("chatcmpl-{}", Uuid::now_v7().simple())
}

fn new_call_id() -> String {
    format!("call_{}", Uuid::now_v7().simple())
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}

fn choice(reader: &mut Reader<'_>, position: usize) -> Result<Choice, Fault> {
    let mut choice = Choice { index: u32::try_from(position).unwrap_or(u32::MAX), ..Choice::default() };
    choice.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            ChoiceMember::Index => choice.index = reader.nullable(usage::count)?.unwrap_or(choice.index),
            ChoiceMember::Message => choice.message = Some(message(reader)?),
            ChoiceMember::FinishReason => {
                (choice.finish_reason, choice.other_finish_reason) = finish_reason(optional_text(reader)?);
            }
            ChoiceMember::Logprobs => choice.logprobs_form = logprobs::read(reader)?,
        }
        Ok(())
    })?;
    if choice.message.is_none() {
        return Err(Fault::missing("message"));
    }
    Ok(choice)
}

/// The reason as a number, and in the server's own words where it is none of ours.
fn finish_reason(reason: Option<String>) -> (i32, String) {
    let known = match reason.as_deref() {
        // Some servers spell null as an empty text.
        None | Some("") => FinishReason::Unspecified,
        Some("stop") => FinishReason::Stop,
        Some("length") => FinishReason::Length,
        Some("tool_calls") => FinishReason::ToolCalls,
        Some("content_filter") => FinishReason::ContentFilter,
        Some("function_call") => FinishReason::FunctionCall,
        Some(_) => FinishReason::Other,
    };
    let other = reason.filter(|_| known == FinishReason::Other).unwrap_or_default();
    (known.into(), other)
}

fn message(reader: &mut Reader<'_>) -> Result<AssistantMessage, Fault> {
    let mut message = AssistantMessage::default();
    message.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            MessageMember::Role => drop(reader.value()?),
            MessageMember::Content => message.content = content(reader)?,
            MessageMember::Refusal => message.refusal = optional_text(reader)?,
            MessageMember::ToolCalls => message.tool_calls = list(reader, tool_call)?,
        }
        Ok(())
    })?;
    Ok(message)
}

fn content(reader: &mut Reader<'_>) -> Result<Option<assistant_message::Content>, Fault> {
    match reader.kind()? {
        Kind::Null => reader.value().map(|_| None),
        Kind::String => Ok(Some(assistant_message::Content::Text(text(reader)?))),
        _ => Ok(Some(assistant_message::Content::ContentJson(owned(reader.value()?)))),
    }
}

/// Reads the tool calls of a message.
pub(crate) fn read_tool_calls(reader: &mut Reader<'_>) -> Result<Vec<ToolCall>, Fault> {
    list(reader, tool_call)
}

fn tool_call(reader: &mut Reader<'_>) -> Result<ToolCall, Fault> {
    let mut call = ToolCall::default();
    call.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            ToolCallMember::Id => call.id = text(reader)?,
            ToolCallMember::Type => {
                let other = optional_text(reader)?.filter(|name| !matches!(name.as_str(), "function" | "custom"));
                call.other_type = other.unwrap_or_default();
            }
            ToolCallMember::Function => {
                let function = reader.nullable(function_call)?.map(tool_call::Call::Function);
                call.call = function.or(call.call.take());
            }
            ToolCallMember::Custom => {
                let custom = reader.nullable(custom_call)?.map(tool_call::Call::Custom);
                call.call = custom.or(call.call.take());
            }
        }
        Ok(())
    })?;
    Ok(call)
}

fn function_call(reader: &mut Reader<'_>) -> Result<FunctionCall, Fault> {
    let mut call = FunctionCall::default();
    call.unknown_members_json = reader.members_and_rest(|reader, member| {
        match (member, reader.kind()?) {
            (FunctionMember::Name, _) => call.name = text(reader)?,
            // Some servers give the arguments as an object where OpenAI gives its text.
            (FunctionMember::Arguments, Kind::Object) => call.arguments = reader.value()?.to_owned(),
            (FunctionMember::Arguments, _) => call.arguments = text(reader)?,
        }
        Ok(())
    })?;
    Ok(call)
}

fn custom_call(reader: &mut Reader<'_>) -> Result<CustomToolCall, Fault> {
    let mut call = CustomToolCall::default();
    call.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            CustomMember::Name => call.name = text(reader)?,
            CustomMember::Input => call.input = text(reader)?,
        }
        Ok(())
    })?;
    Ok(call)
}

/// An array as a list; null as an empty one.
fn list<'a, T>(reader: &mut Reader<'a>, read: impl Fn(&mut Reader<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let mut list = Vec::new();
    reader.nullable(|reader| {
        reader.elements(|reader, _| {
            list.push(read(reader)?);
            Ok(())
        })
    })?;
    Ok(list)
}

fn text(reader: &mut Reader<'_>) -> Result<String, Fault> {
    optional_text(reader).map(Option::unwrap_or_default)
}

fn optional_text(reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
    reader.nullable(|reader| reader.string().map(Cow::into_owned))
}

/// Seconds since 1970; some servers give fractions.
fn seconds(reader: &mut Reader<'_>) -> Result<i64, Fault> {
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a second are meant to go")]
    reader.nullable(Reader::double).map(|seconds| seconds.unwrap_or_default() as i64)
}

fn owned(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[cfg(test)]
mod tests;
