//! Many writers at the cap of a bucket: it holds, and what is counted is what is there.

use std::sync::Arc;

use gateway_storage::{
    BUCKET_CAP_BYTES, Bucket, Buckets, ConversationId, MemoryWrite, MemoryWritten, Origin, Visibility,
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::actor::{Actor, ann};
use crate::deletion::assert_no_deadlock;
use crate::remembering::{told, write};
use crate::rounds::rounds;
use crate::world::World;

const WRITERS: usize = 64;
const CAP: usize = BUCKET_CAP_BYTES as usize;
/// One byte each as a program counts letters, and up to 25 as they are stored.
const LETTERS: [&str; 6] =
    ["a", "ü", "€", "\u{1F469}", "e\u{301}\u{323}", "\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}"];

on_both!(
    the_cap_is_in_bytes_and_a_replacement_counts_its_net_change,
    the_cap_holds_whoever_writes,
    what_is_counted_is_what_is_there,
);

async fn the_cap_is_in_bytes_and_a_replacement_counts_its_net_change(world: &World) {
    let ann = ann(&world.open().await);
    let bucket = ann.bucket(Visibility::Private);
    let full = |used: usize, would_be: usize| MemoryWritten::Full {
        used: u32::try_from(used).unwrap(),
        would_be: would_be as u64,
    };
    for letter in LETTERS {
        // One letter more than goes in, in a bucket of its own.
        let whole = letter.repeat((CAP - 1) / letter.len() + 1);
        let refused = ann.try_put(write(&bucket, "k", &whole), None).await;
        assert_eq!(refused, full(0, 1 + whole.len()), "{letter}");
        let fitting = &whole[letter.len()..];
        ann.put(&bucket, "k", fitting).await;
        let used = 1 + fitting.len();
        // The rest is filled to the last byte, and not one further.
        let rest = "x".repeat(CAP - used);
        if !rest.is_empty() {
            let refused = ann.try_put(write(&bucket, "r", &rest), None).await;
            assert_eq!(refused, full(used, CAP + 1), "{letter}");
            ann.put(&bucket, "r", &rest[1..]).await;
        }
        let used = ann.store.memory_usage(&bucket).await.unwrap().bytes as usize;
        assert_eq!(ann.try_put(write(&bucket, "k", &whole), None).await, full(used, used + letter.len()));
        assert_eq!(ann.recall(&bucket, "k").await.unwrap().value, fitting);
        ann.put(&bucket, "k", &fitting.replace(letter, &"y".repeat(letter.len()))).await;
        ann.put(&bucket, "k", "").await;
        ann.put(&bucket, "k", fitting).await;
        ann.keys(&bucket).await;
        for key in ["k", "r"] {
            ann.forget(&bucket, key).await;
        }
    }
}

async fn the_cap_holds_whoever_writes(world: &World) {
    let stores = world.open_for_64().await;
    let ann = ann(&stores[0]);
    for round in 0..rounds(8, 1000) {
        let letter = LETTERS[round % LETTERS.len()];
        let visibility = [Visibility::Private, Visibility::Public][round % 2];
        let bucket = Bucket::of(&ann.owner, &round.to_string(), visibility);
        // So that just one of them goes in.
        let filled = CAP - 2 - letter.len() - round % letter.len();
        ann.put(&bucket, "f", &"f".repeat(filled - 1)).await;
        let mut writing = JoinSet::new();
        for number in 0..WRITERS {
            let actor = Actor { store: stores[number % 4].clone(), owner: ann.owner.clone() };
            let write = write(&bucket, &format!("{number:02}"), letter);
            writing.spawn(async move { actor.try_put(write, None).await });
        }
        let mut written = 0;
        for outcome in writing.join_all().await {
            match outcome {
                MemoryWritten::Stored(_) => written += 1,
                MemoryWritten::Full { used, would_be } => {
                    assert!(used as usize <= CAP && would_be as usize > CAP, "{used} {would_be}");
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(written, 1, "{letter}");
        assert_eq!(ann.keys(&bucket).await.len(), 2);
        assert!(ann.store.memory_usage(&bucket).await.unwrap().bytes <= BUCKET_CAP_BYTES);
    }
}

/// Writers, replacers and deleters, of one bucket and of several, all at once.
async fn what_is_counted_is_what_is_there(world: &World) {
    let stores = world.open_for_64().await;
    let ann = ann(&stores[0]);
    let buckets: Vec<Bucket> = (0..4)
        .map(|number: usize| {
            Bucket::of(&ann.owner, ["a", "b"][number / 2], [Visibility::Private, Visibility::Public][number % 2])
        })
        .collect();
    let turns: Vec<_> = (0..3).map(|_| (ConversationId::new_random(), Uuid::now_v7())).collect();
    let mut working = JoinSet::new();
    for number in 0..WRITERS {
        let actor = Actor { store: stores[number % 4].clone(), owner: ann.owner.clone() };
        let (buckets, turns) = (buckets.clone(), turns.clone());
        working.spawn(async move {
            for step in 0..rounds(8, 100) {
                let chance = usize::from(Uuid::new_v4().as_bytes()[0]);
                let (bucket, turn) = (&buckets[chance % 4], turns[chance % 3]);
                let key = LETTERS[(number + step) % LETTERS.len()].repeat(1 + chance % 4);
                match chance / 4 % 8 {
                    0 => drop(actor.forget(bucket, &key).await),
                    1 => {
                        let (store, owner) = (&actor.store, &actor.owner);
                        let deleted = store.delete_memory_of_turn(owner, turn.0, turn.1, true, None, Arc::new(told));
                        deleted.await.unwrap().unwrap();
                    }
                    _ => {
                        let value = LETTERS[chance % LETTERS.len()].repeat(chance * 3);
                        let origin = if chance % 2 == 0 { Origin::Tool(Some(turn)) } else { Origin::Human };
                        let write = MemoryWrite { origin, ..write(bucket, &key, &value) };
                        let written = actor.try_put(write, None).await;
                        assert!(
                            matches!(written, MemoryWritten::Stored(_) | MemoryWritten::Full { .. }),
                            "{written:?}"
                        );
                    }
                }
            }
        });
    }
    working.join_all().await;
    for bucket in &buckets {
        // Checks that all is counted.
        ann.keys(bucket).await;
        assert!(ann.store.memory_usage(bucket).await.unwrap().bytes <= BUCKET_CAP_BYTES);
    }
    for scope in ["a", "b"] {
        let all = Buckets::AllPrivate { tenant: ann.owner.tenant.clone(), scope: scope.into() };
        let listed = ann.list_memory(&all).await;
        assert_eq!(listed.total, listed.items.len() as u64);
    }
    drop(stores);
    if !world.is_sqlite() {
        assert_no_deadlock(ann, &mut world.direct().await).await;
    }
}
