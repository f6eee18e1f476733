//! What is remembered: stored, replaced, listed and deleted.

use std::sync::Arc;

use bytes::Bytes;
use gateway_storage::{
    Bucket, BucketUsage, Buckets, ConversationId, KeyClaim, KeyState, MemoryWrite, MemoryWritten, Origin,
    OriginDeleted, Reader, Tenant, User, Visibility, private_buckets,
};
use uuid::Uuid;

use crate::actor::{Actor, ann, key, owner};
use crate::remembering::{SCOPE, changes, rows_of_memory, stored, told, write};
use crate::world::World;

on_both!(
    a_value_is_stored_replaced_and_deleted,
    an_entry_tells_who_wrote_it,
    entries_are_listed_by_the_bytes_of_their_keys,
    an_administrator_lists_all_private_buckets_of_a_scope,
    what_a_turn_wrote_is_deleted_together,
    public_entries_of_a_turn_are_not_deleted_by_whoever_may_not,
    mutations_are_replayed_under_their_keys,
    every_write_is_counted_once,
);

async fn a_value_is_stored_replaced_and_deleted(world: &World) {
    let ann = ann(&world.open().await);
    let mut direct = world.direct().await;
    for visibility in [Visibility::Private, Visibility::Public] {
        let bucket = ann.bucket(visibility);
        assert_eq!(bucket.visibility(), visibility);
        assert_eq!(ann.recall(&bucket, "name").await, None);
        assert_eq!(ann.store.memory_usage(&bucket).await.unwrap(), BucketUsage::default());
        let first = ann.put(&bucket, "name", "Ann").await;
        let user = (visibility == Visibility::Private).then(|| ann.owner.user.clone());
        assert_eq!((&first.user, &*first.key, &*first.value), (&user, "name", "Ann"));
        assert_eq!(first.created_at, first.updated_at);
        assert_eq!(ann.recall(&bucket, "name").await.as_ref(), Some(&first));
        assert_eq!(ann.store.memory_usage(&bucket).await.unwrap(), BucketUsage { entries: 1, bytes: 7 });

        direct.run("UPDATE memory_entries SET created_at = created_at - 5, updated_at = updated_at - 5").await;
        let second = ann.put(&bucket, "name", "Änn").await;
        assert_eq!(second.created_at, first.created_at - 5);
        assert!(second.updated_at >= first.updated_at);
        assert_eq!(ann.recall(&bucket, "name").await.as_ref(), Some(&second));
        assert_eq!(ann.store.memory_usage(&bucket).await.unwrap(), BucketUsage { entries: 1, bytes: 8 });
        ann.put(&bucket, "", "").await;
        assert_eq!(ann.keys(&bucket).await, ["", "name"]);

        assert!(!ann.forget(&bucket, "Name").await);
        for is_there in [true, false] {
            assert_eq!(ann.forget(&bucket, "name").await, is_there);
        }
        assert_eq!(ann.keys(&bucket).await, [""]);
        assert!(ann.forget(&bucket, "").await);
        // Nothing is left of whoever had it, at the latest after a sweep.
        assert_eq!(rows_of_memory(&mut direct).await, [0, 1, 0, 0]);
        ann.store.sweep(None).await.unwrap();
        assert_eq!(rows_of_memory(&mut direct).await, [0; 4]);
    }
}

async fn an_entry_tells_who_wrote_it(world: &World) {
    let ann = ann(&world.open().await);
    let bucket = ann.bucket(Visibility::Private);
    let turn = (ConversationId::new_random(), Uuid::now_v7());
    for origin in [Origin::Tool(Some(turn)), Origin::Tool(None), Origin::Human, Origin::Tool(Some(turn))] {
        let record = stored(ann.try_put(MemoryWrite { origin, ..write(&bucket, "k", "v") }, None).await);
        assert_eq!(record.origin, origin);
        assert_eq!(ann.recall(&bucket, "k").await, Some(record));
    }
}

async fn entries_are_listed_by_the_bytes_of_their_keys(world: &World) {
    let ann = ann(&world.open().await);
    let bucket = ann.bucket(Visibility::Private);
    let mut keys =
        ["b", "B", "a", "ä", "a\u{308}", "ab", "a b", "a-b", "_", "10", "9", "\u{1F469}", "\u{FFFD}", "z", "é"];
    for key in keys {
        ann.put(&bucket, key, "v").await;
    }
    keys.sort_unstable();
    assert_eq!(ann.keys(&bucket).await, keys);
    let buckets = Buckets::One(bucket);
    for (limit, offset) in [(4, 0), (4, 4), (4, 13), (0, 0), (5, 99)] {
        let page = ann.store.memories(&buckets, limit, offset).await.unwrap();
        let expected = keys.iter().skip(offset as usize).take(limit as usize);
        assert!(page.items.iter().map(|entry| &*entry.key).eq(expected.copied()));
        assert_eq!(page.total, keys.len() as u64);
    }
}

