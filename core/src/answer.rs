//! The model's answer as the message that goes back to it, and that a conversation keeps.

use bytes::Bytes;
use gateway_proto::json::{Fault, Kind, Member, NoMembers, Reader, Writer};
use gateway_proto::openai::write_tool_call;
use gateway_proto::v1::{
    AssistantMessage, ChatCompletion, ChatCompletionChunk, CustomToolCall, FinishReason, FunctionCall, MessageDelta,
    ToolCall, ToolCallDelta, assistant_message, message_delta, tool_call,
};

/// Members of a delta besides those of OpenAI that are pieces of a text; of any other the last value holds.
const TEXTS: [&str; 2] = ["reasoning_content", "reasoning"];

/// The message of a whole answer.
pub(crate) fn message_of(completion: &ChatCompletion) -> Bytes {
    let message = completion.choices.first().and_then(|choice| choice.message.as_ref());
    message.map_or_else(|| write_message(&AssistantMessage::default()), write_message)
}

/// Whether an answer ends with one of these chunks.
pub(crate) fn ends(chunk: &ChatCompletionChunk) -> bool {
    chunk.choices.iter().any(|choice| choice.finish_reason() != FinishReason::Unspecified)
}

/// An answer put together from its chunks.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    message: AssistantMessage,
    others: Vec<Other>,
    has_begun: bool,
    bytes: usize,
}

/// A member of the message besides those of OpenAI.
#[derive(Debug)]
struct Other {
    name: String,
    /// A text whose pieces are put together, or JSON.
    value: Value,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Json(String),
}

impl Fold {
    /// One that begins with what was said before.
    pub(crate) fn beginning_with(text: String) -> Self {
        let bytes = text.len();
        let content = (bytes > 0).then_some(assistant_message::Content::Text(text));
        Self { message: AssistantMessage { content, ..AssistantMessage::default() }, bytes, ..Self::default() }
    }

    /// One of which all is there.
    pub(crate) fn of_message(message: AssistantMessage, bytes: usize) -> Self {
        Self { message, bytes, has_begun: true, ..Self::default() }
    }

    /// Takes in what came.
    pub(crate) fn take(&mut self, chunks: &[ChatCompletionChunk]) {
        self.has_begun |= !chunks.is_empty();
        for choice in chunks.iter().flat_map(|chunk| &chunk.choices).filter(|choice| choice.index == 0) {
            if let Some(delta) = &choice.delta {
                self.delta(delta);
            }
        }
    }

    /// Whether anything came.
    pub(crate) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// About how many bytes the message has.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The message as a model server reads it. Of one that was cut the tool calls are left out, since the last of them may
    /// be half a call.
    pub(crate) fn message(self, is_whole: bool) -> Bytes {
        let mut message = self.into_message();
        if !is_whole {
            message.tool_calls.clear();
        }
        write_message(&message)
    }

    /// The message.
    pub(crate) fn into_message(mut self) -> AssistantMessage {
        if !self.others.is_empty() {
            let mut writer = Writer::default();
            writer.begin_object();
            for other in &self.others {
                writer.name(&other.name);
                match &other.value {
                    Value::Text(text) => writer.string(text),
                    Value::Json(json) => writer.raw(json.as_bytes()),
                }
            }
            writer.end_object();
            self.message.unknown_members_json = writer.finish().into();
        }
        self.message
    }

    fn delta(&mut self, delta: &MessageDelta) {
        match &delta.content {
            Some(message_delta::Content::Text(piece)) => {
                self.bytes += piece.len();
                match &mut self.message.content {
                    Some(assistant_message::Content::Text(text)) => text.push_str(piece),
                    content => *content = Some(assistant_message::Content::Text(piece.clone())),
                }
            }
            Some(message_delta::Content::ContentJson(json)) if json.as_ref() != b"null" => {
                self.bytes += json.len();
                self.message.content = Some(assistant_message::Content::ContentJson(json.clone()));
            }
            Some(message_delta::Content::ContentJson(_)) | None => {}
        }
        if let Some(piece) = &delta.refusal {
            self.bytes += piece.len();
            self.message.refusal.get_or_insert_default().push_str(piece);
        }
        delta.tool_calls.iter().for_each(|call| self.tool_call(call));
        // It was read strictly when it came.
        drop(Reader::new(&delta.unknown_members_json).and_then(|mut reader| self.others(&mut reader)));
    }

