//! Stored conversations as the contract's messages.

use std::time::SystemTime;

use bytes::Bytes;
use gateway_proto::Timestamp;
use gateway_proto::json::{Fault, Kind, Reader};
use gateway_proto::v1::{ChatMessage, Conversation, ConversationMessage, Role, TurnStatus, chat_message};
use gateway_storage::{ConversationRecord, MessageRecord, User};

use crate::upstream::read_tool_calls;

gateway_proto::json_members! {
    enum StoredMember {
        Role = "role",
        Content = "content",
        Name = "name",
        ToolCalls = "tool_calls",
        ToolCallId = "tool_call_id",
        Refusal = "refusal",
    }
}

/// A conversation without its messages.
pub(in crate::grpc) fn conversation(record: &ConversationRecord) -> Conversation {
    let user_id = match &record.user {
        User::EndUser(name) => Some(name.to_string()),
        User::Token(_) => None,
    };
    Conversation {
        id: record.id.to_string(),
        user_id,
        title: record.title.clone(),
        model: record.model.clone(),
        message_count: record.message_count,
        created_at: Some(timestamp(record.created_at)),
        last_used_at: Some(timestamp(record.last_used_at)),
        metadata_json: record.metadata.clone().unwrap_or_default(),
        messages: Vec::new(),
    }
}

/// A message of a conversation.
pub(in crate::grpc) fn conversation_message(record: MessageRecord) -> ConversationMessage {
    // What cannot be read is given as it is.
    let message = typed(&record.body)
        .unwrap_or_else(|_| ChatMessage { message_json: record.body.clone(), ..ChatMessage::default() });
    let status = if record.complete { TurnStatus::Complete } else { TurnStatus::Incomplete };
    ConversationMessage {
        sequence: record.sequence,
        message: Some(message),
        status: status.into(),
        model: record.model,
        created_at: Some(timestamp(record.created_at)),
        turn_id: record.turn_id.to_string(),
    }
}

/// A time from milliseconds since 1970.
pub(in crate::grpc) fn timestamp(milliseconds: i64) -> Timestamp {
    let nanos = i32::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default() * 1_000_000;
    Timestamp { seconds: milliseconds.div_euclid(1000), nanos }
}

/// The time now.
pub(in crate::grpc) fn now() -> Timestamp {
    SystemTime::now().into()
}

fn typed(body: &Bytes) -> Result<ChatMessage, Fault> {
    let mut message = ChatMessage::default();
    let mut reader = Reader::new(body)?;
    message.unknown_members_json = reader.members_and_rest(|reader, member| {
        match member {
            StoredMember::Role => message.role = role(&reader.string()?).into(),
            StoredMember::Content => message.content = Some(content(reader, body)?),
            StoredMember::Name => message.name = text(reader)?,
            StoredMember::ToolCalls => {
                message.tool_calls = reader.nullable(read_tool_calls)?.unwrap_or_default();
            }
            StoredMember::ToolCallId => message.tool_call_id = text(reader)?,
            StoredMember::Refusal => message.refusal = text(reader)?,
        }
        Ok(())
    })?;
    Ok(message)
}

fn content(reader: &mut Reader<'_>, body: &Bytes) -> Result<chat_message::Content, Fault> {
    match reader.kind()? {
        Kind::String => Ok(chat_message::Content::Text(reader.string()?.into_owned())),
        _ => Ok(chat_message::Content::ContentJson(body.slice_ref(reader.value()?.as_bytes()))),
    }
}

fn text(reader: &mut Reader<'_>) -> Result<Option<String>, Fault> {
    Ok(reader.nullable(Reader::string)?.map(std::borrow::Cow::into_owned))
}

fn role(name: &str) -> Role {
    match name {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => Role::Function,
        _ => Role::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_message_becomes_a_typed_one() {
        let body = Bytes::from_static(
            br#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}],"x": 1.0}"#,
        );
        let message = typed(&body).unwrap();
        assert_eq!((message.role(), message.tool_calls[0].id.as_str()), (Role::Assistant, "a"));
        assert_eq!(message.content, Some(chat_message::Content::ContentJson(Bytes::from_static(b"null"))));
        assert_eq!(message.unknown_members_json, r#"{"x":1.0}"#);
    }

    #[test]
    fn times_before_1970_and_after_are_exact() {
        assert_eq!(timestamp(1_500).to_string(), "1970-01-01T00:00:01.500Z");
        assert_eq!(timestamp(-1), Timestamp { seconds: -1, nanos: 999_000_000 });
    }
}
