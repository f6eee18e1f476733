//! The one writer. It drains a bounded queue into one transaction, each job in a savepoint of its own, and tells each
//! how it ended only after the commit: one fsync for all that came together.

use std::os::unix::fs::MetadataExt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{BUSY_PATIENCE, Connection, Running, open_writer};
use crate::availability::with_causes;
use crate::error::StoreError;

/// As many jobs may wait; beyond them it is better to say so.
const QUEUE: usize = 256;
/// The most jobs of one transaction.
const BATCH_JOBS: usize = 128;
/// How long a transaction takes in further jobs. Nothing waits for company.
const BATCH_TIME: Duration = Duration::from_millis(2);
/// How long emptying the journal waits for readers, for writes wait as well.
const JOURNAL_PATIENCE: Duration = Duration::from_millis(50);
/// When it is tried again after that.
const JOURNAL_RETRY: Duration = Duration::from_millis(500);

/// The way to the writer.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Order>,
}

enum Order {
    Job(Box<dyn Job>),
    TruncateJournal(oneshot::Sender<()>),
}

/// A job, and whoever waits for it.
#[async_trait]
trait Job: Send {
    /// Does the work; false: it failed and is to be undone.
    async fn run(&mut self, connection: &mut Connection) -> bool;
    /// Tells how it ended, or that all failed together.
    fn settle(self: Box<Self>, batch: Result<(), StoreError>);
}

struct Task<W, T> {
    work: W,
    ended: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

#[async_trait]
impl<T, W> Job for Task<W, T>
where
    T: Send + 'static,
    W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
{
    async fn run(&mut self, connection: &mut Connection) -> bool {
        let ended = AssertUnwindSafe((self.work)(connection)).catch_unwind().await;
        let ended = ended.map_or(Err(StoreError::Panicked), |ended| ended.map_err(StoreError::Database));
        self.ended.insert(ended).is_ok()
    }

    fn settle(self: Box<Self>, batch: Result<(), StoreError>) {
        let ended = match (batch, self.ended) {
            // A job's own failure says more than that of the batch that it may have caused.
            (_, Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error),
            (Ok(()), Some(Ok(done))) => Ok(done),
            (Ok(()), None) => Err(StoreError::Panicked),
        };
        // Whoever asked may have stopped waiting.
        drop(self.reply.send(ended));
    }
}

impl Writer {
    /// Starts the writer of the database in this file; without a connection it opens one for its first job.
    pub(super) fn start(path: PathBuf, connection: Option<Connection>) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE);
        let file = connection.as_ref().and_then(|_| file_id(&path));
        tokio::spawn(Loop { path, connection, file, orders, truncate_at: None }.run());
        Self { queue }
    }

    /// Runs statements; ends once they are committed or undone.
    pub(super) async fn run<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: for<'c> Fn(&'c mut Connection) -> Running<'c, T> + Send + Sync + 'static,
    {
        let (reply, ended) = oneshot::channel();
        let job = Order::Job(Box::new(Task { work, ended: None, reply }));
        self.queue.try_send(job).map_err(|_| StoreError::QueueFull)?;
        ended.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// How many orders wait.
    pub(super) fn waiting(&self) -> u32 {
        u32::try_from(self.queue.max_capacity() - self.queue.capacity()).unwrap_or(u32::MAX)
    }

    /// Empties the journal, at once or, where a reader stands in the way, a little later.
    pub(super) async fn truncate_journal(&self) {
        let (reply, ended) = oneshot::channel();
        if self.queue.send(Order::TruncateJournal(reply)).await.is_ok() {
            drop(ended.await);
        }
    }
}

/// Which file it is, whatever its name.
fn file_id(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}

struct Loop {
    path: PathBuf,
    connection: Option<Connection>,
    /// The file that was opened.
    file: Option<(u64, u64)>,
    orders: mpsc::Receiver<Order>,
    /// When to try again to empty the journal, where a reader stood in the way.
    truncate_at: Option<Instant>,
}

