//! A message of a conversation: OpenAI's message, and what the gateway knows of it.

use bytes::Bytes;
use gateway_proto::json::{Member, Members, NoMembers, Reader, UnknownMembers, Writer};
use gateway_proto::v1::{ChatMessage, ConversationMessage, Role, TurnStatus, chat_message};

use crate::openai::write_tool_calls;
use crate::resources::write_time;

gateway_proto::json_members! {
    /// What the gateway says of a message, beside the message's own members.
    enum OwnMember {
        Sequence = "sequence",
        Status = "status",
        Model = "model",
        CreatedAt = "created_at",
        TurnId = "turn_id",
    }
}

/// Writes a message.
pub(super) fn write_message(writer: &mut Writer, message: &ConversationMessage) {
    writer.begin_object();
    writer.name(name(OwnMember::Sequence));
    writer.integer(message.sequence);
    if let Some(said) = &message.message {
        write_said(writer, said);
    }
    // What is not known to be whole is not called so.
    let status = if message.status() == TurnStatus::Complete { "complete" } else { "incomplete" };
    writer.optional_string(name(OwnMember::Status), Some(status));
    writer.optional_string(name(OwnMember::Model), Some(&message.model));
    write_time(writer, name(OwnMember::CreatedAt), message.created_at);
    writer.optional_string(name(OwnMember::TurnId), Some(&message.turn_id));
    writer.end_object();
}

/// Writes the members that the message itself has.
fn write_said(writer: &mut Writer, said: &ChatMessage) {
    if !said.message_json.is_empty() {
        // A message that the core could not take apart.
        writer.members_of(&beside_own_members(&said.message_json));
        return;
    }
    writer.nullable_string("role", role_name(said.role()));
    writer.name("content");
    match &said.content {
        Some(chat_message::Content::Text(text)) => writer.string(text),
        Some(chat_message::Content::ContentJson(json)) => writer.raw(json),
        // Typed parts are how gRPC callers may send content; it is not how the core gives it.
        Some(chat_message::Content::Parts(_)) | None => writer.null(),
    }
    writer.optional_string("name", said.name.as_deref());
    write_tool_calls(writer, &said.tool_calls);
    writer.optional_string("tool_call_id", said.tool_call_id.as_deref());
    writer.optional_string("refusal", said.refusal.as_deref());
    writer.members_of(&beside_own_members(&said.unknown_members_json));
}

/// The members of an object whose names the gateway does not use itself: a name given twice would mean either.
fn beside_own_members(object: &Bytes) -> Bytes {
    let is_own = |name: &str| OwnMember::from_name(name).is_some();
    let mut others = UnknownMembers::default();
    // What is stored was read by the core as strictly; of anything else, what can be read is given.
    let _ = Reader::new(object).and_then(|mut reader| {
        reader.members(|reader, member: Member<'_, NoMembers>| {
            let value = reader.value()?;
            if let Member::Unknown(name) = member
                && !is_own(&name.text())
            {
                others.push(name, value);
            }
            Ok(())
        })
    });
    others.finish()
}

fn name(member: OwnMember) -> &'static str {
    OwnMember::NAMES[member.index()]
}

fn role_name(role: Role) -> Option<&'static str> {
    match role {
        Role::Unspecified => None,
        Role::System => Some("system"),
        Role::Developer => Some("developer"),
        Role::User => Some("user"),
        Role::Assistant => Some("assistant"),
        Role::Tool => Some("tool"),
        Role::Function => Some("function"),
    }
}
