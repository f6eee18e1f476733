//! Delete really deletes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use gateway_storage::{
    ConversationChanges, ConversationId, FinishedTurn, MemoryWrite, Mutated, Origin, OriginDeleted, PromptChanged,
    PromptLevel, PromptPlace, Visibility,
};
use uuid::Uuid;

use crate::actor::{Actor, ann, cut, end_of, key};
use crate::direct::Direct;
use crate::remembering::{stored, told, write};
use crate::world::{World, until};

on_both!(no_row_refers_to_a_deleted_conversation, a_deletion_and_a_turn_that_ends_do_not_get_in_each_others_way);

/// Words that are nowhere else, in all places that hold a user's words.
const MARKS: [&str; 5] = ["markMESSAGE7f3a", "markLONG7f3a", "markTITLE7f3a", "markLABEL7f3a", "markANSWER7f3a"];

/// A conversation with those words in it.
async fn marked(ann: &Actor) -> ConversationId {
    let [message, long, title, label, answer] = MARKS;
    // Longer than a page, so that it has pages of its own.
    let long = long.repeat(5000);
    let id = ann.turn(None, end_of(&[message, &long])).await;
    let end = FinishedTurn { answer: Some(Bytes::from_static(answer.as_bytes())), ..end_of(&[message]) };
    ann.keyed_turn(Some(id), Some(key("whole")), end).await;
    ann.keyed_turn(Some(id), Some(key("cut")), cut(&[&long])).await;
    let changes = ConversationChanges { title: Some(Some(title.into())), metadata: Some(Some(label.into())) };
    ann.store.update_conversation(&ann.owner, id, changes, Some(key("change")), |_| MARKS[4].into()).await.unwrap();
    ann.begin(Some(id), Some(key("running"))).await;
    id
}

/// How many rows of any table refer to a conversation, or to a turn that is in none.
async fn rows_about(direct: &mut Direct, id: ConversationId) -> i64 {
    let id = direct.literal(id);
    let of_conversation = format!("conversation_id = {id}");
    let mut rows = direct.count("conversations", &format!("id = {id}")).await;
    for table in ["turns", "pending_turns", "idempotency_keys"] {
        rows += direct.count(table, &of_conversation).await;
    }
    rows + direct.count("messages", "turn_id NOT IN (SELECT id FROM turns)").await
}

async fn no_row_refers_to_a_deleted_conversation(world: &World) {
    let ann = ann(&world.open().await);
    let other = ann.keyed_turn(None, Some(key("other")), cut(&["a", "b"])).await;
    let id = marked(&ann).await;
    let mut direct = world.direct().await;
    assert_eq!(rows_about(&mut direct, id).await, 8);
    assert_eq!(ann.store.delete_conversation(&ann.owner, id, Some(key("delete"))).await.unwrap(), Mutated::Done(()));
    assert_eq!(rows_about(&mut direct, id).await, 0);
    assert_eq!(ann.texts(other).await, ["a", "b"]);
    assert_eq!(rows_about(&mut direct, other).await, 3);
    assert_eq!(ann.list().await.total, 1);
}

async fn a_deletion_and_a_turn_that_ends_do_not_get_in_each_others_way(world: &World) {
    let ann = ann(&world.open().await);
    let mut direct = world.direct().await;
    for _ in 0..20 {
        let id = ann.turn(None, end_of(&["a"])).await;
        let turn = ann.begin(Some(id), Some(key("k"))).await;
        let (finisher, deleter) = (ann.clone(), ann.clone());
        let finishing = tokio::spawn(async move { finisher.finish(&turn, end_of(&["b"])).await });
        let deleting = tokio::spawn(async move {
            assert_eq!(deleter.store.delete_conversation(&deleter.owner, id, None).await.unwrap(), Mutated::Done(()));
        });
        deleting.await.unwrap();
        finishing.await.unwrap();
        assert_eq!(rows_about(&mut direct, id).await, 0);
        assert_eq!(direct.count("idempotency_keys", "1 = 1").await, 0);
    }
    assert_eq!(ann.list().await.total, 0);
    if !world.is_sqlite() {
        assert_no_deadlock(ann, &mut direct).await;
    }
}

