//! The database itself, past the store.

use gateway_storage::ConversationId;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

/// A connection of the test's own.
pub(crate) enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Calls a method of either connection.
macro_rules! either {
    ($direct:expr, |$connection:ident| $call:expr) => {
        match $direct {
            Direct::Sqlite($connection) => $call,
            Direct::Postgres($connection) => $call,
        }
    };
}

impl Direct {
    pub(crate) async fn to_sqlite(url: &str) -> Self {
        Self::Sqlite(SqliteConnection::connect(url).await.unwrap())
    }

    pub(crate) async fn to_postgres(url: &str) -> Self {
        Self::Postgres(PgConnection::connect(url).await.unwrap())
    }

    /// Runs a statement, and returns how many rows it was about.
    pub(crate) async fn run(&mut self, statement: &str) -> u64 {
        self.try_run(statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    pub(crate) async fn try_run(&mut self, statement: &str) -> Result<u64, sqlx::Error> {
        let query = AssertSqlSafe(statement.to_owned());
        either!(self, |connection| Ok(sqlx::query(query).execute(connection).await?.rows_affected()))
    }

    /// The number that a query yields.
    pub(crate) async fn number(&mut self, query: &str) -> i64 {
        let query = AssertSqlSafe(query.to_owned());
        either!(self, |connection| sqlx::query(query).fetch_one(connection).await.unwrap().get(0))
    }

    /// The text that a query yields.
    pub(crate) async fn text(&mut self, query: &str) -> String {
        let query = AssertSqlSafe(query.to_owned());
        either!(self, |connection| sqlx::query(query).fetch_one(connection).await.unwrap().get(0))
    }

    /// How many rows of a table meet a condition.
    pub(crate) async fn count(&mut self, table: &str, condition: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table} WHERE {condition}")).await
    }

    /// How many rows of each table there are, in the order of [`TABLES`].
    pub(crate) async fn rows(&mut self) -> [i64; 6] {
        let mut rows = [0; 6];
        for (table, rows) in TABLES.iter().zip(&mut rows) {
            *rows = self.count(table, "1 = 1").await;
        }
        rows
    }

    /// An id as it stands in a statement.
    pub(crate) fn literal(&self, id: ConversationId) -> String {
        match self {
            Self::Sqlite(_) => format!("x'{}'", id.to_string().replace('-', "")),
            Self::Postgres(_) => format!("'{id}'::uuid"),
        }
    }

    pub(crate) async fn close(self) {
        either!(self, |connection| connection.close().await.unwrap());
    }
}

/// The tables of the store.
pub(crate) const TABLES: [&str; 6] =
    ["conversations", "conversation_counts", "pending_turns", "turns", "messages", "idempotency_keys"];
