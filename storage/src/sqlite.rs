//! The store on SQLite: one writer that puts many jobs into one commit, and a pool of readers beside it.

mod lock;
#[cfg(test)]
mod plans;
mod writer;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use tokio::sync::broadcast;
use tokio::time::timeout;
use uuid::Uuid;

use crate::availability::{Availability, Revive, with_causes};
use crate::context::{Context, count, milliseconds, work};
use crate::error::{OpenError, StoreError};
use crate::migrations;
use crate::prompts::{Change, Heard};
use lock::FileLock;
use writer::Writer;

/// The clock, in milliseconds.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
    };
}

// The statements are the same for both databases, and are compiled once for each driver.
#[expect(clippy::duplicate_mod, reason = "so that the statements stand in one place")]
#[path = "statements/budgets.rs"]
mod budgets;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/changes.rs"]
mod changes;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/confirmations.rs"]
mod confirmations;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/conversations.rs"]
mod conversations;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/counts.rs"]
mod counts;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/keyed.rs"]
mod keyed;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/keys.rs"]
mod keys;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/memory.rs"]
mod memory;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/memory_store.rs"]
mod memory_store;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/origins.rs"]
mod origins;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/prompt_store.rs"]
mod prompt_store;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/prompts.rs"]
mod prompts;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/stack.rs"]
mod stack;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/store.rs"]
mod store;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/sweep.rs"]
mod sweep;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/turns.rs"]
mod turns;
#[expect(clippy::duplicate_mod, reason = "as above")]
#[path = "statements/usage.rs"]
mod usage;

type Connection = SqliteConnection;
type Database = sqlx::Sqlite;
type Row = SqliteRow;
type Running<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// Older versions can lose a commit when a checkpoint and a write meet (fixed in 3.51.3).
const OLDEST: [u32; 3] = [3, 51, 3];
const OLDEST_NAME: &str = "3.51.3";
/// How long a write waits for another process that holds the file.
const BUSY_PATIENCE: Duration = Duration::from_secs(5);
/// How long whoever asked waits, a little longer than that.
const PATIENCE: Duration = Duration::from_secs(6);
/// As many reads at once.
const READERS: u32 = 4;

/// When the database came back: readers from before may still have another file open.
type CameBack = Arc<Mutex<Option<Instant>>>;

/// The store.
#[derive(Debug)]
pub(crate) struct Engine {
    writer: Writer,
    readers: SqlitePool,
    availability: Availability,
    context: Context,
    /// There is no other process of which anything could be heard.
    heard: broadcast::Sender<Heard>,
    came_back: CameBack,
    /// Held for as long as the store is.
    _lock: FileLock,
}

impl Engine {
    /// Opens the database in this file, which is made where there was none. A file that cannot be used now is tried
    /// again; another process that serves from it is not waited for.
    pub(crate) async fn open(path: &Path, lease: Duration) -> Result<Arc<Self>, OpenError> {
        check_version().await?;
        let lock = FileLock::take(path)?;
        let availability = Availability::new(true);
        let context = Context { process: Uuid::now_v7(), lease };
        let opened = open_writer(path, !lock.was_there_before()).await;
        let connection = match opened {
            Ok(connection) => {
                lock.mark()?;
                Some(connection)
            }
            Err(error) if error.may_pass() => {
                tracing::warn!(cause = with_causes(&error), "the database cannot be used");
                availability.note::<()>(&Err(StoreError::TimedOut));
                None
            }
            Err(error) => return Err(error),
        };
        let came_back = CameBack::default();
        let changed = Arc::clone(&came_back);
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_PATIENCE)
            .test_before_acquire(false)
            .before_acquire(move |_, meta| {
                let is_of_this_file = lock_of(&changed).is_none_or(|at| meta.age < at.elapsed());
                Box::pin(async move { Ok(is_of_this_file) })
            })
            .connect_lazy_with(options(path).read_only(true).pragma("query_only", "ON"));
        let writer = Writer::start(path.to_owned(), connection);
        let heard = broadcast::Sender::new(1);
        let engine = Arc::new(Self { writer, readers, availability, context, heard, came_back, _lock: lock });
        if engine.availability.works() {
            // Nobody else serves from this file: what was pending died with the process before.
            let cleared = engine.write(|connection| Box::pin(clear_pending(connection))).await;
            cleared.map_err(|error| OpenError::Database(sqlx::Error::Io(std::io::Error::other(error))))?;
        }
        engine.availability.watch_over(&engine);
        Ok(engine)
    }

    /// How many writes wait.
    fn waiting(&self) -> u32 {
        self.writer.waiting()
    }

    /// Runs statements, together with those of others, in one transaction.
    async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        let outcome = match timeout(PATIENCE, self.writer.run(work)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::TimedOut),
        };
        self.availability.note(&outcome);
        outcome
    }

    /// Runs statements that only read, all of them on one state of the data.
    async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        let pool = self.readers.clone();
        let running = tokio::spawn(async move {
            let mut transaction = pool.begin().await?;
            let done = work(&mut transaction).await;
            transaction.rollback().await?;
            done
        });
        let outcome = match timeout(PATIENCE, running).await {
            Ok(Ok(ended)) => ended.map_err(StoreError::Database),
            Ok(Err(_)) => Err(StoreError::Panicked),
            Err(_) => Err(StoreError::TimedOut),
        };
        self.availability.note(&outcome);
        outcome
    }

    /// Runs statements that may delete. What they deleted is taken out of the journal as well, whoever waits for it: the
    /// database file itself was overwritten (secure delete).
    async fn write_erasing<T, W>(&self, work: W, is_deleted: fn(&T) -> bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        let writer = self.writer.clone();
        let running = tokio::spawn(async move {
            let done = writer.run(work).await?;
            if is_deleted(&done) {
                writer.truncate_journal().await;
            }
            Ok(done)
        });
        let outcome = match timeout(PATIENCE, running).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Panicked),
            Err(_) => Err(StoreError::TimedOut),
        };
        self.availability.note(&outcome);
        outcome
    }
}

