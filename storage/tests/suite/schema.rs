//! Migrations: under a lock, and never back.

use gateway_storage::{LEASE, OpenError};

use crate::actor::{ann, end_of};
use crate::world::{World, until};

/// How many migrations there are.
const MIGRATIONS: i64 = 3;

on_both!(a_newer_schema_is_refused);

async fn a_newer_schema_is_refused(world: &World) {
    let actor = ann(&world.open().await);
    let id = actor.turn(None, end_of(&["a"])).await;
    drop(actor);
    let mut direct = world.direct().await;
    let checksum = if world.is_sqlite() { "x'00'" } else { "'\\x00'::bytea" };
    let row = format!("VALUES (99, 'later', TRUE, {checksum}, 0)");
    let columns = "(version, description, success, checksum, execution_time)";
    direct.run(&format!("INSERT INTO _sqlx_migrations {columns} {row}")).await;
    for _ in 0..2 {
        let refused = world.address.open(LEASE).await.unwrap_err();
        assert!(matches!(refused, OpenError::NewerSchema { version: 99 }), "{refused:?}");
        assert!(!refused.may_pass());
    }
    direct.run("DELETE FROM _sqlx_migrations WHERE version = 99").await;
    assert_eq!(ann(&world.open().await).texts(id).await, ["a"]);
}

/// What only more processes can show.
mod with_more_processes {
    use super::*;

    on_postgres!(migrations_run_once_for_all_who_open, a_migration_that_failed_is_tried_again_and_holds_up_nobody);

    async fn migrations_run_once_for_all_who_open(world: &World) {
        let opening: Vec<_> = (0..4)
            .map(|_| {
                let address = world.address.clone();
                tokio::spawn(async move { address.open(LEASE).await.unwrap() })
            })
            .collect();
        for open in opening {
            let store = open.await.unwrap();
            assert!(*store.availability().borrow());
            ann(&store).turn(None, end_of(&["a"])).await;
        }
        assert_eq!(world.direct().await.count("_sqlx_migrations", "success").await, MIGRATIONS);
    }

    async fn a_migration_that_failed_is_tried_again_and_holds_up_nobody(world: &World) {
        let mut direct = world.direct().await;
        direct.run("CREATE TABLE messages (in_the_way TEXT)").await;
        let first = ann(&world.open().await);
        assert!(!*first.store.availability().borrow());
        first.store.check().await.unwrap_err();
        direct.run("DROP TABLE messages").await;
        until("the migration runs", async || *first.store.availability().borrow()).await;
        let second = ann(&world.open().await);
        assert!(*second.store.availability().borrow(), "the first one still holds the lock");
        let id = second.turn(None, end_of(&["a"])).await;
        assert_eq!(first.texts(id).await, ["a"]);
    }
}
