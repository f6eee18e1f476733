//! What outlives a process.
//!
//! [`Store`] is all that a database can do, in terms of the records beside it; SQLite and PostgreSQL do it alike.
//! [`DatabaseAddress`] opens one. Every function takes whose data it is as a type of its own ([`Owner`], [`Reader`])
//! and adds the predicate itself; none takes a bare id.
//!
//! [`DataFolder`] is the folder of one gateway: it holds the token that the launcher made on its first start, and the
//! database of a gateway on SQLite.
//!
//! What one process changes of memory and prompts the others hear ([`PromptStore::heard`]), so that they may keep what
//! they read. SQLite serves one process, and PostgreSQL tells by NOTIFY (`postgres/listener.rs`).
//!
//! This crate knows no gRPC, HTTP or OpenAI, and depends on nothing of ours. The statements are in `statements/`, one
//! text for both databases; what differs is in `sqlite.rs` and `postgres.rs`.

mod availability;
mod context;
mod data_folder;
mod database;
mod error;
mod identity;
mod ids;
mod memory;
mod migrations;
mod postgres;
mod prompts;
mod records;
mod sqlite;
mod store;
mod usage;

pub use data_folder::{DataFolder, DataFolderError};
pub use database::{DatabaseAddress, LEASE};
pub use error::{OpenError, StoreError};
pub use identity::{Owner, Reader, Tenant, User};
pub use ids::{ConversationId, ProcessId};
pub use memory::{
    BUCKET_CAP_BYTES, Bucket, BucketUsage, Buckets, ConfirmIn, Confirmation, ConfirmationRequest, KeyedAnswer,
    MemoryRecord, MemoryStore, MemoryWrite, MemoryWritten, Origin, OriginDeleted, Visibility, private_buckets,
};
pub use prompts::{
    Change, Heard, NewPrompt, PromptChanged, PromptLevel, PromptPlace, PromptRecord, PromptStack, PromptStore,
};
pub use records::{
    Begun, ConversationChanges, ConversationRecord, FinishedTurn, KeyClaim, KeyState, KeyedRun, Listed, MessageRecord,
    Mutated, NewTurn, Page, RunningTurn, Stored, Swept, TurnSize,
};
pub use store::{AnswerOf, KEY_LIFETIME, Store};
pub use usage::{BudgetAsk, BudgetUnit, BudgetWindow, UsageBatch, UsageBucket, UsageHour, UsageRange, UsageTotals};
