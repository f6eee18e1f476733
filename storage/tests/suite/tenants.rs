//! Nobody sees or changes what is another's.

use std::sync::Arc;

use bytes::Bytes;
use gateway_storage::{
    Begun, Bucket, Buckets, ConversationChanges, ConversationId, KeyState, MemoryWrite, Mutated, Origin, OriginDeleted,
    Owner, Page, PromptChanged, PromptLevel, PromptPlace, PromptStack, Reader, Stored, Tenant, User, Visibility,
    private_buckets,
};
use uuid::Uuid;

use crate::actor::{ALL, Actor, ann, answered, end_of, key, keyed_run, new_turn, owner};
use crate::remembering::{SCOPE, stored, told, write};
use crate::world::World;

on_both!(
    a_stranger_finds_nothing_and_changes_nothing,
    a_stranger_has_no_part_in_a_turn_that_runs,
    a_tenant_sees_all_of_its_own_and_nothing_else,
    names_are_compared_as_they_are,
    a_stranger_has_no_part_in_what_is_remembered,
);

/// Everybody who is almost Ann of `acme`.
fn strangers() -> Vec<Owner> {
    vec![
        owner("other", User::EndUser("ann".into())),
        owner("acme", User::EndUser("bob".into())),
        owner("acme", User::Token("ann".into())),
        owner("acme", User::EndUser("u:ann".into())),
        owner("acme", User::EndUser("".into())),
        owner("acme", User::Token("".into())),
        owner("", User::EndUser("ann".into())),
        owner("acmeu", User::EndUser("ann".into())),
        owner("ACME", User::EndUser("Ann".into())),
        owner("acme", User::EndUser("%".into())),
    ]
}

/// What everybody may ask about one conversation.
async fn assert_unknown(stranger: &Actor, id: ConversationId) {
    let (store, owner) = (&stranger.store, &stranger.owner);
    let changes = ConversationChanges { title: Some(Some("stolen".into())), metadata: Some(None) };
    for key in [None, Some(key("stolen"))] {
        assert!(matches!(stranger.try_begin(Some(id), key.clone()).await, Begun::NotFound));
        let updated =
            store.update_conversation(owner, id, changes.clone(), key.clone(), |_| Bytes::from_static(b"stolen")).await;
        assert_eq!(updated.unwrap(), Mutated::NotFound);
        assert_eq!(store.delete_conversation(owner, id, key).await.unwrap(), Mutated::NotFound);
    }
    assert!(store.history(owner, id, 0).await.unwrap().is_empty());
    for reader in [stranger.reader(), Reader::Tenant(Tenant::new("other"))] {
        assert_eq!(store.conversation(&reader, id).await.unwrap(), None);
        assert_eq!(store.messages(&reader, id, 0, 9).await.unwrap(), None);
        let after = Page { after: Some(id), ..ALL };
        for page in [ALL, after] {
            let listed = store.conversations(&reader, page).await.unwrap();
            assert_eq!((listed.items.len(), listed.total), (0, 0));
        }
    }
    assert_eq!(store.look_up_key(owner, &key("k")).await.unwrap(), KeyState::Free);
}

async fn a_stranger_finds_nothing_and_changes_nothing(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let id = ann.keyed_turn(None, Some(key("k")), answered(&["secret"], "answer")).await;
    let (conversation, texts) = (ann.get(id).await, ann.texts(id).await);
    let mut direct = world.direct().await;
    let rows = direct.rows().await;
    for owner in strangers() {
        let stranger = Actor { store: store.clone(), owner };
        assert_unknown(&stranger, id).await;
        // To them it is an id like any other.
        assert_unknown(&stranger, ConversationId::new_random()).await;
        assert_eq!(direct.rows().await, rows, "{:?}", stranger.owner);
    }
    assert_eq!((ann.get(id).await, ann.texts(id).await), (conversation, texts));
    assert_eq!(ann.list().await.total, 1);
    assert_eq!(store.look_up_key(&ann.owner, &key("k")).await.unwrap(), KeyState::Answered("answer".into()));
}

