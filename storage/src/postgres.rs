//! The store on PostgreSQL. Every transaction runs in a task of its own to its end, whoever waits for it: a connection
//! whose `BEGIN` was given up half way would carry the next one's writes.

mod listener;
mod word;

use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row as _};
use tokio::sync::broadcast;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::availability::{Availability, Revive, with_causes};
use crate::context::{Context, count, milliseconds, work};
use crate::error::{OpenError, StoreError};
use crate::migrations;
use crate::prompts::Heard;
use word::tell;

/// The database's clock, in milliseconds.
macro_rules! now {
    () => {
        "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"
    };
}

// The statements are the same for both databases, and are compiled once for each driver.
#[path = "statements/budgets.rs"]
mod budgets;
#[path = "statements/changes.rs"]
mod changes;
#[path = "statements/confirmations.rs"]
mod confirmations;
#[path = "statements/conversations.rs"]
mod conversations;
#[path = "statements/counts.rs"]
mod counts;
#[path = "statements/keyed.rs"]
mod keyed;
#[path = "statements/keys.rs"]
mod keys;
#[path = "statements/memory.rs"]
mod memory;
#[path = "statements/memory_store.rs"]
mod memory_store;
#[path = "statements/origins.rs"]
mod origins;
#[path = "statements/prompt_store.rs"]
mod prompt_store;
#[path = "statements/prompts.rs"]
mod prompts;
#[path = "statements/stack.rs"]
mod stack;
#[path = "statements/store.rs"]
mod store;
#[path = "statements/sweep.rs"]
mod sweep;
#[path = "statements/turns.rs"]
mod turns;
#[path = "statements/usage.rs"]
mod usage;

type Connection = PgConnection;
type Database = sqlx::Postgres;
type Row = PgRow;
type Running<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// The oldest server that is supported.
const OLDEST: i64 = 15_00_00;
/// As many transactions at once; a turn needs its connection for a moment only.
const CONNECTIONS: u32 = 16;
/// How long a transaction may wait for a connection.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(2);
/// A connection that was idle for longer is tried before it is trusted.
const IDLE_TRUSTED: Duration = Duration::from_secs(1);
/// How long whoever asked waits for a transaction.
const PATIENCE: Duration = Duration::from_secs(10);
/// The bounds that the server itself holds to, as its settings spell them.
const SERVER_LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "8s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")];
/// How often a transaction is run that the server gives up for another's sake.
const TRIES: u32 = 3;
/// As much may be heard before whoever listens takes it; beyond that it is told that it missed something.
const HEARD_AT_ONCE: usize = 1024;
/// SQLSTATE of a serialization failure and of a deadlock.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// The store.
#[derive(Debug)]
pub(crate) struct Engine {
    pool: PgPool,
    availability: Availability,
    context: Context,
    heard: broadcast::Sender<Heard>,
    /// Whether the schema is known to be right.
    is_prepared: AtomicBool,
}

impl Engine {
    /// Opens the database, and goes on trying where it cannot be reached now.
    pub(crate) async fn open(url: &str, lease: Duration) -> Result<Arc<Self>, OpenError> {
        let options = PgConnectOptions::from_str(url).map_err(|_| OpenError::Url)?;
        let options = options.application_name("chat-gateway").options(SERVER_LIMITS).disable_statement_logging();
        let listening = options.clone();
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECTION_PATIENCE)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    let is_trusted = meta.idle_for < IDLE_TRUSTED;
                    Ok(is_trusted || connection.ping().await.is_ok())
                })
            })
            .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_lazy_with(options);
        let engine = Arc::new(Self {
            pool,
            availability: Availability::new(true),
            context: Context { process: Uuid::now_v7(), lease },
            heard: broadcast::Sender::new(HEARD_AT_ONCE),
            is_prepared: AtomicBool::new(false),
        });
        match engine.prepare().await {
            Ok(()) => {}
            Err(error) if error.may_pass() => {
                tracing::warn!(cause = with_causes(&error), "the database cannot be used yet");
                engine.availability.note::<()>(&Err(StoreError::TimedOut));
            }
            Err(error) => return Err(error),
        }
        engine.availability.watch_over(&engine);
        listener::listen(&engine.heard, listening);
        Ok(engine)
    }

    async fn prepare(&self) -> Result<(), OpenError> {
        let mut connection = self.pool.acquire().await?;
        let row = sqlx::query("SELECT current_setting('server_version_num')").fetch_one(&mut *connection).await?;
        let found: String = row.try_get(0)?;
        if found.parse::<i64>().is_ok_and(|version| version < OLDEST) {
            return Err(OpenError::TooOld { what: "PostgreSQL", found, least: "15" });
        }
        let migrated = migrations::migrate(&mut *connection, migrations::POSTGRES).await;
        if migrated.is_err() {
            // The lock of the migrations belongs to the session: ended with it, it keeps no other process out.
            drop(connection.detach().close_hard().await);
        }
        migrated?;
        self.is_prepared.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// How many connections are in use.
    fn waiting(&self) -> u32 {
        self.pool.size().saturating_sub(u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX))
    }

    /// Runs statements in a transaction.
    async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        self.transaction("BEGIN", work).await
    }

    /// Runs statements that only read, all of them on one state of the data.
    async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work).await
    }

    async fn transaction<T, W>(&self, begin: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        if !self.availability.works() {
            return Err(StoreError::Unavailable);
        }
        let pool = self.pool.clone();
        let running = tokio::spawn(async move {
            let mut tries = TRIES;
            loop {
                tries -= 1;
                match run(&pool, begin, &work).await {
                    Err(error) if tries > 0 && is_conflict(&error) => sleep(jitter()).await,
                    ended => return ended,
                }
            }
        });
        let outcome = match timeout(PATIENCE, running).await {
            Ok(Ok(ended)) => ended.map_err(StoreError::Database),
            Ok(Err(_)) => Err(StoreError::Panicked),
            Err(_) => Err(StoreError::TimedOut),
        };
        self.availability.note(&outcome);
        outcome
    }

    /// Runs statements that may delete. What they deleted is gone once the server vacuums it.
    async fn write_erasing<T, W>(&self, work: W, _is_deleted: fn(&T) -> bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        self.write(work).await
    }
}

async fn run<T, W>(pool: &PgPool, begin: &'static str, work: &W) -> Result<T, sqlx::Error>
where
    W: for<'c> Fn(&'c mut Connection) -> Running<'c, T>,
{
    let mut transaction = pool.begin_with(begin).await?;
    match work(&mut transaction).await {
        Ok(done) => transaction.commit().await.map(|()| done),
        Err(error) => {
            // What failed is told; a connection that cannot even roll back is not used again.
            drop(transaction.rollback().await);
            Err(error)
        }
    }
}

fn is_conflict(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| CONFLICTS.contains(&code.as_ref()))
}

/// Up to about 16 ms, so that two that met do not meet again.
fn jitter() -> Duration {
    Duration::from_micros(u64::from(Uuid::new_v4().as_bytes()[0]) * 64)
}

#[async_trait]
impl Revive for Engine {
    async fn revive(&self) -> Result<(), String> {
        if !self.is_prepared.load(Ordering::Relaxed) {
            return self.prepare().await.map_err(|error| with_causes(&error));
        }
        let tried = async {
            let mut connection = self.pool.acquire().await?;
            let is_standby = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(&mut *connection).await?;
            is_standby.try_get::<bool, _>(0)
        };
        match tried.await {
            Ok(false) => Ok(()),
            Ok(true) => Err("the server is a standby and takes no writes".to_owned()),
            Err(error) => Err(with_causes(&error)),
        }
    }
}
