//! Who may run a turn of a conversation, and until when.

use std::time::Duration;

use gateway_storage::{Begun, ConversationId, Stored};

use crate::actor::{Actor, ann, end_of};
use crate::world::{World, until};

/// A lease that runs out while a test looks on.
const SHORT: Duration = Duration::from_millis(100);
const HOUR: Duration = Duration::from_secs(3600);

on_both!(
    an_expired_lease_is_taken_over_and_its_holder_stores_nothing,
    a_renewed_lease_holds_for_longer,
    an_expired_lease_that_nobody_took_over_still_stores,
    a_lease_holds_its_own_process_up_until_it_is_given_up,
    a_deletion_ends_a_turn,
    the_first_turn_of_a_conversation_is_busy_for_whoever_guesses_its_id,
);

async fn an_expired_lease_is_taken_over_and_its_holder_stores_nothing(world: &World) {
    let [first, second] = world.open_twice(SHORT).await.map(|store| ann(&store));
    let id = first.turn(None, end_of(&["a"])).await;
    let lost = first.begin(Some(id), None).await;
    let mut winner = None;
    until("the lease expires", async || match second.try_begin(Some(id), None).await {
        Begun::Running(turn) => winner.insert(turn).history.len() == 1,
        Begun::Busy => false,
        other => panic!("{other:?}"),
    })
    .await;
    assert!(!first.store.renew_turn(&first.owner, &lost).await.unwrap());
    assert_eq!(first.finish(&lost, end_of(&["lost"])).await, Stored::LeaseLost);
    // The loser gives up nothing but its own.
    first.store.abandon_turn(&first.owner, &lost).await.unwrap();
    assert_eq!(first.texts(id).await, ["a"]);
    assert_eq!(second.finish(&winner.unwrap(), end_of(&["b"])).await, Stored::Yes);
    assert_eq!(first.finish(&lost, end_of(&["lost"])).await, Stored::LeaseLost);
    assert_eq!(first.texts(id).await, ["a", "b"]);
}

async fn a_renewed_lease_holds_for_longer(world: &World) {
    let ann = ann(&world.open_with(HOUR).await);
    let turn = ann.begin(None, None).await;
    let mut direct = world.direct().await;
    direct.run("UPDATE pending_turns SET lease_expires_at = 1").await;
    assert!(ann.store.renew_turn(&ann.owner, &turn).await.unwrap());
    let expires_at = direct.number("SELECT lease_expires_at FROM pending_turns").await;
    assert!(expires_at >= turn.begun_at + i64::try_from(HOUR.as_millis()).unwrap());
    assert_eq!(ann.store.sweep(None).await.unwrap().turns, 0);
    assert_eq!(ann.finish(&turn, end_of(&["a"])).await, Stored::Yes);
    assert!(!ann.store.renew_turn(&ann.owner, &turn).await.unwrap());
    assert_eq!(ann.finish(&turn, end_of(&["a"])).await, Stored::LeaseLost);
    assert_eq!(ann.texts(turn.conversation).await, ["a"]);
}

async fn an_expired_lease_that_nobody_took_over_still_stores(world: &World) {
    let ann = ann(&world.open().await);
    let turn = ann.begin(None, None).await;
    world.direct().await.run("UPDATE pending_turns SET lease_expires_at = 1").await;
    assert_eq!(ann.finish(&turn, end_of(&["a"])).await, Stored::Yes);
    assert_eq!(ann.texts(turn.conversation).await, ["a"]);
}

