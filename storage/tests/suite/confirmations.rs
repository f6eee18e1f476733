//! Confirmations: each allows one write, once, and just the one that was asked for.

use std::time::Duration;

use gateway_storage::{
    BUCKET_CAP_BYTES, Bucket, ConfirmIn, Confirmation, ConfirmationRequest, ConversationId, MemoryWrite, MemoryWritten,
    Owner, User, Visibility,
};
use uuid::Uuid;

use crate::actor::{Actor, ann, key, owner};
use crate::direct::Direct;
use crate::remembering::{SCOPE, rows_of_memory, stored, write};
use crate::world::{World, until};

const TOKEN: [u8; 32] = [3; 32];
const MINUTE: Duration = Duration::from_secs(60);

on_both!(
    a_confirmation_allows_one_write,
    what_does_not_fit_is_refused_and_spends_nothing,
    a_confirmation_expires,
    what_finds_no_place_spends_nothing,
    of_many_that_use_one_confirmation_one_wins,
    in_a_later_turn_means_another_turn_of_the_same_conversation,
    confirmations_end_with_the_turn_in_which_they_could_be_used,
    expired_confirmations_are_swept_in_steps,
);

/// How a write is asked for.
fn request(actor: &Actor, write: &MemoryWrite, asked_in: ConfirmIn) -> ConfirmationRequest {
    ConfirmationRequest {
        owner: actor.owner.clone(),
        bucket: write.bucket.clone(),
        key: write.key.clone(),
        value: write.value.clone(),
        token: TOKEN,
        asked_in,
        lifetime: MINUTE,
    }
}

async fn ask(actor: &Actor, write: &MemoryWrite, asked_in: ConfirmIn) {
    actor.store.ask_confirmation(request(actor, write, asked_in)).await.unwrap();
}

async fn confirm(actor: &Actor, write: &MemoryWrite, used_in: ConfirmIn) -> MemoryWritten {
    confirm_with(actor, write, Confirmation { token: TOKEN, used_in }).await
}

async fn confirm_with(actor: &Actor, write: &MemoryWrite, confirmation: Confirmation) -> MemoryWritten {
    actor.try_put(MemoryWrite { confirmation: Some(confirmation), ..write.clone() }, None).await
}

fn public(ann: &Actor) -> MemoryWrite {
    write(&ann.bucket(Visibility::Public), "k", "v")
}

async fn a_confirmation_allows_one_write(world: &World) {
    let [first, second] = world.open_twice(MINUTE).await.map(|store| ann(&store));
    let write = public(&first);
    assert_eq!(confirm(&first, &write, ConfirmIn::AnyTurn).await, MemoryWritten::NotConfirmed);
    ask(&first, &write, ConfirmIn::AnyTurn).await;
    // In whichever process.
    assert_eq!(stored(confirm(&second, &write, ConfirmIn::AnyTurn).await).value, "v");
    for ann in [&first, &second] {
        assert_eq!(confirm(ann, &write, ConfirmIn::AnyTurn).await, MemoryWritten::NotConfirmed);
    }
    let mut direct = world.direct().await;
    assert_eq!(rows_of_memory(&mut direct).await, [1, 1, 0, 0]);
    // Without one it is a write like any other: who needs one is not decided here.
    stored(first.try_put(write, None).await);
}