async fn a_stranger_has_no_part_in_a_turn_that_runs(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let mut direct = world.direct().await;
    let id = ann.turn(None, end_of(&["a"])).await;
    let turns = [
        ann.begin(None, Some(key("first"))).await,
        ann.begin(Some(id), Some(key("second"))).await,
        ann.begin(None, None).await,
    ];
    let run = keyed_run("third");
    store.begin_keyed(&ann.owner, &run).await.unwrap();
    let rows = direct.rows().await;
    let leases = "SELECT CAST(SUM(lease_expires_at) AS BIGINT) FROM";
    let expiry = direct.number(&format!("{leases} pending_turns")).await;
    let claims = direct.number(&format!("{leases} idempotency_keys")).await;
    for stranger in strangers() {
        for turn in &turns {
            assert!(!store.renew_turn(&stranger, turn).await.unwrap(), "{stranger:?}");
            let stored = store.finish_turn(&stranger, turn, answered(&["stolen"], "stolen")).await.unwrap();
            assert_ne!(stored, Stored::Yes, "{stranger:?}");
            store.abandon_turn(&stranger, turn).await.unwrap();
        }
        assert!(!store.renew_keyed(&stranger, &run).await.unwrap());
        assert_eq!(store.finish_keyed(&stranger, &run, "stolen".into()).await.unwrap(), Stored::LeaseLost);
        store.abandon_keyed(&stranger, &run).await.unwrap();
        assert_eq!(direct.rows().await, rows, "{stranger:?}");
    }
    assert_eq!(direct.number(&format!("{leases} pending_turns")).await, expiry);
    assert_eq!(direct.number(&format!("{leases} idempotency_keys")).await, claims);
    for turn in &turns {
        assert_eq!(ann.finish(turn, end_of(&["b"])).await, Stored::Yes);
    }
    assert_eq!(store.finish_keyed(&ann.owner, &run, "done".into()).await.unwrap(), Stored::Yes);
}

