//! What can be done with system prompts.

mod prompt;

use std::sync::Arc;

use gateway_proto::ApiError;
use gateway_storage::{
    Change, KeyClaim, KeyedAnswer, Listed, NewPrompt, Owner, PromptChanged, PromptLevel, PromptPlace, PromptRecord,
};

use crate::api_errors;
use crate::audit::{self, PromptChange};
use crate::call::Call;
use crate::conversations::{Changed, Paging, Slice, found_under_key};
use crate::shared::Shared;
use crate::stacks::changing;

pub use prompt::{BETWEEN, Level, composed, parse_version};
use prompt::{check_content, check_note};

/// How many versions may be passed over.
const MAX_OFFSET: u32 = 10_000;

/// A mutation: who makes it, and under which idempotency key.
#[derive(Debug)]
pub struct Mutation<'a> {
    /// The call.
    pub call: &'a Call,
    /// For whom it acts, whose idempotency key it is.
    pub owner: &'a Owner,
    /// The idempotency key.
    pub claim: Option<KeyClaim>,
}

/// Stores a new version, and makes it current. `answer` is what the same request gets when it is sent again under its
/// idempotency key, here as in the others.
pub async fn put(
    shared: &Shared,
    by: Mutation<'_>,
    place: &PromptPlace,
    mut new: NewPrompt,
    answer: KeyedAnswer<PromptRecord>,
) -> Result<Changed<PromptRecord>, ApiError> {
    check_content(&new.content, shared.max_system_prompt_bytes())?;
    new.note = new.note.filter(|note| !note.is_empty());
    new.note.as_deref().map_or(Ok(()), check_note)?;
    let Mutation { call, owner, claim } = by;
    let (store, writer, at) = (Arc::clone(shared.store()), owner.clone(), place.clone());
    let put = async move { store.put_prompt(&writer, &at, new, claim, answer).await };
    let put = changing(shared, change(place), put).await.map_err(api_errors::from_store)?;
    let changed = changed(put, place, None)?;
    if let Changed::Now(record) = &changed {
        audit::system_prompt(PromptChange::Written, call, owner, place, Some(record.version));
    }
    Ok(changed)
}

/// The current version.
pub async fn current(shared: &Shared, place: &PromptPlace) -> Result<PromptRecord, ApiError> {
    let found = shared.store().current_prompt(place).await.map_err(api_errors::from_store)?;
    found.ok_or_else(|| api_errors::system_prompt_not_set(Level::of(place).name()))
}

/// One version.
pub async fn version(shared: &Shared, place: &PromptPlace, version: u32) -> Result<PromptRecord, ApiError> {
    let found = shared.store().prompt(place, version).await.map_err(api_errors::from_store)?;
    found.ok_or_else(|| api_errors::system_prompt_version_not_found(Level::of(place).name(), version))
}

/// A page of versions, newest first, without their content.
pub async fn list(
    shared: &Shared,
    place: &PromptPlace,
    paging: Paging,
) -> Result<(Listed<PromptRecord>, Slice), ApiError> {
    let slice = paging.check(MAX_OFFSET, "")?;
    let listed = shared.store().prompts(place, slice.limit, slice.offset).await.map_err(api_errors::from_store)?;
    Ok((listed, slice))
}

/// Makes no version current.
pub async fn unset(
    shared: &Shared,
    by: Mutation<'_>,
    place: &PromptPlace,
    answer: KeyedAnswer<bool>,
) -> Result<(), ApiError> {
    let Mutation { call, owner, claim } = by;
    let (store, writer, at) = (Arc::clone(shared.store()), owner.clone(), place.clone());
    let unset = async move { store.unset_prompt(&writer, &at, claim, answer).await };
    let unset = changing(shared, change(place), unset).await.map_err(api_errors::from_store)?;
    if let Changed::Now(true) = changed(unset, place, None)? {
        audit::system_prompt(PromptChange::Unset, call, owner, place, None);
    }
    Ok(())
}