async fn an_administrator_lists_all_private_buckets_of_a_scope(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let all = private_buckets(&Reader::Tenant(Tenant::new("acme")), SCOPE);
    let users = [User::EndUser("Zoe".into()), User::EndUser("ann".into()), User::EndUser("bob".into())];
    let mut expected = Vec::new();
    for user in users.into_iter().chain([User::Token("app".into())]) {
        let actor = Actor { store: store.clone(), owner: owner("acme", user) };
        for key in ["b", "a", "B"] {
            expected.push(actor.put(&actor.bucket(Visibility::Private), key, "v").await);
        }
        actor.put(&Bucket::of(&actor.owner, "elsewhere", Visibility::Private), "a", "v").await;
    }
    ann.put(&ann.bucket(Visibility::Public), "a", "v").await;
    let stranger = Actor { store: store.clone(), owner: owner("other", User::EndUser("ann".into())) };
    stranger.put(&stranger.bucket(Visibility::Private), "a", "v").await;

    let name = |user: &Option<User>| match user {
        Some(User::EndUser(name)) => format!("u:{name}"),
        Some(User::Token(id)) => format!("t:{id}"),
        None => panic!("the entry is public"),
    };
    expected.sort_by_key(|entry| (entry.key.clone(), name(&entry.user)));
    let listed = ann.list_memory(&all).await;
    assert_eq!((listed.total, &listed.items), (12, &expected));
    let page = store.memories(&all, 5, 3).await.unwrap();
    assert_eq!((page.total, &*page.items), (12, &expected[3..8]));
    ann.put(&ann.bucket(Visibility::Private), "a", "replaced").await;
    assert!(ann.forget(&ann.bucket(Visibility::Private), "b").await);
    let listed = ann.list_memory(&all).await;
    assert_eq!((listed.total, listed.items.len()), (11, 11));
    // A user sees their own.
    let own = private_buckets(&ann.reader(), SCOPE);
    assert_eq!(own, Buckets::One(ann.bucket(Visibility::Private)));
    assert_eq!(ann.list_memory(&own).await.total, 2);
}

/// What a tool writes in this turn.
fn by_tool(bucket: &Bucket, key: &str, turn: (ConversationId, Uuid)) -> MemoryWrite {
    MemoryWrite { origin: Origin::Tool(Some(turn)), ..write(bucket, key, "v") }
}

async fn delete_turn(actor: &Actor, turn: (ConversationId, Uuid), may_delete_public: bool) -> OriginDeleted {
    let (store, owner) = (&actor.store, &actor.owner);
    let deleted = store.delete_memory_of_turn(owner, turn.0, turn.1, may_delete_public, None, Arc::new(told));
    deleted.await.unwrap().unwrap()
}

async fn what_a_turn_wrote_is_deleted_together(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let bob = Actor { store: store.clone(), owner: owner("acme", User::EndUser("bob".into())) };
    let turn = (ConversationId::new_random(), Uuid::now_v7());
    let (private, public) = (ann.bucket(Visibility::Private), ann.bucket(Visibility::Public));
    let elsewhere = Bucket::of(&ann.owner, "elsewhere", Visibility::Private);
    for write in [
        by_tool(&private, "a", turn),
        by_tool(&private, "b", turn),
        by_tool(&private, "replaced", turn),
        by_tool(&public, "a", turn),
        by_tool(&elsewhere, "a", turn),
        write(&private, "replaced", "by hand"),
        write(&private, "human", "v"),
        MemoryWrite { origin: Origin::Tool(None), ..write(&private, "no turn", "v") },
        by_tool(&private, "other turn", (turn.0, Uuid::now_v7())),
        by_tool(&private, "other conversation", (ConversationId::new_random(), turn.1)),
    ] {
        stored(ann.try_put(write, None).await);
    }
    // Whoever else names the turn has no part in it, and in what is public neither.
    stored(bob.try_put(by_tool(&public, "bob's", turn), None).await);
    stored(bob.try_put(by_tool(&bob.bucket(Visibility::Private), "bob's", turn), None).await);
    for stranger in [owner("other", ann.owner.user.clone()), owner("acme", User::Token("ann".into()))] {
        let stranger = Actor { store: store.clone(), owner: stranger };
        assert_eq!(delete_turn(&stranger, turn, true).await, OriginDeleted::Done(0));
    }
    assert_eq!(delete_turn(&ann, (ConversationId::new_random(), Uuid::now_v7()), true).await, OriginDeleted::Done(0));

    assert_eq!(delete_turn(&ann, turn, true).await, OriginDeleted::Done(4));
    assert_eq!(delete_turn(&ann, turn, true).await, OriginDeleted::Done(0));
    assert_eq!(ann.keys(&private).await, ["human", "no turn", "other conversation", "other turn", "replaced"]);
    assert_eq!(ann.keys(&public).await, ["bob's"]);
    assert!(ann.keys(&elsewhere).await.is_empty());
    let all = private_buckets(&Reader::Tenant(Tenant::new("acme")), SCOPE);
    assert_eq!(ann.list_memory(&all).await.total, 6);
    assert_eq!(delete_turn(&bob, turn, true).await, OriginDeleted::Done(2));
}

