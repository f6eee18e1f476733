//! Memory as JSON: what is told of it, and what is asked of it.

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::{Fault, Member, Writer};
use gateway_proto::v1::{ListMemoryRequest, ListMemoryResponse, MemoryEntry, MemoryUsage, PutMemoryRequest};
use http::Uri;

use crate::body::{BodyFault, non_empty, read_object, scope, string, user_id};
use crate::query::{LIMIT_RANGE, OFFSET_RANGE, Query, invalid};
use crate::resources::{page, resource, write_number, write_time};

gateway_proto::json_members! {
    enum EntryMember {
        Key = "key",
        Value = "value",
        Visibility = "visibility",
        Scope = "scope",
        UserId = "user_id",
    }
}

/// The bucket, and where it matters the key, that a query names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AskedMemory {
    pub(crate) visibility: String,
    pub(crate) scope_id: String,
    pub(crate) user_id: String,
    pub(crate) key: String,
}

/// What is asked in the query of an address. What is not there is for the core to miss; an empty key is refused here, since
/// the contract's messages cannot tell it from none.
pub(crate) fn asked_memory(uri: &Uri) -> Result<AskedMemory, ApiError> {
    let query = Query::of(uri);
    let key = match query.text("key")? {
        Some(empty) if empty.is_empty() => return Err(invalid("key", "must not be empty")),
        key => key.unwrap_or_default(),
    };
    Ok(AskedMemory {
        visibility: query.text("visibility")?.unwrap_or_default(),
        scope_id: query.scope()?,
        user_id: query.user_id()?,
        key,
    })
}

/// Which page of which bucket is asked for.
pub(crate) fn asked_memory_page(uri: &Uri) -> Result<ListMemoryRequest, ApiError> {
    let query = Query::of(uri);
    Ok(ListMemoryRequest {
        visibility: query.text("visibility")?.unwrap_or_default(),
        scope_id: query.scope()?,
        limit: query.whole_number("limit", LIMIT_RANGE)?,
        offset: query.whole_number("offset", OFFSET_RANGE)?,
        user_id: query.user_id()?,
    })
}

/// Reads what is to be remembered. A member that there is not is refused, so that a typing error is not lost in silence.
pub(crate) fn new_memory(body: &Bytes) -> Result<PutMemoryRequest, BodyFault> {
    read_object(body, |reader| {
        let mut asked = PutMemoryRequest::default();
        reader.members(|reader, member| {
            match member {
                Member::Known(EntryMember::Key) => asked.key = reader.nullable(non_empty)?.unwrap_or_default(),
                Member::Known(EntryMember::Value) => asked.value = reader.nullable(string)?,
                Member::Known(EntryMember::Visibility) => {
                    asked.visibility = reader.nullable(string)?.unwrap_or_default();
                }
                Member::Known(EntryMember::Scope) => asked.scope_id = reader.nullable(scope)?.unwrap_or_default(),
                Member::Known(EntryMember::UserId) => asked.user_id = reader.nullable(user_id)?.unwrap_or_default(),
                Member::Unknown(_) => {
                    let there_are = "'key', 'value', 'visibility', 'scope' and 'user_id' are what there is.";
                    return Err(Fault::invalid(format!("cannot be set; {there_are}")));
                }
            }
            Ok(())
        })?;
        Ok(asked)
    })
}

/// An entry.
pub(crate) fn memory_entry(entry: &MemoryEntry) -> Vec<u8> {
    resource(|writer| write_entry(writer, entry))
}

/// A page of entries.
pub(crate) fn memory_list(answer: &ListMemoryResponse) -> Vec<u8> {
    page(&answer.items, [answer.total, answer.limit, answer.offset], write_entry)
}

/// How full a bucket is.
pub(crate) fn memory_usage(usage: &MemoryUsage) -> Vec<u8> {
    resource(|writer| {
        writer.begin_object();
        writer.optional_string("visibility", Some(&usage.visibility));
        writer.optional_string("scope_id", Some(&usage.scope_id));
        write_number(writer, "entries", usage.entries);
        write_number(writer, "used_bytes", usage.used_bytes);
        write_number(writer, "cap_bytes", usage.cap_bytes);
        write_number(writer, "remaining_bytes", usage.remaining_bytes);
        writer.end_object();
    })
}

