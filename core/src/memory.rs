//! What can be done with memory, by the service and by tools.

mod entry;

use gateway_auth::Scope;
use gateway_proto::{ApiError, Rpc};
use gateway_storage::{
    Bucket, BucketUsage, Buckets, Change, Confirmation, ConversationId, KeyClaim, KeyedAnswer, Listed, MemoryRecord,
    MemoryWrite, MemoryWritten, Origin, OriginDeleted, Owner, Visibility,
};
use std::sync::Arc;
use uuid::Uuid;

use crate::api_errors;
use crate::audit;
use crate::call::Call;
use crate::conversations::{Changed, Paging, Slice, found_under_key};
use crate::gate::Withheld;
use crate::shared::Shared;
use crate::stacks::changing;

pub use entry::{MemoryKey, MemoryValue, parse_visibility, visibility_name};

/// How many entries may be passed over.
const MAX_OFFSET: u32 = 10_000;

/// A value that is to be remembered under a key.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Where.
    pub bucket: Bucket,
    /// The key.
    pub key: MemoryKey,
    /// The value.
    pub value: MemoryValue,
    /// Who writes it.
    pub origin: Origin,
    /// The confirmation that it needs; none: it needs none.
    pub confirmation: Option<Confirmation>,
}

/// Stores a value under a key. `owner` is for whom the call acts; `answer` is what the same request gets when it is sent
/// again under its idempotency key.
pub async fn put(
    shared: &Shared,
    call: &Call,
    owner: &Owner,
    entry: NewEntry,
    claim: Option<KeyClaim>,
    answer: KeyedAnswer<MemoryRecord>,
) -> Result<Changed<MemoryRecord>, ApiError> {
    let NewEntry { bucket, key, value, origin, confirmation } = entry;
    let (key, value) = (key.into_string(), value.into_string());
    let write = MemoryWrite { bucket: bucket.clone(), key, value, origin, confirmation };
    let (store, writer) = (Arc::clone(shared.store()), owner.clone());
    let written = async move { store.put_memory(&writer, write, claim, answer).await };
    match changing(shared, change(&bucket), written).await.map_err(api_errors::from_store)? {
        MemoryWritten::Stored(record) => {
            if bucket.visibility() == Visibility::Public {
                audit::public_memory(audit::PublicMemory::Written, call, owner, &bucket.scope);
            }
            Ok(Changed::Now(record))
        }
        MemoryWritten::Full { used, would_be } => Err(api_errors::memory_bucket_full(used, would_be)),
        MemoryWritten::NotConfirmed => Err(api_errors::memory_not_confirmed()),
        MemoryWritten::Key(state) => found_under_key(state),
    }
}

/// The entry of a key.
pub async fn get(shared: &Shared, bucket: &Bucket, key: &MemoryKey) -> Result<MemoryRecord, ApiError> {
    let found = shared.store().memory(bucket, key.as_str()).await.map_err(api_errors::from_store)?;
    found.ok_or_else(api_errors::memory_not_found)
}

/// A page of entries, by key.
pub async fn list(
    shared: &Shared,
    buckets: &Buckets,
    paging: Paging,
) -> Result<(Listed<MemoryRecord>, Slice), ApiError> {
    let slice = paging.check(MAX_OFFSET, "")?;
    let listed = shared.store().memories(buckets, slice.limit, slice.offset).await;
    Ok((listed.map_err(api_errors::from_store)?, slice))
}

/// How full a bucket is.
pub async fn usage(shared: &Shared, bucket: &Bucket) -> Result<BucketUsage, ApiError> {
    shared.store().memory_usage(bucket).await.map_err(api_errors::from_store)
}

/// Deletes the entry of a key: whether there was one.
pub async fn delete(
    shared: &Shared,
    call: &Call,
    owner: &Owner,
    bucket: &Bucket,
    key: MemoryKey,
    claim: Option<KeyClaim>,
    answer: KeyedAnswer<bool>,
) -> Result<Changed<bool>, ApiError> {
    let (store, writer, place) = (Arc::clone(shared.store()), owner.clone(), bucket.clone());
    let deleted = async move { store.delete_memory(&writer, &place, key.as_str(), claim, answer).await };
    match changing(shared, change(bucket), deleted).await.map_err(api_errors::from_store)? {
        Ok(deleted) => {
            if deleted && bucket.visibility() == Visibility::Public {
                audit::public_memory(audit::PublicMemory::Deleted, call, owner, &bucket.scope);
            }
            Ok(Changed::Now(deleted))
        }
        Err(state) => found_under_key(state),
    }
}

/// Deletes every entry that one turn of a conversation wrote: how many. What cannot be the id of a turn wrote nothing.
pub async fn delete_of_turn(
    shared: &Shared,
    call: &Call,
    owner: &Owner,
    (conversation, turn): (&str, &str),
    claim: Option<KeyClaim>,
    answer: KeyedAnswer<u32>,
) -> Result<Changed<u32>, ApiError> {
    let Some((conversation, turn)) = ConversationId::parse(conversation).zip(parse_turn(turn)) else {
        return Ok(Changed::Now(0));
    };
    let may_delete_public = call.caller.token().grants.hold(Scope::MemoryWritePublic);
    // Whichever scope it wrote in, and whoever sees it.
    let user = (!may_delete_public).then(|| owner.user.clone());
    let change = Change { tenant: owner.tenant.clone(), scope: None, user };
    let (store, writer) = (Arc::clone(shared.store()), owner.clone());
    let deleted =
        async move { store.delete_memory_of_turn(&writer, conversation, turn, may_delete_public, claim, answer).await };
    match changing(shared, change, deleted).await.map_err(api_errors::from_store)? {
        Ok(OriginDeleted::Done(count)) => {
            if count > 0 {
                audit::memory_of_turn_deleted(call, owner, conversation, turn, count);
            }
            Ok(Changed::Now(count))
        }
        Ok(OriginDeleted::PublicAmongThem) => {
            let missing = Withheld::Scope(Scope::MemoryWritePublic.name());
            audit::refused(call, Rpc::DeleteMemoryByOrigin, missing);
            Err(api_errors::forbidden())
        }
        Err(state) => found_under_key(state),
    }
}

/// What a write in a bucket may change.
fn change(bucket: &Bucket) -> Change {
    Change { tenant: bucket.tenant.clone(), scope: Some(Arc::clone(&bucket.scope)), user: bucket.user.clone() }
}

fn parse_turn(text: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(text).ok()?;
    (id.hyphenated().to_string() == text).then_some(id)
}
