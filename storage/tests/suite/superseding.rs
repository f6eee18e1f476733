//! A turn that was cut, or whose process died, is superseded when its request is sent again: a key never leaves two.

use std::time::Duration;

use gateway_storage::{Begun, ConversationId, FinishedTurn, KeyState, Stored};

use crate::actor::{Actor, ann, answered, cut, end_of, key};
use crate::world::{World, until};

const SHORT: Duration = Duration::from_millis(100);

on_both!(
    a_cut_turn_is_superseded_and_the_gap_closes,
    what_followed_the_cut_turn_stays,
    a_conversation_that_held_only_the_cut_turn_goes_on_under_its_id,
    a_cut_turn_is_superseded_again_and_again,
    a_retry_while_another_turn_runs_is_busy_and_supersedes_later,
    a_retry_that_came_to_nothing_leaves_the_rest_whole,
    a_cut_turn_of_a_deleted_conversation_is_forgotten,
    a_run_of_a_dead_process_is_superseded,
    a_run_that_was_superseded_stores_nothing,
);

async fn assert_answered(ann: &Actor, answer: &'static str) {
    let state = ann.store.look_up_key(&ann.owner, &key("k")).await.unwrap();
    assert_eq!(state, KeyState::Answered(answer.into()));
}

/// The sequence numbers at which turns begin, as the next turn finds them.
async fn starts(ann: &Actor, id: ConversationId) -> Vec<u32> {
    let turn = ann.begin(Some(id), None).await;
    ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
    turn.history.iter().map(|size| size.first_sequence).collect()
}

async fn a_cut_turn_is_superseded_and_the_gap_closes(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a", "b"])).await;
    ann.keyed_turn(Some(id), Some(key("k")), cut(&["question", "ha"])).await;
    assert_eq!(ann.store.look_up_key(&ann.owner, &key("k")).await.unwrap(), KeyState::Free);
    assert_eq!(ann.texts(id).await, ["a", "b", "question", "ha"]);
    let retry = ann.begin(Some(id), Some(key("k"))).await;
    assert_eq!((retry.history.len(), retry.byte_count, retry.is_first), (1, 2, false));
    assert_eq!(ann.finish(&retry, answered(&["question", "whole"], "answer")).await, Stored::Yes);
    assert_eq!(ann.texts(id).await, ["a", "b", "question", "whole"]);
    assert_eq!(starts(&ann, id).await, [0, 2]);
    assert_answered(&ann, "answer").await;
}

async fn what_followed_the_cut_turn_stays(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a", "b"])).await;
    ann.keyed_turn(Some(id), Some(key("k")), cut(&["question", "ha", "lf"])).await;
    ann.turn(Some(id), end_of(&["c"])).await;
    ann.turn(Some(id), FinishedTurn { prompt_start: 5, ..end_of(&["d", "e"]) }).await;
    let retry = ann.begin(Some(id), Some(key("k"))).await;
    let before: Vec<_> = retry.history.iter().map(|size| size.first_sequence).collect();
    assert_eq!((before, retry.passed_over, retry.byte_count), (vec![0, 2, 3], 0, 5));
    assert_eq!(ann.texts(id).await, ["a", "b", "c", "d", "e"]);
    ann.finish(&retry, answered(&["question", "whole"], "answer")).await;
    assert_eq!(ann.texts(id).await, ["a", "b", "c", "d", "e", "question", "whole"]);
    assert_eq!(starts(&ann, id).await, [0, 2, 3, 5]);
    assert_eq!(world.direct().await.count("messages", "1 = 1").await, 7);
}

async fn a_conversation_that_held_only_the_cut_turn_goes_on_under_its_id(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.keyed_turn(None, Some(key("k")), cut(&["question", "ha"])).await;
    let retry = ann.begin(None, Some(key("k"))).await;
    assert_eq!((retry.conversation, retry.is_first, retry.byte_count), (id, true, 0));
    assert_eq!(ann.finish(&retry, answered(&["question", "whole"], "answer")).await, Stored::Yes);
    assert_eq!(ann.texts(id).await, ["question", "whole"]);
    assert_eq!(ann.list().await.total, 1);
    assert_answered(&ann, "answer").await;
    ann.turn(Some(id), end_of(&["b"])).await;
    assert_eq!(ann.texts(id).await, ["question", "whole", "b"]);
}

async fn a_cut_turn_is_superseded_again_and_again(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.keyed_turn(None, Some(key("k")), cut(&["question", "h"])).await;
    for text in ["ha", "hal", "half"] {
        assert_eq!(ann.keyed_turn(None, Some(key("k")), cut(&["question", text])).await, id);
        assert_eq!(ann.texts(id).await, ["question", text]);
        assert_eq!(ann.list().await.total, 1);
    }
    let mut direct = world.direct().await;
    assert_eq!(direct.count("turns", "1 = 1").await, 1);
    assert_eq!(direct.count("idempotency_keys", "1 = 1").await, 1);
}

