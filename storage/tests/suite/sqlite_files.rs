//! The file of SQLite: who may use it, and what happens when it is not what it was.

use std::path::{Path, PathBuf};

use gateway_storage::{Begun, OpenError, StoreError};

use crate::actor::{Actor, ann, end_of, key, new_turn};
use crate::world::{World, until};

on_sqlite!(
    a_file_serves_one_store,
    a_file_that_is_gone_is_not_replaced_by_an_empty_one,
    a_file_that_goes_while_it_serves_is_not_made_anew,
    a_file_that_is_replaced_while_it_serves_is_not_written_to,
    a_file_that_is_damaged_is_kept_and_tried_again,
    what_was_pending_dies_with_its_process,
);

fn database(world: &World) -> PathBuf {
    world.path("gateway.db")
}

fn move_files(from: &Path, to: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let [from, to] = [from, to].map(|path| format!("{}{suffix}", path.display()));
        std::fs::rename(from, to).unwrap();
    }
}

async fn begin_error(ann: &Actor) -> StoreError {
    ann.store.begin_turn(&ann.owner, new_turn(None, None)).await.unwrap_err()
}

async fn until_available(ann: &Actor) {
    let mut availability = ann.store.availability();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(2), availability.wait_for(|works| *works)).await;
    waited.unwrap().unwrap();
}

async fn a_file_serves_one_store(world: &World) {
    let actor = ann(&world.open().await);
    let id = actor.turn(None, end_of(&["a"])).await;
    let refused = world.address.open(gateway_storage::LEASE).await.unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert!(!refused.may_pass());
    actor.turn(Some(id), end_of(&["b"])).await;
    drop(actor);
    assert_eq!(ann(&world.open().await).texts(id).await, ["a", "b"]);
}

async fn a_file_that_is_gone_is_not_replaced_by_an_empty_one(world: &World) {
    drop(world.open().await);
    std::fs::remove_file(database(world)).unwrap();
    for _ in 0..2 {
        let refused = world.address.open(gateway_storage::LEASE).await.unwrap_err();
        assert!(matches!(refused, OpenError::FileGone { .. }), "{refused:?}");
        assert!(!database(world).exists());
    }
    std::fs::remove_file(world.path("gateway.db.lock")).unwrap();
    assert_eq!(ann(&world.open().await).list().await.total, 0);
}

async fn a_file_that_goes_while_it_serves_is_not_made_anew(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let aside = world.path("aside.db");
    move_files(&database(world), &aside);
    for _ in 0..3 {
        assert!(matches!(begin_error(&ann).await, StoreError::FileGone));
        assert!(!*ann.store.availability().borrow());
        assert!(!database(world).exists());
    }
    move_files(&aside, &database(world));
    until_available(&ann).await;
    ann.turn(Some(id), end_of(&["b"])).await;
    assert_eq!(ann.texts(id).await, ["a", "b"]);
}

async fn a_file_that_is_replaced_while_it_serves_is_not_written_to(world: &World) {
    let ann = ann(&world.open().await);
    ann.turn(None, end_of(&["a"])).await;
    let copy = world.path("copy.db");
    world.address.back_up(&copy).await.unwrap().unwrap();
    let before = std::fs::read(&copy).unwrap();
    std::fs::rename(&copy, database(world)).unwrap();
    for _ in 0..3 {
        assert!(matches!(begin_error(&ann).await, StoreError::FileGone));
    }
    assert!(!*ann.store.availability().borrow());
    assert!(std::fs::read(database(world)).unwrap() == before);
}

async fn a_file_that_is_damaged_is_kept_and_tried_again(world: &World) {
    let actor = ann(&world.open().await);
    let id = actor.turn(None, end_of(&["a"])).await;
    let good = world.path("good.db");
    world.address.back_up(&good).await.unwrap().unwrap();
    drop(actor);
    let damaged = b"this is no database, and never was one. ".repeat(400);
    until("the writer has closed the file", async || !world.path("gateway.db-wal").exists()).await;
    std::fs::write(database(world), &damaged).unwrap();

    let ann = ann(&world.open().await);
    assert!(!*ann.store.availability().borrow());
    for _ in 0..3 {
        assert!(matches!(begin_error(&ann).await, StoreError::Batch(_)));
        ann.store.conversation(&ann.reader(), id).await.unwrap_err();
        ann.store.check().await.unwrap_err();
    }
    assert!(std::fs::read(database(world)).unwrap() == damaged, "what may be rescued was changed");
    std::fs::rename(good, database(world)).unwrap();
    until_available(&ann).await;
    ann.store.check().await.unwrap();
    ann.turn(Some(id), end_of(&["b"])).await;
    assert_eq!(ann.texts(id).await, ["a", "b"]);
}

async fn what_was_pending_dies_with_its_process(world: &World) {
    let actor = ann(&world.open().await);
    let id = actor.turn(None, end_of(&["a"])).await;
    actor.begin(Some(id), Some(key("k"))).await;
    actor.begin(None, None).await;
    drop(actor);
    let ann = ann(&world.open().await);
    assert_eq!(world.direct().await.count("pending_turns", "1 = 1").await, 0);
    assert!(matches!(ann.try_begin(Some(id), Some(key("k"))).await, Begun::Running(_)));
}