async fn what_does_not_fit_is_refused_and_spends_nothing(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let mut direct = world.direct().await;
    let right = public(&ann);
    ask(&ann, &right, ConfirmIn::AnyTurn).await;
    let other = |change: fn(&mut MemoryWrite)| {
        let mut write = right.clone();
        change(&mut write);
        write
    };
    let writes = [
        other(|write| write.key = "K".into()),
        other(|write| write.key = "k ".into()),
        other(|write| write.value = "V".into()),
        other(|write| write.value = String::new()),
        other(|write| write.bucket.scope = "elsewhere".into()),
        other(|write| write.bucket.user = Some(User::EndUser("ann".into()))),
    ];
    let turn = ConfirmIn::LaterTurn { conversation: None, turn: Uuid::now_v7() };
    for write in &writes {
        assert_eq!(confirm(&ann, write, ConfirmIn::AnyTurn).await, MemoryWritten::NotConfirmed, "{write:?}");
    }
    let owners: [Owner; 4] = [
        owner("other", ann.owner.user.clone()),
        owner("acme", User::EndUser("bob".into())),
        owner("acme", User::Token("ann".into())),
        owner("acme", User::EndUser("Ann".into())),
    ];
    for owner in owners {
        let stranger = Actor { store: store.clone(), owner };
        let own = write(&stranger.bucket(Visibility::Public), "k", "v");
        for write in [&own, &right] {
            assert_eq!(confirm(&stranger, write, ConfirmIn::AnyTurn).await, MemoryWritten::NotConfirmed);
        }
    }
    for token in [[0; 32], [255; 32]] {
        let guessed = Confirmation { token, used_in: ConfirmIn::AnyTurn };
        assert_eq!(confirm_with(&ann, &right, guessed).await, MemoryWritten::NotConfirmed);
    }
    assert_eq!(confirm(&ann, &right, turn).await, MemoryWritten::NotConfirmed);
    let keyed = MemoryWrite {
        confirmation: Some(Confirmation { token: [0; 32], used_in: ConfirmIn::AnyTurn }),
        ..right.clone()
    };
    assert_eq!(ann.try_put(keyed, Some(key("k"))).await, MemoryWritten::NotConfirmed);
    assert_eq!(rows_of_memory(&mut direct).await, [0, 0, 1, 0]);
    stored(confirm(&ann, &right, ConfirmIn::AnyTurn).await);
}

async fn a_confirmation_expires(world: &World) {
    let ann = ann(&world.open().await);
    let write = public(&ann);
    let lifetime = Duration::from_millis(30);
    let asked = ConfirmationRequest { lifetime, ..request(&ann, &write, ConfirmIn::AnyTurn) };
    ann.store.ask_confirmation(asked).await.unwrap();
    let mut direct = world.direct().await;
    let now = clock(&direct);
    let expired = format!("SELECT COUNT(*) FROM memory_confirmations WHERE expires_at < {now}");
    until("its time is over", async || direct.number(&expired).await == 1).await;
    assert_eq!(confirm(&ann, &write, ConfirmIn::AnyTurn).await, MemoryWritten::NotConfirmed);
    assert_eq!(rows_of_memory(&mut direct).await, [0, 0, 1, 0]);
    ann.store.sweep(None).await.unwrap();
    assert_eq!(rows_of_memory(&mut direct).await, [0; 4]);
}

/// The database's clock, in milliseconds.
fn clock(direct: &Direct) -> &'static str {
    match direct {
        Direct::Sqlite(_) => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        Direct::Postgres(_) => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    }
}

async fn what_finds_no_place_spends_nothing(world: &World) {
    let ann = ann(&world.open().await);
    let right = public(&ann);
    let filler = "x".repeat(BUCKET_CAP_BYTES as usize - 1);
    ann.put(&right.bucket, "f", &filler).await;
    ask(&ann, &right, ConfirmIn::AnyTurn).await;
    for claim in [None, Some(key("k"))] {
        let confirmation = Some(Confirmation { token: TOKEN, used_in: ConfirmIn::AnyTurn });
        let written = ann.try_put(MemoryWrite { confirmation, ..right.clone() }, claim).await;
        assert_eq!(written, MemoryWritten::Full { used: BUCKET_CAP_BYTES, would_be: u64::from(BUCKET_CAP_BYTES) + 2 });
    }
    assert_eq!(rows_of_memory(&mut world.direct().await).await, [1, 1, 1, 0]);
    ann.forget(&right.bucket, "f").await;
    stored(confirm(&ann, &right, ConfirmIn::AnyTurn).await);
}

