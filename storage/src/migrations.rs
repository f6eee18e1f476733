//! The migrations, the same numbers and names for both databases.

use sqlx::SqlStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};

use crate::error::OpenError;

/// The migrations of one database.
pub(crate) type List = &'static [(i64, &'static str, &'static str)];

pub(crate) const SQLITE: List = &[
    (1, "conversations", include_str!("../migrations/sqlite/0001_conversations.sql")),
    (2, "usage", include_str!("../migrations/sqlite/0002_usage.sql")),
    (3, "memory", include_str!("../migrations/sqlite/0003_memory.sql")),
];
pub(crate) const POSTGRES: List = &[
    (1, "conversations", include_str!("../migrations/postgres/0001_conversations.sql")),
    (2, "usage", include_str!("../migrations/postgres/0002_usage.sql")),
    (3, "memory", include_str!("../migrations/postgres/0003_memory.sql")),
];

/// Brings a database up to date, under a lock of the database. One that is ahead of this binary is refused.
pub(crate) async fn migrate<C: Migrate>(connection: &mut C, list: List) -> Result<(), OpenError> {
    let migration = |(number, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    };
    let migrator = Migrator::with_migrations(list.iter().map(migration).collect());
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) => OpenError::NewerSchema { version },
        other => OpenError::Migration(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_databases_have_the_same_migrations() {
        let names = |list: List| list.iter().map(|(number, name, _)| (*number, *name)).collect::<Vec<_>>();
        assert_eq!(names(SQLITE), names(POSTGRES));
        assert!(SQLITE.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0));
    }
}