impl Loop {
    async fn run(mut self) {
        loop {
            if self.truncate_at.is_some_and(|at| at <= Instant::now()) {
                self.truncate_journal().await;
            }
            let order = match self.truncate_at {
                None => self.orders.recv().await,
                Some(at) => match timeout_at(at, self.orders.recv()).await {
                    Ok(order) => order,
                    Err(_) => continue,
                },
            };
            let Some(order) = order else { break };
            let mut next = Some(order);
            while let Some(order) = next.take() {
                match order {
                    Order::Job(job) => next = self.batch_of(job).await,
                    Order::TruncateJournal(reply) => {
                        self.truncate_journal().await;
                        // Whoever asked may have stopped waiting.
                        let _ = reply.send(());
                    }
                }
            }
        }
        if let Some(connection) = self.connection {
            drop(connection.close().await);
        }
    }

    /// Runs a job with those that wait behind it. Returns an order that does not belong to them.
    async fn batch_of(&mut self, first: Box<dyn Job>) -> Option<Order> {
        let mut jobs = vec![first];
        let mut other = None;
        let committed = self.commit(&mut jobs, &mut other).await;
        if let Err((error, is_broken)) = &committed
            && *is_broken
            && let Some(connection) = self.connection.take()
        {
            tracing::warn!(cause = with_causes(error), "a batch of writes failed; the database is opened anew");
            drop(connection.close_hard().await);
        }
        for job in jobs {
            job.settle(match &committed {
                Ok(()) => Ok(()),
                Err((StoreError::FileGone, _)) => Err(StoreError::FileGone),
                Err((error, _)) => Err(StoreError::Batch(with_causes(error))),
            });
        }
        other
    }

    /// Runs all in one transaction. An error comes with whether the connection is in an unknown state after it.
    async fn commit(
        &mut self,
        jobs: &mut Vec<Box<dyn Job>>,
        other: &mut Option<Order>,
    ) -> Result<(), (StoreError, bool)> {
        self.open().await.map_err(|error| (error, true))?;
        let Some(connection) = &mut self.connection else { return Err((StoreError::Unavailable, false)) };
        execute(connection, "BEGIN IMMEDIATE").await.map_err(|error| (error, false))?;
        let begin = Instant::now();
        let mut done = 0;
        while let Some(job) = jobs.get_mut(done) {
            execute(connection, "SAVEPOINT job").await.map_err(|error| (error, true))?;
            if !job.run(connection).await {
                execute(connection, "ROLLBACK TO job").await.map_err(|error| (error, true))?;
            }
            execute(connection, "RELEASE job").await.map_err(|error| (error, true))?;
            done += 1;
            if done < BATCH_JOBS && begin.elapsed() < BATCH_TIME {
                match self.orders.try_recv() {
                    Ok(Order::Job(job)) => jobs.push(job),
                    Ok(order) => *other = Some(order),
                    Err(_) => {}
                }
            }
            if other.is_some() {
                break;
            }
        }
        execute(connection, "COMMIT").await.map_err(|error| (error, true))
    }

    /// Makes sure that there is a connection, and that it writes to the file that others see.
    async fn open(&mut self) -> Result<(), StoreError> {
        if self.file.is_some() && file_id(&self.path) != self.file {
            return Err(StoreError::FileGone);
        }
        if self.connection.is_none() {
            let opened = open_writer(&self.path, false).await;
            self.connection = Some(opened.map_err(|error| StoreError::Batch(with_causes(&error)))?);
            self.file = self.file.or_else(|| file_id(&self.path));
        }
        Ok(())
    }

    async fn truncate_journal(&mut self) {
        self.truncate_at = None;
        let Some(connection) = &mut self.connection else { return };
        match truncate(connection).await {
            Ok(true) => {}
            Ok(false) => self.truncate_at = Some(Instant::now() + JOURNAL_RETRY),
            Err(error) => tracing::warn!(cause = with_causes(&error), "the journal could not be emptied"),
        }
    }
}

/// Empties the journal; false: a reader stands in the way.
async fn truncate(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    set_patience(connection, JOURNAL_PATIENCE).await?;
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    set_patience(connection, BUSY_PATIENCE).await?;
    row?.try_get::<i64, _>(0).map(|is_busy| is_busy == 0)
}

async fn set_patience(connection: &mut Connection, patience: Duration) -> Result<(), sqlx::Error> {
    let statement = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

async fn execute(connection: &mut Connection, statement: &'static str) -> Result<(), StoreError> {
    sqlx::query(statement).execute(connection).await.map(drop).map_err(StoreError::Database)
}

#[cfg(test)]
mod tests;