async fn a_tenant_sees_all_of_its_own_and_nothing_else(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let tenant = Reader::Tenant(Tenant::new("acme"));
    let mut ids = vec![ann.turn(None, end_of(&["ann"])).await];
    for owner in strangers() {
        let is_own = owner.tenant.name() == "acme";
        let stranger = Actor { store: store.clone(), owner };
        let id = stranger.turn(None, end_of(&[&format!("{:?}", stranger.owner)])).await;
        assert_eq!(stranger.list().await.total, 1);
        assert_eq!(stranger.list().await.items, [stranger.get(id).await.unwrap()]);
        let seen = store.conversation(&tenant, id).await.unwrap();
        let messages = store.messages(&tenant, id, 0, 9).await.unwrap();
        assert_eq!((seen.is_some(), messages.is_some()), (is_own, is_own));
        if is_own {
            assert_eq!(seen.unwrap().user, stranger.owner.user);
            ids.insert(0, id);
        }
    }
    let listed = store.conversations(&tenant, ALL).await.unwrap();
    assert_eq!(listed.items.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    assert_eq!(listed.total, ids.len() as u64);
    let page = Page { limit: 2, offset: 1, after: Some(ids[1]) };
    let listed = store.conversations(&tenant, page).await.unwrap();
    assert_eq!(listed.items.iter().map(|row| row.id).collect::<Vec<_>>(), ids[3..5]);
    assert_eq!(listed.total, ids.len() as u64);
    ann.store.delete_conversation(&ann.owner, *ids.last().unwrap(), None).await.unwrap();
    assert_eq!(store.conversations(&tenant, ALL).await.unwrap().total, ids.len() as u64 - 1);
    assert_eq!(ann.list().await.total, 0);
}

async fn names_are_compared_as_they_are(world: &World) {
    let store = world.open().await;
    // Composed and decomposed, with what SQL and patterns would take for their own.
    for name in ["é", "e\u{301}", "a'--", "a\"", "_", "a b", " a", "a ", "\u{1F469}"] {
        let actor = Actor { store: store.clone(), owner: owner(name, User::EndUser(name.into())) };
        let id = actor.turn(None, end_of(&[name])).await;
        assert_eq!(actor.list().await.total, 1, "{name}");
        assert_eq!(actor.texts(id).await, [name]);
        let begun = store.begin_turn(&actor.owner, new_turn(None, Some(key(name)))).await.unwrap();
        assert!(matches!(begun, Begun::Running(_)), "{name}");
    }
}

/// Whose the tests' buckets and prompts are: not of a stranger, whatever it is that both have.
async fn a_stranger_has_no_part_in_what_is_remembered(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let (private, public) = (ann.bucket(Visibility::Private), ann.bucket(Visibility::Public));
    let turn = (ConversationId::new_random(), Uuid::now_v7());
    let by_tool = MemoryWrite { origin: Origin::Tool(Some(turn)), ..write(&private, "k", "Ann's") };
    stored(ann.try_put(by_tool, Some(key("k"))).await);
    ann.put(&public, "k", "acme's").await;
    let own = PromptPlace { tenant: Tenant::new("acme"), level: PromptLevel::User(ann.owner.user.clone()) };
    ann.put_prompt(&own, "Ann's").await;
    let before = store.prompt_stack(&ann.owner, Some(SCOPE)).await.unwrap();
    for owner in strangers() {
        let stranger = Actor { store: store.clone(), owner };
        let is_of_tenant = stranger.owner.tenant == ann.owner.tenant;
        let bucket = stranger.bucket(Visibility::Private);
        let place = PromptPlace {
            tenant: stranger.owner.tenant.clone(),
            level: PromptLevel::User(stranger.owner.user.clone()),
        };
        assert_eq!(stranger.recall(&bucket, "k").await, None);
        assert!(stranger.keys(&bucket).await.is_empty());
        assert!(!stranger.forget(&bucket, "k").await);
        assert_eq!(stranger.keys(&stranger.bucket(Visibility::Public)).await.len(), usize::from(is_of_tenant));
        let deleted =
            store.delete_memory_of_turn(&stranger.owner, turn.0, turn.1, true, None, Arc::new(told)).await.unwrap();
        assert_eq!(deleted, Ok(OriginDeleted::Done(0)));
        assert_eq!(store.look_up_key(&stranger.owner, &key("k")).await.unwrap(), KeyState::Free);
        assert!(store.current_prompt(&place).await.unwrap().is_none());
        assert_eq!(stranger.set_current(&place, 1, None).await, PromptChanged::NotFound);
        assert_eq!(stranger.delete_prompt(&place, 1, None).await, PromptChanged::NotFound);
        assert_eq!(stranger.unset(&place, None).await, PromptChanged::Done(false));
        let stack = store.prompt_stack(&stranger.owner, Some(SCOPE)).await.unwrap();
        let expected = PromptStack { user: None, private: Vec::new(), ..before.clone() };
        assert_eq!(stack, if is_of_tenant { expected } else { PromptStack::default() });
        // What they do of their own changes nothing of hers.
        stranger.put(&bucket, "k", "theirs").await;
        stranger.put_prompt(&place, "theirs").await;
        stranger.unset(&place, None).await;
        assert!(stranger.forget(&bucket, "k").await);
    }
    let elsewhere = Bucket::of(&ann.owner, "elsewhere", Visibility::Private);
    for bucket in [elsewhere, Bucket::of(&ann.owner, "", Visibility::Public)] {
        assert!(ann.keys(&bucket).await.is_empty());
        assert!(!ann.forget(&bucket, "k").await);
    }
    for (tenant, total) in [("acme", 1), ("other", 0), ("ACME", 0)] {
        let all = private_buckets(&Reader::Tenant(Tenant::new(tenant)), SCOPE);
        assert!(matches!(all, Buckets::AllPrivate { .. }));
        assert_eq!(ann.list_memory(&all).await.total, total, "{tenant}");
    }
    assert_eq!(store.prompt_stack(&ann.owner, Some(SCOPE)).await.unwrap(), before);
}