/// `{"deleted":true}`
pub(crate) fn memory_deleted(deleted: bool) -> Vec<u8> {
    resource(|writer| {
        writer.begin_object();
        writer.name("deleted");
        writer.boolean(deleted);
        writer.end_object();
    })
}

/// `{"deleted":3}`
pub(crate) fn memories_deleted(deleted: u32) -> Vec<u8> {
    resource(|writer| {
        writer.begin_object();
        write_number(writer, "deleted", deleted);
        writer.end_object();
    })
}

fn write_entry(writer: &mut Writer, entry: &MemoryEntry) {
    writer.begin_object();
    writer.optional_string("visibility", Some(&entry.visibility));
    writer.optional_string("scope_id", Some(&entry.scope_id));
    writer.optional_string("user_id", entry.user_id.as_deref());
    writer.optional_string("key", Some(&entry.key));
    writer.optional_string("value", Some(&entry.value));
    writer.name("origin");
    writer.begin_object();
    if let Some(origin) = &entry.origin {
        writer.optional_string("kind", Some(&origin.kind));
        writer.optional_string("conversation_id", origin.conversation_id.as_deref());
        writer.optional_string("turn_id", origin.turn_id.as_deref());
    }
    writer.end_object();
    write_time(writer, "created_at", entry.created_at);
    write_time(writer, "updated_at", entry.updated_at);
    writer.end_object();
}

#[cfg(test)]
mod tests {
    use gateway_proto::v1::MemoryOrigin;
    use serde_json::{Value, json};

    use super::*;

    fn fault(body: &'static str) -> ApiError {
        match new_memory(&Bytes::from_static(body.as_bytes())).unwrap_err() {
            BodyFault::Json(error) | BodyFault::Field(error) => error,
        }
    }

    #[test]
    fn a_new_entry_is_read_strictly() {
        let body = br#"{"key":"k","value":"","visibility":"public","scope":"room","user_id":"ann"}"#;
        let asked = new_memory(&Bytes::from_static(body)).unwrap();
        assert_eq!((asked.key.as_str(), asked.value.as_deref(), asked.visibility.as_str()), ("k", Some(""), "public"));
        assert_eq!((asked.scope_id.as_str(), asked.user_id.as_str()), ("room", "ann"));
        let nothing = new_memory(&Bytes::from_static(br#"{"key":null,"value":null,"scope":null}"#)).unwrap();
        assert_eq!(nothing, PutMemoryRequest::default());
        for (body, param) in [
            (r#"{"kee":"k"}"#, "kee"),
            (r#"{"key":1}"#, "key"),
            (r#"{"key":""}"#, "key"),
            (r#"{"value":[]}"#, "value"),
            (r#"{"scope":""}"#, "scope"),
            (r#"{"user_id":""}"#, "user_id"),
            (r#"{"visibility":true}"#, "visibility"),
        ] {
            assert_eq!(
                (fault(body).code().facts().code, fault(body).param()),
                ("invalid_field", Some(param)),
                "{body}"
            );
        }
        for body in ["[]", r#"{"key":"a","key":"a"}"#, r#"{"value":"\ud800"}"#] {
            assert_eq!(fault(body).code().facts().code, "invalid_json", "{body}");
        }
    }

    #[test]
    fn a_query_names_a_bucket_and_a_key() {
        let asked = |query: &str| asked_memory(&format!("/v1/memory?{query}").parse().unwrap());
        let found = asked("visibility=private&key=%C3%A4+b&scope=room&user_id=ann").unwrap();
        assert_eq!(
            (found.visibility.as_str(), found.key.as_str(), found.scope_id.as_str(), found.user_id.as_str()),
            ("private", "ä b", "room", "ann")
        );
        assert_eq!(asked("").unwrap(), AskedMemory::default());
        for param in ["key", "scope", "user_id"] {
            assert_eq!(asked(&format!("{param}=")).unwrap_err().param(), Some(format!("query.{param}").as_str()));
        }
    }

    #[test]
    fn what_is_not_known_of_an_entry_is_left_out() {
        let entry = MemoryEntry {
            visibility: "public".to_owned(),
            origin: Some(MemoryOrigin { kind: "human".to_owned(), ..MemoryOrigin::default() }),
            ..MemoryEntry::default()
        };
        let written: Value = serde_json::from_slice(&memory_entry(&entry)).unwrap();
        assert_eq!(written["origin"], json!({"kind": "human"}));
        assert!(written.get("user_id").is_none(), "{written}");
    }
}
