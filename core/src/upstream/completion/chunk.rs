//! A chunk of a streamed answer, read into the contract's form.

use gateway_proto::json::{Fault, Kind, Reader};
use gateway_proto::v1::{
    ChatCompletionChunk, ChunkChoice, CustomToolCallDelta, FinishReason, FunctionCallDelta, MessageDelta,
    ToolCallDelta, choice, chunk_choice, message_delta,
};

use super::{
    CompletionMember, CustomMember, FunctionMember, MessageMember, error_member, finish_reason, list, logprobs,
    malformed, new_call_id, new_completion_id, now, optional_text, owned, seconds, text, usage,
};
use crate::upstream::error::UpstreamError;

gateway_proto::json_members! {
    enum ChoiceMember { Index = "index", Delta = "delta", FinishReason = "finish_reason", Logprobs = "logprobs" }
}
gateway_proto::json_members! {
    enum ToolCallMember { Index = "index", Id = "id", Type = "type", Function = "function", Custom = "custom" }
}

/// The most answers that a request can ask for.
const MAX_CHOICES: u32 = 128;

/// Reads the chunks of one answer, and knows what they have said so far.
#[derive(Debug)]
pub(in crate::upstream) struct ChunkReader {
    alias: String,
    /// What a server that leaves them out is helped out with: one id and one time for the whole answer.
    id: String,
    created: i64,
    choices: Vec<ChoiceProgress>,
}

/// How far one of the answers is.
#[derive(Debug)]
struct ChoiceProgress {
    index: u32,
    has_ended: bool,
    /// How many tool calls have begun.
    tool_calls: u32,
}

impl ChunkReader {
    /// For an answer whose `model` becomes the alias that the caller asked for.
    pub(in crate::upstream) fn new(alias: String) -> Self {
        Self { alias, id: String::new(), created: 0, choices: Vec::new() }
    }

    /// Whether that many of the answers have ended, and none that has begun has not.
    pub(in crate::upstream) fn is_whole(&self, wanted: usize) -> bool {
        self.choices.len() >= wanted.max(1) && self.choices.iter().all(|choice| choice.has_ended)
    }

    /// Reads a chunk.
    pub(in crate::upstream) fn read(&mut self, data: &[u8]) -> Result<ChatCompletionChunk, UpstreamError> {
        let malformed = |fault: Fault| malformed(fault, data);
        let mut reader = Reader::new(data).map_err(malformed)?;
        let chunk = self.chunk(&mut reader).and_then(|chunk| reader.end().map(|()| chunk));
        let mut chunk = chunk.map_err(malformed)?;
        self.make_up_what_is_missing(&mut chunk);
        Ok(chunk)
    }

    fn chunk(&mut self, reader: &mut Reader<'_>) -> Result<ChatCompletionChunk, Fault> {
        let mut chunk = ChatCompletionChunk { model: self.alias.clone(), ..ChatCompletionChunk::default() };
        chunk.unknown_members_json = reader.members_and_rest(|reader, member| {
            match member {
                CompletionMember::Id => chunk.id = text(reader)?,
                CompletionMember::Object | CompletionMember::Model => drop(reader.value()?),
                CompletionMember::Created => chunk.created = seconds(reader)?,
                CompletionMember::Choices => {
                    chunk.choices.reserve_exact(1);
                    reader.nullable(|reader| {
                        reader.elements(|reader, position| {
                            chunk.choices.push(choice(reader, position)?);
                            Ok(())
                        })
                    })?;
                }
                CompletionMember::Usage => chunk.usage = reader.nullable(usage::read)?,
                CompletionMember::ServiceTier => chunk.service_tier = optional_text(reader)?,
                CompletionMember::SystemFingerprint => chunk.system_fingerprint = optional_text(reader)?,
                CompletionMember::Error => error_member(reader)?,
            }
            Ok(())
        })?;
        Ok(chunk)
    }

    fn make_up_what_is_missing(&mut self, chunk: &mut ChatCompletionChunk) {
        if chunk.id.is_empty() {
            if self.id.is_empty() {
                self.id = new_completion_id();
            }
            chunk.id.clone_from(&self.id);
        }
        if chunk.created == 0 {
            if self.created == 0 {
                self.created = now();
            }
            chunk.created = self.created;
        }
        for choice in &mut chunk.choices {
            let progress = self.progress(choice.index);
            progress.has_ended |= choice.finish_reason != i32::from(FinishReason::Unspecified);
            let calls = choice.delta.iter_mut().flat_map(|delta| &mut delta.tool_calls);
            calls.for_each(|call| progress.number(call));
        }
    }

    fn progress(&mut self, index: u32) -> &mut ChoiceProgress {
        let known = self.choices.iter().position(|choice| choice.index == index);
        let place = known.unwrap_or_else(|| {
            self.choices.push(ChoiceProgress { index, has_ended: false, tool_calls: 0 });
            self.choices.len() - 1
        });
        &mut self.choices[place]
    }
}

