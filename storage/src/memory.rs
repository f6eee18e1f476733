//! What is remembered, in the store's own terms, and what every database can do with it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::error::StoreError;
use crate::identity::{Owner, Reader, Tenant, User};
use crate::ids::ConversationId;
use crate::records::{KeyClaim, KeyState, Listed};

/// The most bytes of a bucket: keys and values together, as UTF-8.
pub const BUCKET_CAP_BYTES: u32 = 16_384;

/// Who sees a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// One user.
    Private,
    /// All users of the scope.
    Public,
}

/// A bucket: that of one user in a scope, or the one that all users of the scope share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// The tenant.
    pub tenant: Tenant,
    /// The scope within it.
    pub scope: Arc<str>,
    /// The user; none: the public bucket.
    pub user: Option<User>,
}

impl Bucket {
    /// The bucket of this visibility that a user reaches in a scope.
    #[must_use]
    pub fn of(owner: &Owner, scope: &str, visibility: Visibility) -> Self {
        let user = match visibility {
            Visibility::Private => Some(owner.user.clone()),
            Visibility::Public => None,
        };
        Self { tenant: owner.tenant.clone(), scope: scope.into(), user }
    }

    /// Who sees it.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        if self.user.is_some() { Visibility::Private } else { Visibility::Public }
    }

    /// How rows name the owner of the bucket.
    pub(crate) fn owner_key(&self) -> String {
        self.user.as_ref().map(User::key).unwrap_or_default()
    }
}

/// Whose entries are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Buckets {
    /// Those of one bucket.
    One(Bucket),
    /// Those of all private buckets of a scope, for an administrator.
    AllPrivate {
        /// The tenant.
        tenant: Tenant,
        /// The scope within it.
        scope: Arc<str>,
    },
}

/// Who wrote an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A call of the memory service.
    Human,
    /// A tool that a model called, in this turn where a conversation was kept.
    Tool(Option<(ConversationId, Uuid)>),
}

/// A value under a key. Times are milliseconds since 1970, by the database's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryRecord {
    /// The user whose bucket it is; none: the public one.
    pub user: Option<User>,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// Who wrote the value.
    pub origin: Origin,
    /// When the key was first written.
    pub created_at: i64,
    /// When the value was written.
    pub updated_at: i64,
}

/// What a bucket holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketUsage {
    /// How many entries.
    pub entries: u32,
    /// What their keys and values take.
    pub bytes: u32,
}

/// A value that is to be stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryWrite {
    /// Where.
    pub bucket: Bucket,
    /// The key; judged before.
    pub key: String,
    /// The value; judged before.
    pub value: String,
    /// Who writes it.
    pub origin: Origin,
    /// The confirmation that it needs, which is spent in the same transaction.
    pub confirmation: Option<Confirmation>,
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryWritten {
    /// It is stored.
    Stored(MemoryRecord),
    /// It would take the bucket over its cap; nothing was stored, and no confirmation spent.
    Full {
        /// What the bucket holds.
        used: u32,
        /// What it would have held.
        would_be: u64,
    },
    /// Its confirmation does not hold; nothing was stored.
    NotConfirmed,
    /// What was found under the idempotency key.
    Key(KeyState),
}

/// What a confirmation is bound to besides tenant, user, scope, key, value and visibility.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmIn {
    /// The same turn or a later one, for a time.
    AnyTurn,
    /// A later turn of the user, in the same conversation where one is kept.
    LaterTurn {
        /// The conversation, where one is kept.
        conversation: Option<ConversationId>,
        /// The turn that runs; of a request that keeps no conversation, an id of its own.
        turn: Uuid,
    },
}

/// A confirmation of a write that was asked for before. The token itself is never stored, only its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The SHA-256 of the token.
    pub token: [u8; 32],
    /// In which turn it is used.
    pub used_in: ConfirmIn,
}

/// A write that is to be confirmed before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmationRequest {
    /// The user for whom it is to be done.
    pub owner: Owner,
    /// Where.
    pub bucket: Bucket,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The SHA-256 of the token.
    pub token: [u8; 32],
    /// In which turn it was asked for, and in which it can be used.
    pub asked_in: ConfirmIn,
    /// How long it can be used.
    pub lifetime: Duration,
}

/// What came of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginDeleted {
    /// So many entries were deleted.
    Done(u32),
    /// Public ones are among them, which the caller may not delete; nothing was deleted.
    PublicAmongThem,
}

/// What a keyed mutation gives when it is sent again: a function of what it gave.
pub type KeyedAnswer<T> = Arc<dyn Fn(&T) -> Bytes + Send + Sync>;

/// The part of the store that remembers. Every write that changes something counts in [`crate::Change`]s.
#[async_trait]
pub trait MemoryStore: Send + Sync {
    /// Stores a value. The cap is held to in the same transaction. `owner` is the caller: whose idempotency key it is,
    /// and for whom the confirmation was asked for.
    async fn put_memory(
        &self,
        owner: &Owner,
        write: MemoryWrite,
        key: Option<KeyClaim>,
        answer: KeyedAnswer<MemoryRecord>,
    ) -> Result<MemoryWritten, StoreError>;

    /// The entry of a key.
    async fn memory(&self, bucket: &Bucket, key: &str) -> Result<Option<MemoryRecord>, StoreError>;

    /// A page of entries, by key (bytewise), then by user.
    async fn memories(&self, buckets: &Buckets, limit: u32, offset: u32) -> Result<Listed<MemoryRecord>, StoreError>;

    /// What a bucket holds.
    async fn memory_usage(&self, bucket: &Bucket) -> Result<BucketUsage, StoreError>;

    /// Deletes the entry of a key: whether there was one.
    async fn delete_memory(
        &self,
        owner: &Owner,
        bucket: &Bucket,
        key: &str,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<bool>,
    ) -> Result<Result<bool, KeyState>, StoreError>;

    /// Deletes all that one turn of a conversation of this owner wrote, in whatever scope. Public entries only where
    /// `may_delete_public`; never what another user wrote, whatever turn they named.
    async fn delete_memory_of_turn(
        &self,
        owner: &Owner,
        conversation: ConversationId,
        turn: Uuid,
        may_delete_public: bool,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<u32>,
    ) -> Result<Result<OriginDeleted, KeyState>, StoreError>;

    /// Remembers that a write is to be confirmed.
    async fn ask_confirmation(&self, request: ConfirmationRequest) -> Result<(), StoreError>;

    /// Ends the confirmations of a conversation that were asked for in turns before this one, now that it ends: they
    /// could be used in this one, and in none after it.
    async fn expire_confirmations(
        &self,
        owner: &Owner,
        conversation: ConversationId,
        turn: Uuid,
    ) -> Result<(), StoreError>;
}

/// Whose private entries a reader sees in a scope.
#[must_use]
pub fn private_buckets(reader: &Reader, scope: &str) -> Buckets {
    match reader {
        Reader::Owner(owner) => Buckets::One(Bucket::of(owner, scope, Visibility::Private)),
        Reader::Tenant(tenant) => Buckets::AllPrivate { tenant: tenant.clone(), scope: scope.into() },
    }
}
