//! Stored conversations as JSON: what is told of them, and what is asked to be changed.

mod message;
mod update;

use bytes::Bytes;
use gateway_proto::Timestamp;
use gateway_proto::json::Writer;
use gateway_proto::v1::{
    Conversation, ConversationMessage, ExportConversationResponse, ListConversationsResponse, ListMessagesResponse,
};

use message::write_message;

pub(crate) use update::conversation_update;

/// The version of the form of an export.
const EXPORT_VERSION: u32 = 1;
/// What a row or a short message takes, roughly: room enough that the buffer seldom grows.
const USUAL_BYTES: usize = 512;

/// A conversation without its messages.
pub(crate) fn conversation_row(conversation: &Conversation) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES);
    write_row(&mut writer, conversation);
    writer.finish()
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
pub(crate) fn conversation_list(page: &ListConversationsResponse) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + page.items.len()));
    writer.begin_object();
    writer.name("items");
    writer.begin_array();
    page.items.iter().for_each(|conversation| write_row(&mut writer, conversation));
    writer.end_array();
    write_page_members(&mut writer, [page.total, page.limit, page.offset]);
    writer.end_object();
    writer.finish()
}

/// A page of messages.
pub(crate) fn message_list(page: &ListMessagesResponse) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + page.items.len()));
    writer.begin_object();
    write_messages(&mut writer, "items", &page.items);
    write_page_members(&mut writer, [page.total, page.limit, page.offset]);
    writer.end_object();
    writer.finish()
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

fn write_page_members(writer: &mut Writer, [total, limit, offset]: [i64; 3]) {
    for (name, number) in [("total", total), ("limit", limit), ("offset", offset)] {
        writer.name(name);
        writer.integer(number);
    }
}

/// Writes a time by RFC 3339, in UTC.
fn write_time(writer: &mut Writer, name: &str, time: Option<Timestamp>) {
    writer.nullable_string(name, time.map(|time| time.to_string()).as_deref());
}

/// JSON text as it was set; where none was set, null.
fn or_null(json: &Bytes) -> &[u8] {
    if json.is_empty() { b"null" } else { json }
}

#[cfg(test)]
mod tests;
