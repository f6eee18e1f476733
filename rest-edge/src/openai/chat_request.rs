//! The chat request in: what is a scalar becomes a field, what is the caller's own JSON becomes a slice of the body.

use bytes::Bytes;
use gateway_proto::json::{Fault, Kind, Reader};
use gateway_proto::openai::ChatRequestMember as Known;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, ResponseFormat, StreamOptions, Tool, ToolChoice, response_format, tool, tool_choice,
};

use crate::body::{BodyFault, read_object, slice, string, unless_null};

gateway_proto::json_members! {
    enum StreamMember { IncludeUsage = "include_usage", IncludeObfuscation = "include_obfuscation" }
}

/// A chat request as it was read.
#[derive(Debug, Default)]
pub(crate) struct ChatBody {
    /// The request.
    pub(crate) chat: ChatRequest,
    /// Whether the answer is to be a stream.
    pub(crate) stream: bool,
}

/// Reads a chat request. Nothing of what the caller wrote is copied but scalars and unknown members.
pub(crate) fn chat_request(body: &Bytes) -> Result<ChatBody, BodyFault> {
    read_object(body, |reader| {
        let mut read = ChatBody::default();
        read.chat.unknown_members_json = reader.members_and_rest(|reader, member| {
            unless_null(reader, |reader| chat_member(reader, body, member, &mut read))
        })?;
        Ok(read)
    })
}

/// Reads a member of a chat request into its field.
pub(super) fn chat_member(
    reader: &mut Reader<'_>,
    body: &Bytes,
    member: Known,
    read: &mut ChatBody,
) -> Result<(), Fault> {
    let ChatBody { chat, stream } = read;
    match member {
        Known::Model => chat.model = string(reader)?,
        Known::Messages => {
            chat.messages = list(reader, |reader| {
                Ok(ChatMessage { message_json: slice(reader, body)?, ..ChatMessage::default() })
            })?;
        }
        Known::Tools => {
            chat.tools = list(reader, |reader| Ok(Tool { tool: Some(tool::Tool::ToolJson(slice(reader, body)?)) }))?;
        }
        Known::ToolChoice => {
            let choice = Some(tool_choice::Choice::ChoiceJson(slice(reader, body)?));
            chat.tool_choice = Some(ToolChoice { choice });
        }
        Known::ResponseFormat => {
            let format = Some(response_format::Format::FormatJson(slice(reader, body)?));
            chat.response_format = Some(ResponseFormat { format });
        }
        Known::ParallelToolCalls => chat.parallel_tool_calls = Some(reader.boolean()?),
        Known::MaxTokens => chat.max_tokens = Some(reader.integer()?),
        Known::MaxCompletionTokens => chat.max_completion_tokens = Some(reader.integer()?),
        Known::Temperature => chat.temperature = Some(reader.double()?),
        Known::TopP => chat.top_p = Some(reader.double()?),
        Known::FrequencyPenalty => chat.frequency_penalty = Some(reader.double()?),
        Known::PresencePenalty => chat.presence_penalty = Some(reader.double()?),
        Known::N => chat.n = Some(reader.integer()?),
        Known::Stop => chat.stop = string_or_list(reader)?,
        Known::Seed => chat.seed = Some(reader.integer()?),
        Known::Logprobs => chat.logprobs = Some(reader.boolean()?),
        Known::TopLogprobs => chat.top_logprobs = Some(reader.integer()?),
        Known::LogitBias => chat.logit_bias_json = slice(reader, body)?,
        Known::ReasoningEffort => chat.reasoning_effort = Some(string(reader)?),
        Known::Verbosity => chat.verbosity = Some(string(reader)?),
        Known::Modalities => chat.modalities = list(reader, string)?,
        Known::Audio => chat.audio_json = slice(reader, body)?,
        Known::Prediction => chat.prediction_json = slice(reader, body)?,
        Known::ServiceTier => chat.service_tier = Some(string(reader)?),
        Known::Store => chat.store = Some(reader.boolean()?),
        Known::Metadata => chat.metadata_json = slice(reader, body)?,
        Known::User => chat.user = Some(string(reader)?),
        Known::SafetyIdentifier => chat.safety_identifier = Some(string(reader)?),
        Known::PromptCacheKey => chat.prompt_cache_key = Some(string(reader)?),
        Known::PromptCacheRetention => chat.prompt_cache_retention = Some(string(reader)?),
        Known::WebSearchOptions => chat.web_search_options_json = slice(reader, body)?,
        Known::Stream => *stream = reader.boolean()?,
        Known::StreamOptions => chat.stream_options = Some(stream_options(reader)?),
        Known::Functions => chat.functions_json = slice(reader, body)?,
        Known::FunctionCall => chat.function_call_json = slice(reader, body)?,
    }
    Ok(())
}

fn list<'a, T>(reader: &mut Reader<'a>, read: impl Fn(&mut Reader<'a>) -> Result<T, Fault>) -> Result<Vec<T>, Fault> {
    let mut list = Vec::new();
    reader.elements(|reader, _| {
        list.push(read(reader)?);
        Ok(())
    })?;
    Ok(list)
}

fn string_or_list(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    match reader.kind()? {
        Kind::Array => list(reader, string),
        Kind::String => Ok(vec![string(reader)?]),
        _ => Err(Fault::invalid("must be a string or an array of strings.")),
    }
}

fn stream_options(reader: &mut Reader<'_>) -> Result<StreamOptions, Fault> {
    let mut options = StreamOptions::default();
    options.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            StreamMember::IncludeUsage => options.include_usage = reader.nullable(Reader::boolean)?,
            StreamMember::IncludeObfuscation => options.include_obfuscation = reader.nullable(Reader::boolean)?,
        }
        Ok(())
    })?;
    Ok(options)
}

#[cfg(test)]
mod tests;