/// Makes a version current.
pub async fn set_current(
    shared: &Shared,
    by: Mutation<'_>,
    place: &PromptPlace,
    version: u32,
    answer: KeyedAnswer<PromptRecord>,
) -> Result<Changed<PromptRecord>, ApiError> {
    let Mutation { call, owner, claim } = by;
    let (store, writer, at) = (Arc::clone(shared.store()), owner.clone(), place.clone());
    let set = async move { store.set_current_prompt(&writer, &at, version, claim, answer).await };
    let set = changing(shared, change(place), set).await.map_err(api_errors::from_store)?;
    let changed = changed(set, place, Some(version))?;
    if let Changed::Now(_) = &changed {
        audit::system_prompt(PromptChange::MadeCurrent, call, owner, place, Some(version));
    }
    Ok(changed)
}

/// Deletes a version for good; never the current one.
pub async fn delete(
    shared: &Shared,
    by: Mutation<'_>,
    place: &PromptPlace,
    version: u32,
    answer: KeyedAnswer<()>,
) -> Result<(), ApiError> {
    let Mutation { call, owner, claim } = by;
    let (store, writer, at) = (Arc::clone(shared.store()), owner.clone(), place.clone());
    let deleted = async move { store.delete_prompt(&writer, &at, version, claim, answer).await };
    let deleted = changing(shared, change(place), deleted).await.map_err(api_errors::from_store)?;
    if let Changed::Now(()) = changed(deleted, place, Some(version))? {
        audit::system_prompt(PromptChange::Deleted, call, owner, place, Some(version));
    }
    Ok(())
}

/// What a chat gets.
#[derive(Clone, Debug)]
pub struct Effective {
    /// The levels that have a current version, in their order.
    pub levels: Vec<(PromptPlace, PromptRecord)>,
    /// Their texts in one; none where one of them may not be read.
    pub content: Option<String>,
}

/// What a chat of this user gets, in this scope; without a scope what does not depend on one. What may not be read is
/// told without its content.
pub async fn effective(
    shared: &Shared,
    owner: &Owner,
    scope: Option<Arc<str>>,
    may_read: impl Fn(Level) -> bool,
) -> Result<Effective, ApiError> {
    let stack = shared.store().prompt_stack(owner, scope.as_deref()).await.map_err(api_errors::from_store)?;
    let of_scope = stack.scope.zip(scope).map(|(record, scope)| (PromptLevel::Scope(scope), record));
    let of_user = stack.user.map(|record| (PromptLevel::User(owner.user.clone()), record));
    let of_tenant = stack.tenant.map(|record| (PromptLevel::Tenant, record));
    let mut levels = Vec::new();
    for (level, mut record) in of_tenant.into_iter().chain(of_scope).chain(of_user) {
        let place = PromptPlace { tenant: owner.tenant.clone(), level };
        record.content = record.content.filter(|_| may_read(Level::of(&place)));
        levels.push((place, record));
    }
    let contents: Option<Vec<_>> = levels.iter().map(|(_, record)| record.content.as_deref()).collect();
    let content = contents.map(|contents| composed(contents.into_iter()));
    Ok(Effective { levels, content })
}

/// What a write at a place may change.
fn change(place: &PromptPlace) -> Change {
    let (scope, user) = match &place.level {
        PromptLevel::Tenant => (None, None),
        PromptLevel::Scope(scope) => (Some(Arc::clone(scope)), None),
        PromptLevel::User(user) => (None, Some(user.clone())),
    };
    Change { tenant: place.tenant.clone(), scope, user }
}

fn changed<T>(outcome: PromptChanged<T>, place: &PromptPlace, version: Option<u32>) -> Result<Changed<T>, ApiError> {
    let (level, version) = (Level::of(place).name(), version.unwrap_or_default());
    match outcome {
        PromptChanged::Done(done) => Ok(Changed::Now(done)),
        PromptChanged::NotFound => Err(api_errors::system_prompt_version_not_found(level, version)),
        PromptChanged::IsCurrent => Err(api_errors::system_prompt_current_locked(level, version)),
        PromptChanged::Key(state) => found_under_key(state),
    }
}
