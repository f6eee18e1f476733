//! Writes to a file of SQLite that somebody else holds for a while.

use std::time::{Duration, Instant};

use gateway_storage::StoreError;
use tokio::time::timeout;

use crate::actor::{ann, end_of, new_turn};
use crate::world::{World, until};

on_sqlite!(
    a_write_waits_for_another_process,
    a_write_that_waited_too_long_fails_and_the_store_comes_back,
    the_queue_is_bounded,
    the_file_is_written_as_promised,
);

async fn a_write_waits_for_another_process(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let mut other = world.direct().await;
    other.run("BEGIN EXCLUSIVE").await;
    let writer = ann.clone();
    let mut writing = tokio::spawn(async move { writer.turn(Some(id), end_of(&["b"])).await });
    timeout(Duration::from_millis(300), &mut writing).await.unwrap_err();
    // Readers do not wait.
    assert_eq!(ann.texts(id).await, ["a"]);
    other.run("COMMIT").await;
    writing.await.unwrap();
    assert_eq!(ann.texts(id).await, ["a", "b"]);
    assert!(*ann.store.availability().borrow());
}

async fn a_write_that_waited_too_long_fails_and_the_store_comes_back(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let turn = ann.begin(Some(id), None).await;
    let mut other = world.direct().await;
    other.run("BEGIN EXCLUSIVE").await;
    let begin = Instant::now();
    let failed = ann.store.finish_turn(&ann.owner, &turn, end_of(&["lost"])).await;
    assert!(matches!(failed, Err(StoreError::Batch(_) | StoreError::TimedOut)), "{failed:?}");
    assert!(begin.elapsed() < Duration::from_millis(6500), "{:?}", begin.elapsed());
    let mut availability = ann.store.availability();
    assert!(!*availability.borrow());
    assert_eq!(ann.texts(id).await, ["a"]);
    other.run("COMMIT").await;
    timeout(Duration::from_secs(2), availability.wait_for(|works| *works)).await.unwrap().unwrap();
    assert_eq!(ann.texts(id).await, ["a"]);
    ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
    ann.turn(Some(id), end_of(&["b"])).await;
    assert_eq!(ann.texts(id).await, ["a", "b"]);
}

async fn the_queue_is_bounded(world: &World) {
    let ann = ann(&world.open().await);
    let mut other = world.direct().await;
    other.run("BEGIN EXCLUSIVE").await;
    let writing: Vec<_> = (0..400)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.store.begin_turn(&ann.owner, new_turn(None, None)).await })
        })
        .collect();
    // What finds no place is told so at once, while the others still wait.
    until("143 writes are refused", async || writing.iter().filter(|task| task.is_finished()).count() >= 143).await;
    other.run("COMMIT").await;
    let mut begun = 0;
    for task in writing {
        match task.await.unwrap() {
            Ok(_) => begun += 1,
            Err(StoreError::QueueFull) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    // 256 in the queue, and one that the writer has in hand.
    assert!((256..=257).contains(&begun), "{begun}");
    assert!(*ann.store.availability().borrow());
    assert_eq!(world.direct().await.count("pending_turns", "1 = 1").await, begun);
}

async fn the_file_is_written_as_promised(world: &World) {
    let _store = world.open().await;
    let mut direct = world.direct().await;
    assert_eq!(direct.text("PRAGMA journal_mode").await, "wal");
    let version = direct.text("SELECT sqlite_version()").await;
    let version: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(version >= vec![3, 51, 3], "{version:?}");
}