/// Each deadlock costs a second until the server ends it. A session counts its own when it ends.
pub(crate) async fn assert_no_deadlock(ann: Actor, direct: &mut Direct) {
    drop(ann);
    let of_store = "datname = current_database() AND application_name = 'chat-gateway'";
    until("the sessions end", async || direct.count("pg_stat_activity", of_store).await == 0).await;
    assert_eq!(direct.number("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await, 0);
}

/// What is in the files of SQLite, whoever reads them.
mod on_disk {
    use super::*;

    on_sqlite!(
        nothing_of_a_deleted_conversation_is_left_on_disk,
        a_deletion_that_nobody_waits_for_leaves_nothing_either,
        a_deletion_beside_many_writes_leaves_nothing_either,
        a_deletion_beside_a_reader_is_made_good_later,
        nothing_of_what_was_forgotten_is_left_on_disk,
    );

    fn assert_on_disk(world: &World, expected: bool) {
        for mark in MARKS {
            assert_eq!(world.holds_on_disk(mark), expected, "{mark}");
        }
    }

    fn is_gone(world: &World) -> bool {
        !MARKS.iter().any(|mark| world.holds_on_disk(mark))
    }

    async fn nothing_of_a_deleted_conversation_is_left_on_disk(world: &World) {
        let actor = ann(&world.open().await);
        let id = marked(&actor).await;
        assert_on_disk(world, true);
        actor.store.delete_conversation(&actor.owner, id, None).await.unwrap();
        assert_on_disk(world, false);
        // The same when all of it had reached the database file before.
        drop(actor);
        let actor = ann(&world.open().await);
        let id = marked(&actor).await;
        drop(actor);
        let actor = ann(&world.open().await);
        assert_on_disk(world, true);
        actor.store.delete_conversation(&actor.owner, id, None).await.unwrap();
        assert_on_disk(world, false);
    }

    async fn a_deletion_that_nobody_waits_for_leaves_nothing_either(world: &World) {
        let ann = ann(&world.open().await);
        let id = marked(&ann).await;
        // It gets as far as the queue, and is dropped.
        assert!(ann.store.delete_conversation(&ann.owner, id, None).now_or_never().is_none());
        until("the words are gone", async || is_gone(world)).await;
        assert_eq!(ann.get(id).await, None);
    }

    async fn a_deletion_beside_many_writes_leaves_nothing_either(world: &World) {
        let ann = ann(&world.open().await);
        let id = marked(&ann).await;
        let writers = (0..200).map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.turn(None, end_of(&["a"])).await })
        });
        let writers: Vec<_> = writers.collect();
        ann.store.delete_conversation(&ann.owner, id, None).await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        assert_on_disk(world, false);
    }

    async fn a_deletion_beside_a_reader_is_made_good_later(world: &World) {
        let ann = ann(&world.open().await);
        let id = marked(&ann).await;
        let mut reader = world.direct().await;
        reader.run("BEGIN").await;
        assert_eq!(reader.count("conversations", "1 = 1").await, 1);
        let begin = Instant::now();
        ann.store.delete_conversation(&ann.owner, id, None).await.unwrap();
        ann.turn(None, end_of(&["a"])).await;
        assert!(begin.elapsed() < Duration::from_secs(3), "writes waited for the reader");
        // The reader goes on seeing its own state; nobody else does.
        assert_eq!(reader.count("conversations", "1 = 1").await, 1);
        assert_eq!(ann.get(id).await, None);
        reader.close().await;
        until("the words are gone", async || is_gone(world)).await;
    }

    async fn nothing_of_what_was_forgotten_is_left_on_disk(world: &World) {
        let ann = ann(&world.open().await);
        let bucket = ann.bucket(Visibility::Private);
        let place = PromptPlace { tenant: ann.owner.tenant.clone(), level: PromptLevel::Tenant };
        let turn = (ConversationId::new_random(), Uuid::now_v7());
        let [mark, ..] = MARKS;
        for value in [mark.to_owned(), mark.repeat(1000)] {
            // What was replaced as well as what was there last.
            ann.put(&bucket, mark, &value).await;
            ann.put(&bucket, mark, "replaced").await;
            assert!(world.holds_on_disk(mark));
            assert!(ann.forget(&bucket, mark).await);
            assert!(!world.holds_on_disk(mark));

            let by_tool = MemoryWrite { origin: Origin::Tool(Some(turn)), ..write(&bucket, "k", &value) };
            stored(ann.try_put(by_tool, None).await);
            assert!(world.holds_on_disk(mark));
            let (store, owner) = (&ann.store, &ann.owner);
            let deleted = store.delete_memory_of_turn(owner, turn.0, turn.1, false, None, Arc::new(told)).await;
            assert_eq!(deleted.unwrap(), Ok(OriginDeleted::Done(1)));
            assert!(!world.holds_on_disk(mark));

            let version = ann.put_prompt(&place, &value).await.version;
            ann.put_prompt(&place, "x").await;
            assert!(world.holds_on_disk(mark));
            assert_eq!(ann.delete_prompt(&place, version, None).await, PromptChanged::Done(()));
            assert!(!world.holds_on_disk(mark));
        }
    }
}