async fn of_many_that_use_one_confirmation_one_wins(world: &World) {
    const RACERS: usize = 64;
    let stores = world.open_for_64().await;
    let ann = ann(&stores[0]);
    for round in 0..8 {
        let write = write(&ann.bucket(Visibility::Public), &round.to_string(), "v");
        ask(&ann, &write, ConfirmIn::AnyTurn).await;
        let racers = (0..RACERS).map(|number| {
            let actor = Actor { store: stores[number % 4].clone(), owner: ann.owner.clone() };
            let write = write.clone();
            tokio::spawn(async move { confirm(&actor, &write, ConfirmIn::AnyTurn).await })
        });
        let mut won = 0;
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.unwrap() {
                MemoryWritten::Stored(_) => won += 1,
                MemoryWritten::NotConfirmed => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(won, 1);
    }
}

async fn in_a_later_turn_means_another_turn_of_the_same_conversation(world: &World) {
    let ann = ann(&world.open().await);
    let write = public(&ann);
    let [asking, later] = [Uuid::now_v7(), Uuid::now_v7()];
    let [one, two] = [ConversationId::new_random(), ConversationId::new_random()];
    let turn = |conversation, turn| ConfirmIn::LaterTurn { conversation, turn };
    for (conversation, others) in [(Some(one), [None, Some(two)]), (None, [Some(one), Some(two)])] {
        ask(&ann, &write, turn(conversation, asking)).await;
        let refused = [
            turn(conversation, asking),
            turn(others[0], later),
            turn(others[1], later),
            turn(others[0], asking),
            ConfirmIn::AnyTurn,
        ];
        for used_in in refused {
            assert_eq!(confirm(&ann, &write, used_in).await, MemoryWritten::NotConfirmed, "{used_in:?}");
        }
        stored(confirm(&ann, &write, turn(conversation, later)).await);
        assert_eq!(confirm(&ann, &write, turn(conversation, later)).await, MemoryWritten::NotConfirmed);
    }
}

async fn confirmations_end_with_the_turn_in_which_they_could_be_used(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let bob = Actor { store: store.clone(), owner: owner("acme", User::EndUser("bob".into())) };
    let [asking, later, last] = [(); 3].map(|()| Uuid::now_v7());
    let [one, two] = [ConversationId::new_random(), ConversationId::new_random()];
    let expire = async |actor: &Actor, conversation, turn| {
        actor.store.expire_confirmations(&actor.owner, conversation, turn).await.unwrap();
    };
    let write = |number: u8| write(&Bucket::of(&ann.owner, SCOPE, Visibility::Public), "k", &number.to_string());
    let asked_in = [
        ConfirmIn::LaterTurn { conversation: Some(one), turn: asking },
        ConfirmIn::LaterTurn { conversation: Some(one), turn: later },
        ConfirmIn::LaterTurn { conversation: Some(two), turn: asking },
        ConfirmIn::LaterTurn { conversation: None, turn: asking },
        ConfirmIn::AnyTurn,
    ];
    for (number, asked_in) in (0..).zip(asked_in) {
        let request = request(&ann, &write(number), asked_in);
        store.ask_confirmation(ConfirmationRequest { token: [number; 32], ..request }).await.unwrap();
    }
    let use_in = async |number: u8, used_in| {
        let confirmation = Confirmation { token: [number; 32], used_in };
        matches!(confirm_with(&ann, &write(number), confirmation).await, MemoryWritten::Stored(_))
    };
    // Nobody else ends them, and no end of the turn that asked does.
    expire(&bob, one, later).await;
    expire(&Actor { store: store.clone(), owner: owner("other", ann.owner.user.clone()) }, one, later).await;
    assert_eq!(world.direct().await.count("memory_confirmations", "1 = 1").await, 5);
    expire(&ann, one, later).await;
    assert!(!use_in(0, ConfirmIn::LaterTurn { conversation: Some(one), turn: last }).await);
    assert!(use_in(1, ConfirmIn::LaterTurn { conversation: Some(one), turn: last }).await);
    assert!(use_in(2, ConfirmIn::LaterTurn { conversation: Some(two), turn: last }).await);
    assert!(use_in(3, ConfirmIn::LaterTurn { conversation: None, turn: last }).await);
    assert!(use_in(4, ConfirmIn::AnyTurn).await);
}

async fn expired_confirmations_are_swept_in_steps(world: &World) {
    let ann = ann(&world.open().await);
    let mut direct = world.direct().await;
    ask(&ann, &public(&ann), ConfirmIn::AnyTurn).await;
    let cast = match direct {
        Direct::Sqlite(_) => "CAST(n AS BLOB)",
        Direct::Postgres(_) => "CAST(CAST(n AS TEXT) AS BYTEA)",
    };
    let statement = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 700) \
         INSERT INTO memory_confirmations (token, tenant, owner, scope, bucket_owner, key, value_digest, expires_at) \
         SELECT {cast}, 'acme', 'u:bulk', 'default', '', 'k', {cast}, 1 FROM numbers"
    );
    direct.run(&statement).await;
    for (left, more) in [(201, true), (1, false), (1, false)] {
        assert_eq!(ann.store.sweep(None).await.unwrap().more, more);
        assert_eq!(direct.count("memory_confirmations", "1 = 1").await, left);
    }
    stored(confirm(&ann, &public(&ann), ConfirmIn::AnyTurn).await);
}