async fn a_retry_while_another_turn_runs_is_busy_and_supersedes_later(world: &World) {
    let ann = ann(&world.open().await);
    for asks_for_it in [true, false] {
        let id = ann.keyed_turn(None, Some(key("k")), cut(&["question", "ha"])).await;
        let asked = asks_for_it.then_some(id);
        let other = ann.begin(Some(id), None).await;
        // As if another process ran it.
        let mut direct = world.direct().await;
        direct.run("UPDATE pending_turns SET lease_owner = turn_id").await;
        for _ in 0..2 {
            assert!(matches!(ann.try_begin(asked, Some(key("k"))).await, Begun::Busy));
            assert_eq!(ann.texts(id).await, ["question", "ha"]);
        }
        direct.run("UPDATE pending_turns SET lease_expires_at = 1").await;
        assert_eq!(ann.finish(&other, end_of(&["b"])).await, Stored::LeaseLost);
        let retried = ann.keyed_turn(asked, Some(key("k")), answered(&["question", "whole"], "answer")).await;
        assert_eq!(retried, id);
        assert_eq!(ann.texts(id).await, ["question", "whole"], "the cut turn stayed beside the whole one");
        assert_answered(&ann, "answer").await;
        ann.store.delete_conversation(&ann.owner, id, None).await.unwrap();
    }
}

async fn a_retry_that_came_to_nothing_leaves_the_rest_whole(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    ann.keyed_turn(Some(id), Some(key("k")), cut(&["question", "ha"])).await;
    ann.turn(Some(id), end_of(&["b"])).await;
    let retry = ann.begin(Some(id), Some(key("k"))).await;
    ann.store.abandon_turn(&ann.owner, &retry).await.unwrap();
    assert_eq!(ann.texts(id).await, ["a", "b"]);
    assert_eq!(world.direct().await.rows().await, [1, 2, 0, 2, 2, 0]);
    ann.keyed_turn(Some(id), Some(key("k")), answered(&["question", "whole"], "answer")).await;
    assert_eq!(ann.texts(id).await, ["a", "b", "question", "whole"]);
}

async fn a_cut_turn_of_a_deleted_conversation_is_forgotten(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.keyed_turn(None, Some(key("k")), cut(&["question", "ha"])).await;
    ann.store.delete_conversation(&ann.owner, id, None).await.unwrap();
    let retried = ann.keyed_turn(None, Some(key("k")), answered(&["question", "whole"], "answer")).await;
    assert_ne!(retried, id);
    assert_eq!(ann.get(id).await, None);
    assert_eq!(ann.list().await.total, 1);
}

async fn a_run_of_a_dead_process_is_superseded(world: &World) {
    let dead = ann(&world.open_with(SHORT).await);
    let id = dead.turn(None, end_of(&["a"])).await;
    dead.begin(Some(id), Some(key("k"))).await;
    dead.begin(None, Some(key("first"))).await;
    drop(dead);
    let survivor = ann(&world.open_with(SHORT).await);
    for (conversation, name) in [(Some(id), "k"), (None, "first")] {
        let mut retry = None;
        until("the claim expires", async || {
            match survivor.try_begin(conversation, Some(key(name))).await {
                Begun::Running(turn) => retry = Some(turn),
                Begun::Busy | Begun::Key(KeyState::Running) => {}
                other => panic!("{other:?}"),
            }
            retry.is_some()
        })
        .await;
        assert_eq!(survivor.finish(&retry.unwrap(), answered(&["b"], "answer")).await, Stored::Yes);
    }
    assert_eq!(survivor.texts(id).await, ["a", "b"]);
    assert_eq!(survivor.list().await.total, 2);
    assert_answered(&survivor, "answer").await;
}

async fn a_run_that_was_superseded_stores_nothing(world: &World) {
    let [slow, quick] = world.open_twice(SHORT).await.map(|store| ann(&store));
    let late = slow.begin(None, Some(key("k"))).await;
    let mut retry = None;
    until("the claim expires", async || {
        if let Begun::Running(turn) = quick.try_begin(None, Some(key("k"))).await {
            retry = Some(turn);
        }
        retry.is_some()
    })
    .await;
    assert!(!slow.store.renew_turn(&slow.owner, &late).await.unwrap());
    // The first one comes to its end after all, before or after the second.
    assert_eq!(slow.finish(&late, answered(&["late"], "late")).await, Stored::LeaseLost);
    assert_eq!(quick.finish(&retry.unwrap(), answered(&["b"], "answer")).await, Stored::Yes);
    assert_eq!(slow.finish(&late, answered(&["late"], "late")).await, Stored::LeaseLost);
    assert_eq!(quick.list().await.total, 1, "the key left two conversations");
    assert_answered(&quick, "answer").await;
}
