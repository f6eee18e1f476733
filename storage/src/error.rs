//! Why the store could not do what it was asked.

use std::io;

/// A failure of the store. Nothing was acknowledged; where the connection broke in a commit, it is not known whether
/// the work was done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or failed.
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
    /// A job failed together with others, because what they share failed.
    #[error("the write failed with its batch: {0}")]
    Batch(String),
    /// The file of the database is not the one that was opened.
    #[error("the file of the database was removed or replaced")]
    FileGone,
    /// The database was found unusable shortly before, and is being tried again beside the traffic.
    #[error("the database is not available")]
    Unavailable,
    /// The work did not end in time.
    #[error("the database did not answer in time")]
    TimedOut,
    /// As many writes wait as may.
    #[error("too many writes wait for the database")]
    QueueFull,
    /// The work panicked.
    #[error("the work on the database panicked")]
    Panicked,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Why a store could not be opened, and will not be by trying again.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address names no database that the gateway knows.
    #[error("must be sqlite: and a path, or postgres:// and an address")]
    Url,
    /// Another process serves from the file.
    #[error("another process uses '{path}'; a SQLite file serves one core")]
    InUse {
        /// The file.
        path: String,
    },
    /// The database was migrated by a newer binary.
    #[error("the database has the schema of a newer version ({version}); start that version, or restore a backup")]
    NewerSchema {
        /// The number of the first unknown migration.
        version: i64,
    },
    /// A migration could not be run.
    #[error("a migration could not be run")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database was there before.
    #[error("the file '{path}' is gone; restore it from a backup, or remove '{marker}' to begin with an empty one")]
    FileGone {
        /// The file of the database.
        path: String,
        /// The file that says that there was one.
        marker: String,
    },
    /// The library or server is too old to be trusted.
    #[error("{what} is version {found}; at least {least} is needed")]
    TooOld {
        /// What it is.
        what: &'static str,
        /// Its version.
        found: String,
        /// The least one.
        least: &'static str,
    },
    /// The files cannot be used.
    #[error("cannot use '{path}'")]
    File {
        /// The file.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The database cannot be reached, or is damaged.
    #[error("the database cannot be opened")]
    Database(#[source] sqlx::Error),
}

impl OpenError {
    /// Whether it may be another matter later, without anybody changing a setting.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Database(_) | Self::Migration(_))
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}