async fn public_entries_of_a_turn_are_not_deleted_by_whoever_may_not(world: &World) {
    let ann = ann(&world.open().await);
    let turn = (ConversationId::new_random(), Uuid::now_v7());
    let (private, public) = (ann.bucket(Visibility::Private), ann.bucket(Visibility::Public));
    for bucket in [&private, &public] {
        stored(ann.try_put(by_tool(bucket, "a", turn), None).await);
    }
    let delete = async |may_delete_public: bool, claim: Option<KeyClaim>| {
        let (store, owner) = (&ann.store, &ann.owner);
        store.delete_memory_of_turn(owner, turn.0, turn.1, may_delete_public, claim, Arc::new(told)).await.unwrap()
    };
    for claim in [None, Some(key("k"))] {
        assert_eq!(delete(false, claim).await, Ok(OriginDeleted::PublicAmongThem));
    }
    assert_eq!((ann.keys(&private).await.len(), ann.keys(&public).await.len()), (1, 1));
    // What was refused is not recorded.
    assert_eq!(delete(true, Some(key("k"))).await, Ok(OriginDeleted::Done(2)));
    assert_eq!(delete(true, Some(key("k"))).await, Err(KeyState::Answered(Bytes::from_static(b"2"))));
    let with_private_alone = (turn.0, Uuid::now_v7());
    stored(ann.try_put(by_tool(&private, "a", with_private_alone), None).await);
    assert_eq!(delete_turn(&ann, with_private_alone, false).await, OriginDeleted::Done(1));
}

async fn mutations_are_replayed_under_their_keys(world: &World) {
    let ann = ann(&world.open().await);
    let bucket = ann.bucket(Visibility::Private);
    let first = stored(ann.try_put(write(&bucket, "k", "one"), Some(key("put"))).await);
    ann.put(&bucket, "k", "two").await;
    let again = MemoryWritten::Key(KeyState::Answered(told(&first)));
    assert_eq!(ann.try_put(write(&bucket, "k", "one"), Some(key("put"))).await, again);
    assert_eq!(ann.recall(&bucket, "k").await.unwrap().value, "two");
    let other = KeyClaim { fingerprint: [1; 32], ..key("put") };
    assert_eq!(ann.try_put(write(&bucket, "k", "x"), Some(other)).await, MemoryWritten::Key(KeyState::OtherRequest));

    assert_eq!(ann.try_forget(&bucket, "k", Some(key("forget"))).await, Ok(true));
    ann.put(&bucket, "k", "three").await;
    let again = Err(KeyState::Answered(Bytes::from_static(b"true")));
    assert_eq!(ann.try_forget(&bucket, "k", Some(key("forget"))).await, again);
    assert_eq!(ann.recall(&bucket, "k").await.unwrap().value, "three");
    assert_eq!(ann.try_forget(&bucket, "none", Some(key("none"))).await, Ok(false));
    ann.put(&bucket, "none", "v").await;
    let again = Err(KeyState::Answered(Bytes::from_static(b"false")));
    assert_eq!(ann.try_forget(&bucket, "none", Some(key("none"))).await, again);

    // What was refused is not recorded, and leaves nothing.
    let large = "x".repeat(20_000);
    for _ in 0..2 {
        let written = ann.try_put(write(&bucket, "large", &large), Some(key("large"))).await;
        assert!(matches!(written, MemoryWritten::Full { .. }), "{written:?}");
    }
    assert_eq!(world.direct().await.count("idempotency_keys", "1 = 1").await, 3);
    let tasks = (0..32).map(|_| {
        let (ann, write) = (ann.clone(), write(&bucket, "raced", "v"));
        tokio::spawn(async move { ann.try_put(write, Some(key("raced"))).await })
    });
    let mut done = 0;
    for task in tasks.collect::<Vec<_>>() {
        done += u32::from(matches!(task.await.unwrap(), MemoryWritten::Stored(_)));
    }
    assert_eq!(done, 1);
}

async fn every_write_is_counted_once(world: &World) {
    let ann = ann(&world.open().await);
    let mut direct = world.direct().await;
    let (private, public) = (ann.bucket(Visibility::Private), ann.bucket(Visibility::Public));
    let turn = (ConversationId::new_random(), Uuid::now_v7());
    ann.put(&private, "a", "v").await;
    ann.put(&private, "a", "w").await;
    ann.forget(&private, "a").await;
    assert_eq!(changes(&mut direct).await, 3);
    // What changes nothing is not counted.
    ann.forget(&private, "a").await;
    ann.try_put(write(&private, "a", &"x".repeat(20_000)), None).await;
    delete_turn(&ann, turn, true).await;
    assert_eq!(changes(&mut direct).await, 3);
    for bucket in [&private, &public] {
        stored(ann.try_put(by_tool(bucket, "a", turn), None).await);
    }
    // One for each bucket.
    assert_eq!(delete_turn(&ann, turn, true).await, OriginDeleted::Done(2));
    assert_eq!(changes(&mut direct).await, 7);
}
