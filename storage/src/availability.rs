//! Whether a database works, and how it comes back.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgDatabaseError;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::error::StoreError;

/// How often a database that does not work is tried again.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// Classes of SQLSTATE that are about a value, a constraint, or two transactions that met.
const REFUSALS: [&str; 3] = ["22", "23", "40"];

/// Whether a database works.
#[derive(Debug, Clone)]
pub(crate) struct Availability(Arc<watch::Sender<bool>>);

/// Brings a database back.
#[async_trait]
pub(crate) trait Revive: Send + Sync + 'static {
    /// Makes the database usable and tries it with a write; why it is not, for the log.
    async fn revive(&self) -> Result<(), String>;
}

impl Availability {
    pub(crate) fn new(works: bool) -> Self {
        Self(Arc::new(watch::Sender::new(works)))
    }

    pub(crate) fn receiver(&self) -> watch::Receiver<bool> {
        self.0.subscribe()
    }

    pub(crate) fn works(&self) -> bool {
        *self.0.borrow()
    }

    /// Takes note of how a piece of work ended.
    pub(crate) fn note<T>(&self, outcome: &Result<T, StoreError>) {
        if outcome.as_ref().is_err_and(is_about_the_database) && self.0.send_replace(false) {
            tracing::warn!("the database does not work; it is tried again every {PROBE_INTERVAL:?}");
        }
    }

    /// Tries the database again whenever it does not work, until the store is gone.
    pub(crate) fn watch_over<E: Revive>(&self, engine: &Arc<E>) {
        let (works, engine) = (Arc::clone(&self.0), Arc::downgrade(engine));
        tokio::spawn(async move {
            let mut changes = works.subscribe();
            let mut last_reason = String::new();
            loop {
                if changes.wait_for(|works| !works).await.is_err() {
                    return;
                }
                sleep(PROBE_INTERVAL).await;
                let Some(engine) = engine.upgrade() else { return };
                match engine.revive().await {
                    Ok(()) => {
                        works.send_replace(true);
                        tracing::info!("the database works again");
                        last_reason.clear();
                    }
                    Err(reason) if reason != last_reason => {
                        tracing::warn!(cause = reason, "the database still does not work");
                        last_reason = reason;
                    }
                    Err(_) => {}
                }
            }
        });
    }
}

/// Whether an error says something about the database rather than about one piece of work.
fn is_about_the_database(error: &StoreError) -> bool {
    match error {
        StoreError::Database(sqlx::Error::Database(error)) => {
            let of_postgres = error.try_downcast_ref::<PgDatabaseError>();
            let is_refused =
                of_postgres.is_some_and(|error| REFUSALS.iter().any(|class| error.code().starts_with(class)));
            !is_refused && !error.is_unique_violation() && !error.is_check_violation()
        }
        StoreError::Database(_) | StoreError::Batch(_) | StoreError::FileGone | StoreError::TimedOut => true,
        // Already known, or about us.
        StoreError::Unavailable | StoreError::QueueFull | StoreError::Panicked => false,
    }
}

/// An error with all its causes, for the log.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