/// The index of a call whose server numbers none.
const UNNUMBERED: u32 = u32::MAX;

impl ChoiceProgress {
    /// Numbers a call, and names one that begins. Some servers leave both out.
    fn number(&mut self, call: &mut ToolCallDelta) {
        if call.index == UNNUMBERED {
            // Whoever sends a call without a number sends it whole, or begins it with its id or name.
            let begins = call.id.is_some() || call.function.as_ref().is_some_and(|function| function.name.is_some());
            call.index = if begins { self.tool_calls } else { self.tool_calls.saturating_sub(1) };
        }
        if call.index >= self.tool_calls {
            self.tool_calls = call.index.saturating_add(1);
            // A client must be able to name the call that it answers.
            if call.id.as_deref().unwrap_or_default().is_empty() {
                call.id = Some(new_call_id());
            }
        }
    }
}

fn choice(reader: &mut Reader<'_>, position: usize) -> Result<ChunkChoice, Fault> {
    let mut choice = ChunkChoice { index: u32::try_from(position).unwrap_or(u32::MAX), ..ChunkChoice::default() };
    choice.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            ChoiceMember::Index => choice.index = reader.nullable(usage::count)?.unwrap_or(choice.index),
            ChoiceMember::Delta => choice.delta = reader.nullable(delta)?,
            ChoiceMember::FinishReason => {
                (choice.finish_reason, choice.other_finish_reason) = finish_reason(optional_text(reader)?);
            }
            ChoiceMember::Logprobs => choice.logprobs_form = logprobs::read(reader)?.map(of_chunk),
        }
        Ok(())
    })?;
    if choice.index >= MAX_CHOICES {
        return Err(Fault::invalid(format!("must be below {MAX_CHOICES}.")).in_member("index"));
    }
    Ok(choice)
}

fn of_chunk(form: choice::LogprobsForm) -> chunk_choice::LogprobsForm {
    match form {
        choice::LogprobsForm::Logprobs(logprobs) => chunk_choice::LogprobsForm::Logprobs(logprobs),
        choice::LogprobsForm::LogprobsJson(json) => chunk_choice::LogprobsForm::LogprobsJson(json),
    }
}

fn delta(reader: &mut Reader<'_>) -> Result<MessageDelta, Fault> {
    let mut delta = MessageDelta::default();
    delta.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            MessageMember::Role => delta.role = optional_text(reader)?,
            MessageMember::Content => delta.content = Some(content(reader)?),
            MessageMember::Refusal => delta.refusal = optional_text(reader)?,
            MessageMember::ToolCalls => delta.tool_calls = list(reader, tool_call)?,
        }
        Ok(())
    })?;
    Ok(delta)
}

fn content(reader: &mut Reader<'_>) -> Result<message_delta::Content, Fault> {
    match reader.kind()? {
        Kind::String => text(reader).map(message_delta::Content::Text),
        _ => reader.value().map(|json| message_delta::Content::ContentJson(owned(json))),
    }
}

fn tool_call(reader: &mut Reader<'_>) -> Result<ToolCallDelta, Fault> {
    let mut call = ToolCallDelta { index: UNNUMBERED, ..ToolCallDelta::default() };
    call.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            ToolCallMember::Index => call.index = reader.nullable(usage::count)?.unwrap_or(UNNUMBERED),
            ToolCallMember::Id => call.id = optional_text(reader)?,
            ToolCallMember::Type => call.r#type = optional_text(reader)?,
            ToolCallMember::Function => call.function = reader.nullable(function)?,
            ToolCallMember::Custom => call.custom = reader.nullable(custom)?,
        }
        Ok(())
    })?;
    Ok(call)
}

fn function(reader: &mut Reader<'_>) -> Result<FunctionCallDelta, Fault> {
    let mut call = FunctionCallDelta::default();
    call.unknown_members_json = reader.members_and_rest(|reader, member| {
        match (member, reader.kind()?) {
            (FunctionMember::Name, _) => call.name = optional_text(reader)?,
            // Some servers give the arguments as an object where OpenAI gives its text.
            (FunctionMember::Arguments, Kind::Object) => call.arguments = Some(reader.value()?.to_owned()),
            (FunctionMember::Arguments, _) => call.arguments = optional_text(reader)?,
        }
        Ok(())
    })?;
    Ok(call)
}

fn custom(reader: &mut Reader<'_>) -> Result<CustomToolCallDelta, Fault> {
    let mut call = CustomToolCallDelta::default();
    call.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            CustomMember::Name => call.name = optional_text(reader)?,
            CustomMember::Input => call.input = optional_text(reader)?,
        }
        Ok(())
    })?;
    Ok(call)
}

#[cfg(test)]
mod tests;
