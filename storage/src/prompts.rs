//! System prompts, in the store's own terms, and what every database can do with them.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::StoreError;
use crate::identity::{Owner, Tenant, User};
use crate::memory::{KeyedAnswer, MemoryRecord};
use crate::records::{KeyClaim, KeyState, Listed};

/// For whom a system prompt holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PromptLevel {
    /// All chats of the tenant.
    Tenant,
    /// Those in a scope.
    Scope(Arc<str>),
    /// Those of a user, whatever the scope.
    User(User),
}

/// One place for a system prompt: all versions of it, of which at most one is current.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PromptPlace {
    /// The tenant.
    pub tenant: Tenant,
    /// The level within it.
    pub level: PromptLevel,
}

impl PromptPlace {
    /// How rows name the level.
    pub(crate) fn level_name(&self) -> &'static str {
        match self.level {
            PromptLevel::Tenant => "tenant",
            PromptLevel::Scope(_) => "scope",
            PromptLevel::User(_) => "user",
        }
    }

    /// How rows name whose it is within the level.
    pub(crate) fn owner_key(&self) -> String {
        match &self.level {
            PromptLevel::Tenant => String::new(),
            PromptLevel::Scope(scope) => scope.to_string(),
            PromptLevel::User(user) => user.key(),
        }
    }
}

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptRecord {
    /// Its number, from 1.
    pub version: u32,
    /// Whether it is the current one.
    pub is_current: bool,
    /// The text; none where only the list was asked for.
    pub content: Option<String>,
    /// How long the text is, in bytes.
    pub content_bytes: u32,
    /// What its author said of it.
    pub note: Option<String>,
    /// The id of the token that wrote it.
    pub author_token: String,
    /// The end user for whom that token acted.
    pub author_user: Option<String>,
    /// When it was written, in milliseconds since 1970.
    pub created_at: i64,
}

/// A new version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPrompt {
    /// The text; judged before.
    pub content: String,
    /// What its author says of it.
    pub note: Option<String>,
    /// The id of the token that writes it.
    pub author_token: String,
    /// The end user for whom that token acts.
    pub author_user: Option<String>,
}

/// What came of a change of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptChanged<T> {
    /// It was done.
    Done(T),
    /// There is no such version.
    NotFound,
    /// The version is the current one, which cannot be deleted.
    IsCurrent,
    /// What was found under the idempotency key.
    Key(KeyState),
}

/// All that a chat gets besides its own messages, on one state of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromptStack {
    /// The current version of the tenant's prompt.
    pub tenant: Option<PromptRecord>,
    /// That of the scope's.
    pub scope: Option<PromptRecord>,
    /// That of the user's.
    pub user: Option<PromptRecord>,
    /// The public bucket of the scope, by key (bytewise).
    pub public: Vec<MemoryRecord>,
    /// The private bucket of the user in the scope, by key (bytewise).
    pub private: Vec<MemoryRecord>,
}

/// What a committed write may have changed of the stacks of a tenant. None: of whatever scope, of whatever user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// The tenant.
    pub tenant: Tenant,
    /// Only those of this scope.
    pub scope: Option<Arc<str>>,
    /// Only those of this user.
    pub user: Option<User>,
}

/// What is heard of writes of other processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// This changed.
    Change(Change),
    /// Anything may have changed: what was written in the meantime was not heard.
    Anything,
}

/// The part of the store that keeps system prompts. Every write that chats may see counts in [`Change`]s; the deletion of a
/// version that is not current is none.
#[async_trait]
pub trait PromptStore: Send + Sync {
    /// Stores a new version and makes it current. `owner` is the caller, whose idempotency key it is.
    async fn put_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        new: NewPrompt,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<PromptRecord>,
    ) -> Result<PromptChanged<PromptRecord>, StoreError>;

    /// The current version.
    async fn current_prompt(&self, place: &PromptPlace) -> Result<Option<PromptRecord>, StoreError>;

    /// One version.
    async fn prompt(&self, place: &PromptPlace, version: u32) -> Result<Option<PromptRecord>, StoreError>;

    /// A page of versions, newest first, without their content.
    async fn prompts(&self, place: &PromptPlace, limit: u32, offset: u32) -> Result<Listed<PromptRecord>, StoreError>;

    /// Makes no version current: whether one was.
    async fn unset_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<bool>,
    ) -> Result<PromptChanged<bool>, StoreError>;

    /// Makes a version current.
    async fn set_current_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        version: u32,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<PromptRecord>,
    ) -> Result<PromptChanged<PromptRecord>, StoreError>;

    /// Deletes a version for good, never the current one.
    async fn delete_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        version: u32,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<()>,
    ) -> Result<PromptChanged<()>, StoreError>;

    /// All that a chat of this user in this scope gets; without a scope only the prompts of tenant and user.
    async fn prompt_stack(&self, owner: &Owner, scope: Option<&str>) -> Result<PromptStack, StoreError>;

    /// What is heard of writes of all processes, this one's too, from now on. Whoever takes it too slowly is told that
    /// something was missed (`Lagged`), which means [`Heard::Anything`]. A database that serves one process tells
    /// nothing.
    fn heard(&self) -> tokio::sync::broadcast::Receiver<Heard>;
}
