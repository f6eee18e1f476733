//! What a store does, run on SQLite and on PostgreSQL alike, and what is particular to either.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

/// Makes of each function a test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $test() { crate::world::on_sqlite(super::$test); })+
        }
        mod on_postgres {
            $(#[test] fn $test() { crate::world::on_postgres(super::$test); })+
        }
    };
}

/// Makes of each function a test on SQLite.
macro_rules! on_sqlite {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $test() { crate::world::on_sqlite(super::$test); })+
        }
    };
}

/// Makes of each function a test on PostgreSQL.
macro_rules! on_postgres {
    ($($test:ident),+ $(,)?) => {
        mod on_postgres {
            $(#[test] fn $test() { crate::world::on_postgres(super::$test); })+
        }
    };
}

mod actor;
mod backup;
mod budgets;
mod confirmations;
mod deletion;
mod direct;
mod heard;
mod keys;
mod leases;
mod lists;
mod memory;
mod memory_races;
mod mutations;
mod postgres_engine;
mod postgres_outages;
mod postgres_server;
mod prompt_races;
mod prompts;
mod remembering;
mod retention;
mod rounds;
mod schema;
mod sqlite_files;
mod sqlite_writes;
mod superseding;
mod tenants;
mod turns;
mod usage;
mod world;
