//! Idempotency keys: what stands under one, and who may run.

use std::time::Duration;

use bytes::Bytes;
use gateway_storage::{Begun, KeyClaim, KeyState, KeyedRun, Owner, Store, Stored, User};

use crate::actor::{Actor, ann, answered, end_of, key, keyed_run, new_turn, owner};
use crate::world::World;

const HOUR: Duration = Duration::from_secs(3600);

on_both!(
    a_key_goes_from_free_to_answered,
    another_request_under_the_same_key_is_told,
    a_key_is_per_tenant_user_and_route,
    a_key_of_a_chat_without_history,
    a_turn_that_came_to_nothing_frees_its_key,
    what_was_answered_is_not_given_up,
    of_claims_in_one_process_one_stores,
    answers_are_kept_when_the_database_is_opened_again,
    an_old_key_is_free_again,
);

async fn look_up(actor: &Actor, claim: &KeyClaim) -> KeyState {
    actor.store.look_up_key(&actor.owner, claim).await.unwrap()
}

async fn a_key_goes_from_free_to_answered(world: &World) {
    let [first, second] = world.open_twice(HOUR).await.map(|store| ann(&store));
    assert_eq!(look_up(&second, &key("k")).await, KeyState::Free);
    let turn = first.begin(None, Some(key("k"))).await;
    if !world.is_sqlite() {
        assert_eq!(look_up(&second, &key("k")).await, KeyState::Running);
        assert!(matches!(second.try_begin(None, Some(key("k"))).await, Begun::Key(KeyState::Running)));
    }
    assert!(first.store.renew_turn(&first.owner, &turn).await.unwrap());
    assert_eq!(first.finish(&turn, answered(&["a"], "{\"a\":\"\\u0000\"}")).await, Stored::Yes);
    let expected = KeyState::Answered(Bytes::from_static(b"{\"a\":\"\\u0000\"}"));
    for actor in [&first, &second] {
        assert_eq!(look_up(actor, &key("k")).await, expected);
        for conversation in [None, Some(turn.conversation)] {
            match actor.try_begin(conversation, Some(key("k"))).await {
                Begun::Key(state) => assert_eq!(state, expected),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(first.list().await.total, 1);
}

async fn another_request_under_the_same_key_is_told(world: &World) {
    let ann = ann(&world.open().await);
    let other = KeyClaim { fingerprint: [8; 32], ..key("k") };
    let turn = ann.begin(None, Some(key("k"))).await;
    assert_eq!(look_up(&ann, &other).await, KeyState::OtherRequest);
    assert!(matches!(ann.try_begin(None, Some(other.clone())).await, Begun::Key(KeyState::OtherRequest)));
    ann.finish(&turn, answered(&["a"], "answer")).await;
    assert!(matches!(ann.try_begin(None, Some(other.clone())).await, Begun::Key(KeyState::OtherRequest)));
    let run = KeyedRun { key: other, ..keyed_run("k") };
    assert_eq!(ann.store.begin_keyed(&ann.owner, &run).await.unwrap(), KeyState::OtherRequest);
    assert_eq!(look_up(&ann, &key("k")).await, KeyState::Answered("answer".into()));
}

async fn a_key_is_per_tenant_user_and_route(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    ann.keyed_turn(None, Some(key("k")), answered(&["a"], "ann's")).await;
    let others: [Owner; 3] = [
        owner("other", User::EndUser("ann".into())),
        owner("acme", User::EndUser("bob".into())),
        owner("acme", User::Token("ann".into())),
    ];
    for owner in others {
        let other = Actor { store: store.clone(), owner };
        assert_eq!(look_up(&other, &key("k")).await, KeyState::Free);
        other.keyed_turn(None, Some(key("k")), answered(&["b"], "theirs")).await;
        assert_eq!(look_up(&other, &key("k")).await, KeyState::Answered("theirs".into()));
    }
    let elsewhere = KeyClaim { route: "elsewhere", fingerprint: [9; 32], ..key("k") };
    assert_eq!(look_up(&ann, &elsewhere).await, KeyState::Free);
    ann.keyed_turn(None, Some(elsewhere.clone()), answered(&["c"], "elsewhere")).await;
    assert_eq!(look_up(&ann, &elsewhere).await, KeyState::Answered("elsewhere".into()));
    assert_eq!(look_up(&ann, &key("k")).await, KeyState::Answered("ann's".into()));
    assert_eq!(look_up(&ann, &key("K")).await, KeyState::Free);
}

async fn a_key_of_a_chat_without_history(world: &World) {
    let [first, second] = world.open_twice(HOUR).await.map(|store| ann(&store));
    let (store, owner) = (&first.store, &first.owner);
    let run = keyed_run("k");
    assert_eq!(store.begin_keyed(owner, &run).await.unwrap(), KeyState::Free);
    if !world.is_sqlite() {
        assert_eq!(second.store.begin_keyed(owner, &keyed_run("k")).await.unwrap(), KeyState::Running);
    }
    assert!(store.renew_keyed(owner, &run).await.unwrap());
    store.abandon_keyed(owner, &run).await.unwrap();
    assert!(!store.renew_keyed(owner, &run).await.unwrap());
    assert_eq!(store.finish_keyed(owner, &run, "late".into()).await.unwrap(), Stored::LeaseLost);

    let run = keyed_run("k");
    assert_eq!(second.store.begin_keyed(owner, &run).await.unwrap(), KeyState::Free);
    let answer = Bytes::from(vec![0xff; 1 << 20]);
    assert_eq!(second.store.finish_keyed(owner, &run, answer.clone()).await.unwrap(), Stored::Yes);
    assert_eq!(second.store.finish_keyed(owner, &run, "again".into()).await.unwrap(), Stored::LeaseLost);
    assert_eq!(store.begin_keyed(owner, &keyed_run("k")).await.unwrap(), KeyState::Answered(answer));
    // Nobody else's claim is given up.
    store.abandon_keyed(owner, &keyed_run("k")).await.unwrap();
    assert!(matches!(look_up(&first, &key("k")).await, KeyState::Answered(_)));
    assert_eq!(first.list().await.total, 0);
}

async fn a_turn_that_came_to_nothing_frees_its_key(world: &World) {
    let ann = ann(&world.open().await);
    let turn = ann.begin(None, Some(key("k"))).await;
    ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
    assert_eq!(world.direct().await.rows().await, [0; 6]);

    let id = ann.turn(None, end_of(&["a"])).await;
    let turn = ann.begin(Some(id), Some(key("k"))).await;
    ann.store.delete_conversation(&ann.owner, id, None).await.unwrap();
    assert_eq!(ann.finish(&turn, answered(&["b"], "b")).await, Stored::ConversationGone);
    assert_eq!(look_up(&ann, &key("k")).await, KeyState::Free);
    assert!(matches!(ann.try_begin(Some(id), Some(key("k"))).await, Begun::NotFound));
    assert_eq!(world.direct().await.count("idempotency_keys", "1 = 1").await, 0);
}

async fn what_was_answered_is_not_given_up(world: &World) {
    let ann = ann(&world.open().await);
    // Whoever did not hear of the commit gives the turn up, which must not take its answer along.
    let turn = ann.begin(None, Some(key("turn"))).await;
    assert_eq!(ann.finish(&turn, answered(&["a"], "answer")).await, Stored::Yes);
    ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
    let run = keyed_run("chat");
    assert_eq!(ann.store.begin_keyed(&ann.owner, &run).await.unwrap(), KeyState::Free);
    assert_eq!(ann.store.finish_keyed(&ann.owner, &run, "answer".into()).await.unwrap(), Stored::Yes);
    ann.store.abandon_keyed(&ann.owner, &run).await.unwrap();
    for name in ["turn", "chat"] {
        assert_eq!(look_up(&ann, &key(name)).await, KeyState::Answered("answer".into()), "{name}");
    }
}

async fn of_claims_in_one_process_one_stores(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    for conversation in [None, Some(id)] {
        let claim = key(&format!("{}", conversation.is_some()));
        let tasks = (0..64).map(|_| {
            let (ann, claim) = (ann.clone(), claim.clone());
            tokio::spawn(async move { ann.try_begin(conversation, Some(claim)).await })
        });
        let mut stored = 0;
        for task in tasks.collect::<Vec<_>>() {
            match task.await.unwrap() {
                Begun::Running(turn) => {
                    let ended = ann.finish(&turn, answered(&["b"], "answer")).await;
                    stored += u32::from(ended == Stored::Yes);
                }
                Begun::Busy | Begun::Key(KeyState::Running | KeyState::Answered(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(stored, 1, "{conversation:?}");
        assert_eq!(look_up(&ann, &claim).await, KeyState::Answered("answer".into()));
    }
    assert_eq!(ann.list().await.total, 2);
    assert_eq!(ann.texts(id).await, ["a", "b"]);
    let mut direct = world.direct().await;
    assert_eq!(direct.count("turns", "1 = 1").await, 3);
}

async fn answers_are_kept_when_the_database_is_opened_again(world: &World) {
    let actor = ann(&world.open().await);
    let id = actor.keyed_turn(None, Some(key("turn")), answered(&["a"], "answer")).await;
    let run = keyed_run("chat");
    actor.store.begin_keyed(&actor.owner, &run).await.unwrap();
    actor.store.finish_keyed(&actor.owner, &run, "chat".into()).await.unwrap();
    drop(actor);
    let ann = ann(&world.open().await);
    assert_eq!(look_up(&ann, &key("turn")).await, KeyState::Answered("answer".into()));
    assert_eq!(look_up(&ann, &key("chat")).await, KeyState::Answered("chat".into()));
    assert_eq!(ann.texts(id).await, ["a"]);
}

async fn an_old_key_is_free_again(world: &World) {
    let ann = ann(&world.open().await);
    let hours = |hours: i64| hours * 3_600_000;
    ann.keyed_turn(None, Some(key("k")), answered(&["a"], "old")).await;
    let mut direct = world.direct().await;
    direct.run(&format!("UPDATE idempotency_keys SET created_at = created_at - {}", hours(23))).await;
    assert_eq!(look_up(&ann, &key("k")).await, KeyState::Answered("old".into()));
    direct.run(&format!("UPDATE idempotency_keys SET created_at = created_at - {}", hours(1))).await;
    assert_eq!(look_up(&ann, &key("k")).await, KeyState::Free);
    // Whatever request it was for.
    let other = KeyClaim { fingerprint: [8; 32], ..key("k") };
    ann.keyed_turn(None, Some(other.clone()), answered(&["b"], "new")).await;
    assert_eq!(look_up(&ann, &other).await, KeyState::Answered("new".into()));
    assert_eq!(ann.list().await.total, 2);
}

/// What only a second process can show.
mod with_more_processes {
    use super::*;

    on_postgres!(of_concurrent_claims_exactly_one_runs);

    async fn of_concurrent_claims_exactly_one_runs(world: &World) {
        let mut processes = Vec::new();
        for _ in 0..8 {
            processes.push(ann(&world.open().await));
        }
        // 8 keys, each claimed by 8 processes at once, half of them for a turn and half for a chat.
        let tasks = (0..64).map(|number: usize| {
            let (ann, name) = (processes[number % 8].clone(), format!("k{}", number / 8));
            tokio::spawn(async move {
                let runs = if number < 32 {
                    matches!(claim_turn(&ann.store, &ann.owner, &name).await, KeyState::Free)
                } else {
                    matches!(ann.store.begin_keyed(&ann.owner, &keyed_run(&name)).await.unwrap(), KeyState::Free)
                };
                (number / 8, runs)
            })
        });
        let mut runs = [0; 8];
        for task in tasks.collect::<Vec<_>>() {
            let (key, has_run) = task.await.unwrap();
            runs[key] += u32::from(has_run);
        }
        assert_eq!(runs, [1; 8]);
    }

    async fn claim_turn(store: &std::sync::Arc<dyn Store>, owner: &Owner, name: &str) -> KeyState {
        match store.begin_turn(owner, new_turn(None, Some(key(name)))).await.unwrap() {
            Begun::Running(_) => KeyState::Free,
            Begun::Key(KeyState::Running) => KeyState::Running,
            other => panic!("{other:?}"),
        }
    }
}
