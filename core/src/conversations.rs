//! What can be done with stored conversations besides going on with them.

use bytes::Bytes;
use gateway_proto::{ApiError, FieldMask};
use gateway_storage::{
    AnswerOf, ConversationChanges, ConversationId, ConversationRecord, KeyClaim, KeyState, Listed, MessageRecord,
    Mutated, Owner, Page, Reader,
};

use crate::api_errors;
use crate::audit;
use crate::call::Call;
use crate::domain::turn::{check_metadata, check_title};
use crate::shared::Shared;

/// How many rows a page holds where the caller does not say, and at most.
const USUAL_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;
/// How many conversations may be passed over; beyond them a page begins after a conversation.
const MAX_OFFSET: u32 = 10_000;

/// What of a list is asked for, as the caller wrote it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paging {
    /// The most rows.
    pub limit: Option<i64>,
    /// How many to pass over.
    pub offset: Option<i64>,
}

/// What of a list is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The most rows.
    pub limit: u32,
    /// How many are passed over.
    pub offset: u32,
}

impl Paging {
    /// What is given, where no more rows may be passed over than these; `further` says what goes beyond them.
    pub(crate) fn check(self, max_offset: u32, further: &str) -> Result<Slice, ApiError> {
        let limit = in_range("limit", self.limit, (1, MAX_LIMIT), "")?.unwrap_or(USUAL_LIMIT);
        let offset = in_range("offset", self.offset, (0, max_offset), further)?.unwrap_or_default();
        Ok(Slice { limit, offset })
    }
}

fn in_range(name: &str, value: Option<i64>, (least, most): (u32, u32), further: &str) -> Result<Option<u32>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    let number = u32::try_from(value).ok().filter(|value| (least..=most).contains(value));
    number.map(Some).ok_or_else(|| {
        let message = format!("'query.{name}' must be {least} to {most}, not {value}{further}.");
        ApiError::invalid_field(format!("query.{name}"), message)
            .with_metadata("minimum", least.to_string())
            .with_metadata("maximum", most.to_string())
    })
}

/// The conversation that a caller names; what cannot be an id is not there.
pub fn parse_id(id: &str) -> Result<ConversationId, ApiError> {
    ConversationId::parse(id).ok_or_else(api_errors::conversation_not_found)
}

/// A page of conversations, newest first.
pub async fn list(
    shared: &Shared,
    reader: &Reader,
    paging: Paging,
    after: &str,
) -> Result<(Listed<ConversationRecord>, Slice), ApiError> {
    let slice = paging.check(MAX_OFFSET, "; to go further, begin with 'after' the last id")?;
    let after = match after {
        "" => None,
        _ if paging.offset.is_some() => {
            let message = "'query.after' and 'query.offset' do not go together; send one of them.";
            return Err(ApiError::invalid_field("query.after", message));
        }
        id => Some(ConversationId::parse(id).ok_or_else(|| {
            ApiError::invalid_field("query.after", "'query.after' must be the id of a conversation.")
        })?),
    };
    let page = Page { limit: slice.limit, offset: slice.offset, after };
    let listed = shared.store().conversations(reader, page).await.map_err(api_errors::from_store)?;
    Ok((listed, slice))
}

/// A conversation with all of its messages.
pub async fn get(
    shared: &Shared,
    reader: &Reader,
    id: &str,
) -> Result<(ConversationRecord, Vec<MessageRecord>), ApiError> {
    let found = shared.store().messages(reader, parse_id(id)?, 0, u32::MAX).await.map_err(api_errors::from_store)?;
    found.ok_or_else(api_errors::conversation_not_found)
}

/// A page of the messages of a conversation.
pub async fn messages(
    shared: &Shared,
    reader: &Reader,
    id: &str,
    paging: Paging,
) -> Result<(ConversationRecord, Vec<MessageRecord>, Slice), ApiError> {
    // Whatever the offset, its place is found by index.
    let slice = paging.check(u32::MAX, "")?;
    let found = shared.store().messages(reader, parse_id(id)?, slice.offset, slice.limit).await;
    let (record, messages) = found.map_err(api_errors::from_store)?.ok_or_else(api_errors::conversation_not_found)?;
    Ok((record, messages, slice))
}