async fn a_lease_holds_its_own_process_up_until_it_is_given_up(world: &World) {
    let ann = ann(&world.open_with(HOUR).await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let left = ann.begin(Some(id), None).await;
    assert!(matches!(ann.try_begin(Some(id), None).await, Begun::Busy));
    ann.store.abandon_turn(&ann.owner, &left).await.unwrap();
    let next = ann.begin(Some(id), None).await;
    assert_eq!(ann.finish(&left, end_of(&["left"])).await, Stored::LeaseLost);
    assert_eq!(ann.finish(&next, end_of(&["b"])).await, Stored::Yes);
    assert_eq!(ann.texts(id).await, ["a", "b"]);
}

async fn a_deletion_ends_a_turn(world: &World) {
    let [first, second] = world.open_twice(HOUR).await.map(|store| ann(&store));
    let id = first.turn(None, end_of(&["a"])).await;
    let turn = first.begin(Some(id), None).await;
    second.store.delete_conversation(&second.owner, id, None).await.unwrap();
    assert!(!first.store.renew_turn(&first.owner, &turn).await.unwrap());
    assert_eq!(first.finish(&turn, end_of(&["b"])).await, Stored::ConversationGone);
    first.store.abandon_turn(&first.owner, &turn).await.unwrap();
    assert!(matches!(first.try_begin(Some(id), None).await, Begun::NotFound));
    let mut direct = world.direct().await;
    for table in ["conversations", "pending_turns", "turns", "messages"] {
        assert_eq!(direct.count(table, "1 = 1").await, 0, "{table}");
    }
    assert_eq!(first.list().await.total, 0);
}

async fn the_first_turn_of_a_conversation_is_busy_for_whoever_guesses_its_id(world: &World) {
    let [first, second] = world.open_twice(HOUR).await.map(|store| ann(&store));
    let turn = first.begin(None, None).await;
    assert!(matches!(second.try_begin(Some(turn.conversation), None).await, Begun::Busy));
    world.direct().await.run("UPDATE pending_turns SET lease_expires_at = 1").await;
    assert!(matches!(second.try_begin(Some(turn.conversation), None).await, Begun::NotFound));
}

/// What only a second process can show.
mod with_two_processes {
    use super::*;

    on_postgres!(
        a_conversation_is_busy_while_another_process_runs_a_turn,
        turns_of_two_processes_stay_in_order,
        a_turn_whose_process_died_is_over_when_its_lease_is,
    );

    async fn a_conversation_is_busy_while_another_process_runs_a_turn(world: &World) {
        let [first, second] = world.open_twice(HOUR).await.map(|store| ann(&store));
        let id = first.turn(None, end_of(&["a"])).await;
        let turn = first.begin(Some(id), None).await;
        assert!(matches!(second.try_begin(Some(id), None).await, Begun::Busy));
        assert_eq!(first.finish(&turn, end_of(&["b"])).await, Stored::Yes);
        let next = second.begin(Some(id), None).await;
        assert_eq!(next.history.len(), 2);
        assert!(matches!(first.try_begin(Some(id), None).await, Begun::Busy));
        second.store.abandon_turn(&second.owner, &next).await.unwrap();
        first.turn(Some(id), end_of(&["c"])).await;
        assert_eq!(second.texts(id).await, ["a", "b", "c"]);
    }

    async fn turns_of_two_processes_stay_in_order(world: &World) {
        let [first, second] = world.open_twice(HOUR).await.map(|store| ann(&store));
        let id = first.turn(None, end_of(&["1"])).await;
        // A process lets its own turns wait for each other before they come here.
        tokio::join!(write_turns(&first, id, 32), write_turns(&second, id, 32));
        let expected: Vec<String> = (1..=65).map(|number: u32| number.to_string()).collect();
        assert_eq!(first.texts(id).await, expected);
        assert_eq!(second.texts(id).await, expected);
    }

    /// Stores turns whose messages say how many turns are before them.
    async fn write_turns(ann: &Actor, id: ConversationId, count: u32) {
        for _ in 0..count {
            let mut turn = None;
            until("the other ends its turn", async || {
                if let Begun::Running(begun) = ann.try_begin(Some(id), None).await {
                    turn = Some(begun);
                }
                turn.is_some()
            })
            .await;
            let turn = turn.unwrap();
            let text = (turn.history.len() + 1).to_string();
            assert_eq!(ann.finish(&turn, end_of(&[&text])).await, Stored::Yes);
        }
    }

    async fn a_turn_whose_process_died_is_over_when_its_lease_is(world: &World) {
        let [dead, survivor] = world.open_twice(SHORT).await.map(|store| ann(&store));
        let id = dead.turn(None, end_of(&["a"])).await;
        dead.begin(Some(id), None).await;
        drop(dead);
        until("the lease expires", async || survivor.store.sweep(None).await.unwrap().turns == 1).await;
        survivor.turn(Some(id), end_of(&["b"])).await;
        assert_eq!(survivor.texts(id).await, ["a", "b"]);
    }
}
