//! Opens the database that a setting names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::OpenError;
use crate::store::Store;
use crate::{postgres, sqlite};

/// How long a turn is believed to run without a word from its process.
pub const LEASE: Duration = Duration::from_secs(30);

/// Where a database is. It cannot be printed: an address of PostgreSQL may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseAddress {
    /// A file of SQLite.
    Sqlite(PathBuf),
    /// A server.
    Postgres(String),
}

impl std::fmt::Debug for DatabaseAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "Sqlite({})", path.display()),
            Self::Postgres(_) => formatter.write_str("Postgres([redacted])"),
        }
    }
}

impl DatabaseAddress {
    /// Reads an address: `sqlite:` and a path, or `postgres://` and so on.
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let is_file = !path.is_empty() && !path.starts_with(':') && !path.contains('?');
            return is_file.then(|| Self::Sqlite(path.into())).ok_or(OpenError::Url);
        }
        let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
        if is_postgres && text.parse::<sqlx::postgres::PgConnectOptions>().is_ok() {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(OpenError::Url)
    }

    /// Opens the database, and brings its schema up to date. One that cannot be reached now is opened all the same, and
    /// tried until it can be; its calls fail meanwhile.
    pub async fn open(&self, lease: Duration) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match self {
            Self::Sqlite(path) => sqlite::Engine::open(path, lease).await?,
            Self::Postgres(url) => postgres::Engine::open(url, lease).await?,
        })
    }

    /// Copies a SQLite database, which may be in use, into a new file; none: the server has tools of its own.
    pub async fn back_up(&self, target: &Path) -> Option<Result<(), OpenError>> {
        match self {
            Self::Sqlite(path) => Some(sqlite::back_up(path, target).await),
            Self::Postgres(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, path) in [("sqlite:data/gateway.db", "data/gateway.db"), ("sqlite:///var/g.db", "/var/g.db")] {
            assert_eq!(DatabaseAddress::parse(text).unwrap(), DatabaseAddress::Sqlite(path.into()));
        }
        for text in
            ["postgres://u:p@localhost/db", "postgresql://u@localhost/db?host=/run", "postgresql:///db?host=/run"]
        {
            let address = DatabaseAddress::parse(text).unwrap();
            assert_eq!(format!("{address:?}"), "Postgres([redacted])");
        }
        for bad in ["", "sqlite:", "sqlite::memory:", "sqlite:x?mode=ro", "mysql://x", "data/gateway.db", "postgres:/"]
        {
            assert!(DatabaseAddress::parse(bad).is_err(), "{bad}");
        }
    }
}