/// What is to be changed, judged.
pub fn changes(
    mask: Option<FieldMask>,
    title: Option<String>,
    metadata: Bytes,
) -> Result<ConversationChanges, ApiError> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.is_empty() {
        let message = "Nothing is to be changed; set 'title', 'metadata', or both.";
        return Err(ApiError::invalid_field("update_mask", message));
    }
    let mut changes = ConversationChanges::default();
    for path in &paths {
        match path.as_str() {
            "title" => {
                title.as_deref().map_or(Ok(()), check_title)?;
                changes.title = Some(title.clone());
            }
            "metadata_json" => {
                check_metadata(&metadata)?;
                changes.metadata = Some((!metadata.is_empty()).then(|| metadata.clone()));
            }
            _ => {
                let message = "'update_mask' may name 'title' and 'metadata_json'.";
                return Err(ApiError::invalid_field("update_mask", message));
            }
        }
    }
    Ok(changes)
}

/// What came of a change: the conversation, or the answer to the same request before.
#[derive(Debug)]
pub enum Changed<T> {
    /// It was done now.
    Now(T),
    /// It was done before, and answered with this.
    Before(Bytes),
}

/// Changes a conversation.
pub async fn update(
    shared: &Shared,
    owner: &Owner,
    id: &str,
    changes: ConversationChanges,
    key: Option<KeyClaim>,
    answer: AnswerOf,
) -> Result<Changed<ConversationRecord>, ApiError> {
    let mutated = shared.store().update_conversation(owner, parse_id(id)?, changes, key, answer).await;
    changed(mutated.map_err(api_errors::from_store)?)
}

/// Deletes a conversation for good.
pub async fn delete(
    shared: &Shared,
    call: &Call,
    owner: &Owner,
    id: &str,
    key: Option<KeyClaim>,
) -> Result<(), ApiError> {
    let id = parse_id(id)?;
    let mutated = shared.store().delete_conversation(owner, id, key).await;
    if let Changed::Now(()) = changed(mutated.map_err(api_errors::from_store)?)? {
        audit::conversation_deleted(call, owner, id);
    }
    Ok(())
}

fn changed<T>(mutated: Mutated<T>) -> Result<Changed<T>, ApiError> {
    match mutated {
        Mutated::Done(done) => Ok(Changed::Now(done)),
        Mutated::NotFound => Err(api_errors::conversation_not_found()),
        Mutated::Key(state) => found_under_key(state),
    }
}

/// What comes of a change under whose idempotency key something was found.
pub(crate) fn found_under_key<T>(state: KeyState) -> Result<Changed<T>, ApiError> {
    match state {
        KeyState::Answered(answer) => Ok(Changed::Before(answer)),
        KeyState::OtherRequest => Err(api_errors::key_of_another_request()),
        KeyState::Running | KeyState::Free => Err(api_errors::idempotency_conflict()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: Option<i64>, offset: Option<i64>) -> Result<Slice, String> {
        Paging { limit, offset }.check(MAX_OFFSET, "").map_err(|error| error.param().unwrap_or_default().to_owned())
    }

    #[test]
    fn pages_have_their_bounds() {
        assert_eq!(check(None, None), Ok(Slice { limit: 20, offset: 0 }));
        assert_eq!(check(Some(100), Some(10_000)), Ok(Slice { limit: 100, offset: 10_000 }));
        for bad in [0, 101, -1, i64::MAX] {
            assert_eq!(check(Some(bad), None), Err("query.limit".to_owned()));
        }
        for bad in [-1, 10_001, i64::MIN] {
            assert_eq!(check(None, Some(bad)), Err("query.offset".to_owned()));
        }
    }

    #[test]
    fn a_change_names_what_it_changes() {
        let mask = |paths: &[&str]| Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() });
        let param = |mask, title: Option<&str>, metadata: &'static str| {
            let changed = changes(mask, title.map(str::to_owned), Bytes::from_static(metadata.as_bytes()));
            changed.map_err(|error| error.param().unwrap_or_default().to_owned())
        };
        assert_eq!(param(None, Some("x"), ""), Err("update_mask".to_owned()));
        assert_eq!(param(mask(&["model"]), None, ""), Err("update_mask".to_owned()));
        assert_eq!(param(mask(&["title"]), Some(""), ""), Err("title".to_owned()));
        assert_eq!(param(mask(&["metadata_json"]), None, r#"{"a":1}"#), Err("metadata.a".to_owned()));
        let cleared = ConversationChanges { title: Some(None), metadata: Some(None) };
        assert_eq!(param(mask(&["title", "metadata_json"]), None, ""), Ok(cleared));
    }
}
