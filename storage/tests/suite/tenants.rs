//! Nobody sees or changes what is another's.

use bytes::Bytes;
use gateway_storage::{
    Begun, ConversationChanges, ConversationId, KeyState, Mutated, Owner, Page, Reader, Stored, Tenant, User,
};

use crate::actor::{ALL, Actor, ann, answered, end_of, key, keyed_run, new_turn, owner};
use crate::world::World;

on_both!(
    a_stranger_finds_nothing_and_changes_nothing,
    a_stranger_has_no_part_in_a_turn_that_runs,
    a_tenant_sees_all_of_its_own_and_nothing_else,
    names_are_compared_as_they_are,
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
