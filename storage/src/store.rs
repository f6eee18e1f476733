//! What every database can do.

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::watch;

use crate::error::StoreError;
use crate::identity::{Owner, Reader, Tenant};
use crate::ids::{ConversationId, ProcessId};
use crate::memory::MemoryStore;
use crate::prompts::PromptStore;
use crate::records::{
    Begun, ConversationChanges, ConversationRecord, FinishedTurn, KeyClaim, KeyState, KeyedRun, Listed, MessageRecord,
    Mutated, NewTurn, Page, RunningTurn, Stored, Swept,
};
use crate::usage::{BudgetAsk, BudgetWindow, UsageBatch, UsageBucket, UsageRange};

/// How long an answer under an idempotency key is kept.
pub const KEY_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Makes of a changed conversation the answer that is stored.
pub type AnswerOf = fn(&ConversationRecord) -> Bytes;

/// What outlives a process. Every write is on disk when its future ends; dropping a future does not stop the work.
///
/// SQLite and PostgreSQL behave alike, which one suite proves on both.
#[async_trait]
pub trait Store: MemoryStore + PromptStore + Send + Sync + std::fmt::Debug {
    /// What stands under a key, without claiming it.
    async fn look_up_key(&self, owner: &Owner, key: &KeyClaim) -> Result<KeyState, StoreError>;

    /// Begins a turn: claims its key, and takes the lease of its conversation.
    async fn begin_turn(&self, owner: &Owner, turn: NewTurn) -> Result<Begun, StoreError>;

    /// The bodies of the messages of a conversation from this sequence number on.
    async fn history(
        &self,
        owner: &Owner,
        conversation: ConversationId,
        from_sequence: u32,
    ) -> Result<Vec<Bytes>, StoreError>;

    /// Lengthens the lease of a turn; false: it is lost.
    async fn renew_turn(&self, owner: &Owner, turn: &RunningTurn) -> Result<bool, StoreError>;

    /// Stores a turn that ended, whole or cut, if its lease still holds.
    async fn finish_turn(&self, owner: &Owner, turn: &RunningTurn, end: FinishedTurn) -> Result<Stored, StoreError>;

    /// Gives up a turn of which nothing is to be kept.
    async fn abandon_turn(&self, owner: &Owner, turn: &RunningTurn) -> Result<(), StoreError>;

    /// Claims a key for a chat that keeps no history; the key is free for no one else when this is `Free`.
    async fn begin_keyed(&self, owner: &Owner, run: &KeyedRun) -> Result<KeyState, StoreError>;

    /// Lengthens the claim; false: it is lost.
    async fn renew_keyed(&self, owner: &Owner, run: &KeyedRun) -> Result<bool, StoreError>;

    /// Stores the answer, if the claim still holds.
    async fn finish_keyed(&self, owner: &Owner, run: &KeyedRun, answer: Bytes) -> Result<Stored, StoreError>;

    /// Gives up the claim.
    async fn abandon_keyed(&self, owner: &Owner, run: &KeyedRun) -> Result<(), StoreError>;

    /// A page of conversations, newest first. A page after a conversation that is not there is empty.
    async fn conversations(&self, reader: &Reader, page: Page) -> Result<Listed<ConversationRecord>, StoreError>;

    /// One conversation.
    async fn conversation(&self, reader: &Reader, id: ConversationId)
    -> Result<Option<ConversationRecord>, StoreError>;

    /// A conversation with so many of its messages, oldest first, passing over the first ones.
    async fn messages(
        &self,
        reader: &Reader,
        id: ConversationId,
        offset: u32,
        limit: u32,
    ) -> Result<Option<(ConversationRecord, Vec<MessageRecord>)>, StoreError>;

    /// Changes a conversation. `answer` is what the same request gets when it is sent again under its key.
    async fn update_conversation(
        &self,
        owner: &Owner,
        id: ConversationId,
        changes: ConversationChanges,
        key: Option<KeyClaim>,
        answer: AnswerOf,
    ) -> Result<Mutated<ConversationRecord>, StoreError>;

    /// Deletes a conversation, its messages and its stored answers, for good.
    async fn delete_conversation(
        &self,
        owner: &Owner,
        id: ConversationId,
        key: Option<KeyClaim>,
    ) -> Result<Mutated<()>, StoreError>;

    /// Folds records of a process's journal into the tables, unless the first of them is there already: returns up to
    /// which record the journal is folded in now. When that is not `through`, nothing was done.
    async fn fold_usage(&self, process: ProcessId, batch: UsageBatch) -> Result<u64, StoreError>;

    /// What a tenant used, by model and by bucket of time, oldest first; at most as many rows as the range says.
    async fn usage(&self, tenant: &Tenant, range: UsageRange) -> Result<Vec<UsageBucket>, StoreError>;

    /// Leases some of a budget's window to a process, as long as all that is taken stays within the limit: returns how
    /// much, which is at least what is needed, or nothing.
    async fn take_budget(&self, process: ProcessId, window: &BudgetWindow, ask: BudgetAsk) -> Result<u64, StoreError>;

    /// Gives back what a process leased and did not use. A negative amount was used beyond what was leased, and is
    /// taken whatever the limit.
    async fn return_budgets(&self, process: ProcessId, amounts: Vec<(BudgetWindow, i64)>) -> Result<(), StoreError>;

    /// Gives back all that a process leased and did not settle, now that it is gone and its journal is folded in.
    async fn reclaim_budgets(&self, process: ProcessId) -> Result<(), StoreError>;

    /// Notes that a process lives, and returns how many do.
    async fn note_process(&self, process: ProcessId) -> Result<u32, StoreError>;

    /// Clears away what is past its time, a bounded number of rows: turns whose lease ran out, keys, and, where there
    /// is an age, conversations that were not used for so long.
    async fn sweep(&self, retention: Option<Duration>) -> Result<Swept, StoreError>;

    /// Whether the database works; told as it changes.
    fn availability(&self) -> watch::Receiver<bool>;

    /// How many pieces of work are at the database or wait for it: writes for the writer of SQLite, connections in use
    /// of PostgreSQL.
    fn queue_depth(&self) -> u32;

    /// Asks the database for a sign of life.
    async fn check(&self) -> Result<(), StoreError>;
}