    fn tool_call(&mut self, delta: &ToolCallDelta) {
        let index = usize::try_from(delta.index).unwrap_or(usize::MAX).min(self.message.tool_calls.len());
        if index == self.message.tool_calls.len() {
            self.message.tool_calls.push(ToolCall::default());
        }
        let call = &mut self.message.tool_calls[index];
        if let Some(id) = delta.id.as_ref().filter(|_| call.id.is_empty()) {
            call.id.clone_from(id);
        }
        if let Some(kind) = &delta.r#type
            && !matches!(kind.as_str(), "function" | "custom")
        {
            call.other_type.clone_from(kind);
        }
        if !delta.unknown_members_json.is_empty() {
            call.unknown_members_json = delta.unknown_members_json.clone();
        }
        if let Some(piece) = &delta.function {
            if !matches!(call.call, Some(tool_call::Call::Function(_))) {
                call.call = Some(tool_call::Call::Function(FunctionCall::default()));
            }
            if let Some(tool_call::Call::Function(function)) = &mut call.call {
                self.bytes += begin_or_extend(
                    &mut function.name,
                    piece.name.as_deref(),
                    &mut function.arguments,
                    piece.arguments.as_deref(),
                );
                if !piece.unknown_members_json.is_empty() {
                    function.unknown_members_json = piece.unknown_members_json.clone();
                }
            }
        }
        if let Some(piece) = &delta.custom {
            if !matches!(call.call, Some(tool_call::Call::Custom(_))) {
                call.call = Some(tool_call::Call::Custom(CustomToolCall::default()));
            }
            if let Some(tool_call::Call::Custom(custom)) = &mut call.call {
                self.bytes +=
                    begin_or_extend(&mut custom.name, piece.name.as_deref(), &mut custom.input, piece.input.as_deref());
                if !piece.unknown_members_json.is_empty() {
                    custom.unknown_members_json = piece.unknown_members_json.clone();
                }
            }
        }
    }

    fn others(&mut self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        reader.members::<NoMembers>(|reader, member| {
            let Member::Unknown(name) = member;
            let name = name.text().into_owned();
            let is_text = TEXTS.contains(&name.as_str()) && reader.kind()? == Kind::String;
            let known = self.others.iter_mut().find(|other| other.name == name);
            if is_text {
                let piece = reader.string()?;
                self.bytes += piece.len();
                match known {
                    Some(Other { value: Value::Text(text), .. }) => text.push_str(&piece),
                    Some(other) => other.value = Value::Text(piece.into_owned()),
                    None => self.others.push(Other { name, value: Value::Text(piece.into_owned()) }),
                }
                return Ok(());
            }
            let json = reader.value()?;
            match known {
                // A text that ended with a null is still that text.
                Some(Other { value: Value::Text(_), .. }) if json == "null" => {}
                Some(other) => other.value = Value::Json(json.to_owned()),
                None => self.others.push(Other { name, value: Value::Json(json.to_owned()) }),
            }
            self.bytes += json.len();
            Ok(())
        })
    }
}

/// Takes in a piece of a call, and returns how many bytes it had.
fn begin_or_extend(name: &mut String, new_name: Option<&str>, text: &mut String, piece: Option<&str>) -> usize {
    // Some servers repeat the name with every piece.
    if name.is_empty() {
        name.push_str(new_name.unwrap_or_default());
    }
    text.push_str(piece.unwrap_or_default());
    piece.map_or(0, str::len)
}

/// A message of the model as a model server reads it: all that it said, members besides those of OpenAI among it.
pub(crate) fn write_message(message: &AssistantMessage) -> Bytes {
    let mut writer = Writer::with_capacity(256);
    writer.begin_object();
    writer.optional_string("role", Some("assistant"));
    writer.name("content");
    match &message.content {
        Some(assistant_message::Content::Text(text)) => writer.string(text),
        Some(assistant_message::Content::ContentJson(json)) => writer.raw(json),
        // Only beside tool calls is null taken by every server.
        None if message.tool_calls.is_empty() => writer.string(""),
        None => writer.null(),
    }
    writer.optional_string("refusal", message.refusal.as_deref());
    if !message.tool_calls.is_empty() {
        writer.name("tool_calls");
        writer.begin_array();
        message.tool_calls.iter().for_each(|call| write_tool_call(&mut writer, call));
        writer.end_array();
    }
    writer.members_of(&message.unknown_members_json);
    writer.end_object();
    writer.finish().into()
}

#[cfg(test)]
mod tests;