/// Copies the database of a gateway, which may be serving, into a new file.
pub(crate) async fn back_up(path: &Path, target: &Path) -> Result<(), OpenError> {
    let mut connection = options(path).read_only(true).connect().await?;
    let copied = sqlx::query("VACUUM INTO $1").bind(target.to_string_lossy().as_ref()).execute(&mut connection).await;
    drop(connection.close().await);
    copied.map(drop).map_err(Into::into)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_PATIENCE)
        .disable_statement_logging()
}

/// A connection that writes: every commit is on disk before it is told.
async fn open_writer(path: &Path, may_create: bool) -> Result<Connection, OpenError> {
    let options = options(path)
        .create_if_missing(may_create)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON");
    let mut connection = options.connect().await?;
    migrations::migrate(&mut connection, migrations::SQLITE).await?;
    check_that_it_writes(&mut connection).await?;
    Ok(connection)
}

/// A file that cannot be written at this moment is opened for reading alone, without a word, and stays so when it can be
/// written again. Not even `BEGIN IMMEDIATE` tells; a write does, which is undone before anything of it is on disk.
async fn check_that_it_writes(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let written = sqlx::query("PRAGMA user_version = 0").execute(&mut *connection).await;
    sqlx::query("ROLLBACK").execute(connection).await?;
    written.map(drop)
}

async fn check_version() -> Result<(), OpenError> {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await?;
    let row = sqlx::query("SELECT sqlite_version()").fetch_one(&mut connection).await?;
    let found: String = row.try_get(0)?;
    drop(connection.close().await);
    let version: Vec<u32> = found.split('.').filter_map(|part| part.parse().ok()).collect();
    if version.as_slice() < OLDEST.as_slice() {
        return Err(OpenError::TooOld { what: "SQLite", found, least: OLDEST_NAME });
    }
    Ok(())
}

/// Tells other processes of a change: there are none.
async fn tell(_: &mut Connection, _shard: i64, _counter: i64, _: &Change) -> Result<(), sqlx::Error> {
    Ok(())
}

async fn clear_pending(connection: &mut Connection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM pending_turns").execute(&mut *connection).await?;
    sqlx::query("UPDATE idempotency_keys SET lease_expires_at = 0 WHERE state = 0").execute(connection).await.map(drop)
}

#[async_trait]
impl Revive for Engine {
    async fn revive(&self) -> Result<(), String> {
        // A write that changes a page, so that a full or read-only disk shows.
        let tried = self.writer.run(|connection| {
            Box::pin(async move {
                let version = sqlx::query("PRAGMA user_version").fetch_one(&mut *connection).await?;
                let next = version.try_get::<i64, _>(0)? % 2 + 1;
                let toggle = if next == 1 { "PRAGMA user_version = 1" } else { "PRAGMA user_version = 2" };
                sqlx::query(toggle).execute(connection).await.map(drop)
            })
        });
        tried.await.map_err(|error| with_causes(&error))?;
        *lock_of(&self.came_back) = Some(Instant::now());
        Ok(())
    }
}

fn lock_of(came_back: &CameBack) -> MutexGuard<'_, Option<Instant>> {
    came_back.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A path of a database as the lock and the writer need it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
