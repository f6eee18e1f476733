//! Versions of a place that many change at once: at most one is current and it is there, no number is given twice, and
//! all is counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_storage::{LEASE, PromptChanged, PromptLevel, PromptPlace, Tenant};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::actor::{Actor, ann};
use crate::rounds::rounds;
use crate::world::World;

const TASKS: usize = 8;
/// How many changes a batch is; after it all must be right.
const BATCH: usize = 100;

on_both!(at_most_one_version_is_current_whoever_changes, one_of_those_who_delete_and_make_current_wins);

fn place(name: &str) -> PromptPlace {
    PromptPlace { tenant: Tenant::new("acme"), level: PromptLevel::Scope(name.into()) }
}

/// What happened in all.
#[derive(Default)]
struct Tally {
    put: AtomicU64,
    deleted: AtomicU64,
    refused: AtomicU64,
}

async fn at_most_one_version_is_current_whoever_changes(world: &World) {
    let stores = world.open_twice(LEASE).await;
    let (ann, place, tally) = (ann(&stores[0]), place("raced"), Arc::new(Tally::default()));
    let mut numbers = BTreeSet::new();
    for _ in 0..rounds(1000, 10_000) / BATCH {
        let mut changing = JoinSet::new();
        for task in 0..TASKS {
            let actor = Actor { store: stores[task % 2].clone(), owner: ann.owner.clone() };
            let (place, tally) = (place.clone(), tally.clone());
            changing.spawn(async move {
                let mut given = Vec::new();
                for _ in 0..BATCH / TASKS {
                    given.extend(change(&actor, &place, &tally).await);
                }
                given
            });
        }
        for given in changing.join_all().await {
            for number in given {
                assert!(numbers.insert(number), "{number} was given twice");
            }
        }
        assert_right(&ann, &place, &numbers, &tally).await;
    }
    // Not all was for nothing.
    for count in [&tally.put, &tally.deleted, &tally.refused] {
        assert!(count.load(Ordering::Relaxed) > 0);
    }
}

/// Changes something by chance, among the latest versions. Returns the number that it was given for a new one.
async fn change(actor: &Actor, place: &PromptPlace, tally: &Tally) -> Option<u32> {
    let [kind, back, ..] = Uuid::new_v4().into_bytes();
    if kind % 4 == 0 {
        let version = actor.put_prompt(place, &kind.to_string()).await.version;
        tally.put.fetch_add(1, Ordering::Relaxed);
        return Some(version);
    }
    let latest = u32::try_from(tally.put.load(Ordering::Relaxed)).unwrap();
    let version = latest.saturating_sub(u32::from(back % 6)) + 1;
    match kind % 4 {
        1 => match actor.set_current(place, version, None).await {
            PromptChanged::Done(record) => assert!(record.is_current && record.version == version),
            PromptChanged::NotFound => {}
            other => panic!("{other:?}"),
        },
        2 if back % 4 == 0 => drop(actor.unset(place, None).await),
        _ => match actor.delete_prompt(place, version, None).await {
            PromptChanged::Done(()) => drop(tally.deleted.fetch_add(1, Ordering::Relaxed)),
            PromptChanged::IsCurrent => drop(tally.refused.fetch_add(1, Ordering::Relaxed)),
            PromptChanged::NotFound => {}
            other => panic!("{other:?}"),
        },
    }
    None
}

async fn assert_right(ann: &Actor, place: &PromptPlace, numbers: &BTreeSet<u32>, tally: &Tally) {
    // Checks that all is counted.
    let versions = ann.versions(place).await;
    let (put, deleted) = (tally.put.load(Ordering::Relaxed), tally.deleted.load(Ordering::Relaxed));
    assert_eq!(versions.len() as u64, put - deleted);
    assert!(versions.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(versions.iter().all(|version| numbers.contains(version)));
    assert!(numbers.iter().copied().eq(1..=u32::try_from(put).unwrap()));
    let marked = ann.store.prompts(place, 10_000, 0).await.unwrap().items;
    let marked: Vec<u32> = marked.iter().filter(|record| record.is_current).map(|record| record.version).collect();
    let current = ann.store.current_prompt(place).await.unwrap().map(|record| record.version);
    assert_eq!(marked, current.into_iter().collect::<Vec<_>>());
    let stack = ann.store.prompt_stack(&ann.owner, Some("raced")).await.unwrap();
    assert_eq!(stack.scope.map(|record| record.version), current);
}

/// A version is made current and deleted at once: it is one or the other.
async fn one_of_those_who_delete_and_make_current_wins(world: &World) {
    let stores = world.open_twice(LEASE).await;
    let ann = ann(&stores[0]);
    for round in 0..rounds(40, 1000) {
        let place = place(&round.to_string());
        for _ in 0..2 {
            ann.put_prompt(&place, "x").await;
        }
        let other = Actor { store: stores[1].clone(), owner: ann.owner.clone() };
        let (set, deleted) = tokio::join!(ann.set_current(&place, 1, None), other.delete_prompt(&place, 1, None));
        let current = ann.store.current_prompt(&place).await.unwrap().map(|record| record.version);
        match (set, deleted) {
            (PromptChanged::Done(_), PromptChanged::IsCurrent) => assert_eq!(current, Some(1)),
            (PromptChanged::NotFound, PromptChanged::Done(())) => assert_eq!(current, Some(2)),
            other => panic!("{other:?}"),
        }
    }
}
