//! Stored conversations as JSON: what is told of them, and what is asked to be changed.

mod message;
mod update;

use bytes::Bytes;
use gateway_proto::json::Writer;
use gateway_proto::v1::{
    Conversation, ConversationMessage, ExportConversationResponse, ListConversationsResponse, ListMessagesResponse,
};

use crate::resources::{USUAL_BYTES, page, resource, write_time};
use message::write_message;

pub(crate) use update::conversation_update;

/// The version of the form of an export.
const EXPORT_VERSION: u32 = 1;

/// A conversation without its messages.
pub(crate) fn conversation_row(conversation: &Conversation) -> Vec<u8> {
    resource(|writer| write_row(writer, conversation))
}

/// A conversation with its messages.
pub(crate) fn conversation_in_full(conversation: &Conversation) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + conversation.messages.len()));
    writer.begin_object();
    write_row_members(&mut writer, conversation);
    write_messages(&mut writer, "messages", &conversation.messages);
    writer.end_object();
    writer.finish()
}

/// A page of conversations.
pub(crate) fn conversation_list(answer: &ListConversationsResponse) -> Vec<u8> {
    page(&answer.items, [answer.total, answer.limit, answer.offset], write_row)
}

/// A page of messages.
pub(crate) fn message_list(answer: &ListMessagesResponse) -> Vec<u8> {
    page(&answer.items, [answer.total, answer.limit, answer.offset], write_message)
}

/// A whole conversation as a document of its own.
pub(crate) fn conversation_export(export: &ExportConversationResponse) -> Vec<u8> {
    let none = Conversation::default();
    let conversation = export.conversation.as_ref().unwrap_or(&none);
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + conversation.messages.len()));
    writer.begin_object();
    writer.name("version");
    writer.integer(EXPORT_VERSION);
    write_time(&mut writer, "exported_at", export.exported_at);
    writer.name("conversation");
    write_row(&mut writer, conversation);
    write_messages(&mut writer, "messages", &conversation.messages);
    writer.end_object();
    writer.finish()
}

fn write_row(writer: &mut Writer, conversation: &Conversation) {
    writer.begin_object();
    write_row_members(writer, conversation);
    writer.end_object();
}

fn write_row_members(writer: &mut Writer, conversation: &Conversation) {
    writer.optional_string("id", Some(&conversation.id));
    writer.nullable_string("user_id", conversation.user_id.as_deref());
    writer.nullable_string("title", conversation.title.as_deref());
    writer.optional_string("model", Some(&conversation.model));
    writer.name("message_count");
    writer.integer(conversation.message_count);
    write_time(writer, "created_at", conversation.created_at);
    write_time(writer, "last_used_at", conversation.last_used_at);
    writer.name("metadata");
    writer.raw(or_null(&conversation.metadata_json));
}

fn write_messages(writer: &mut Writer, name: &str, messages: &[ConversationMessage]) {
    writer.name(name);
    writer.begin_array();
    messages.iter().for_each(|message| write_message(writer, message));
    writer.end_array();
}

/// JSON text as it was set; where none was set, null.
fn or_null(json: &Bytes) -> &[u8] {
    if json.is_empty() { b"null" } else { json }
}

#[cfg(test)]
mod tests;
