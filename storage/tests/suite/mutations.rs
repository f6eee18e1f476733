//! Changes of a conversation, and mutations that are sent again under their key.

use bytes::Bytes;
use gateway_storage::{
    ConversationChanges, ConversationId, ConversationRecord, KeyClaim, KeyState, Mutated, StoreError,
};

use crate::actor::{Actor, ann, end_of, key};
use crate::world::World;

on_both!(
    a_change_touches_what_it_names,
    a_change_is_replayed_under_its_key,
    a_deletion_is_replayed_under_its_key,
    concurrent_changes_under_one_key_are_done_once,
    a_value_that_the_database_refuses_says_nothing_about_the_database,
);

fn answer(conversation: &ConversationRecord) -> Bytes {
    format!("{:?} {:?}", conversation.title, conversation.metadata).into()
}

fn titled(title: &str) -> ConversationChanges {
    ConversationChanges { title: Some(Some(title.to_owned())), metadata: None }
}

async fn change(
    ann: &Actor,
    id: ConversationId,
    changes: ConversationChanges,
    key: Option<KeyClaim>,
) -> Mutated<ConversationRecord> {
    ann.store.update_conversation(&ann.owner, id, changes, key, answer).await.unwrap()
}

async fn a_change_touches_what_it_names(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let mut expected = ann.get(id).await.unwrap();
    let untouched = ann.turn(None, end_of(&["a"])).await;
    let untouched = ann.get(untouched).await.unwrap();
    let metadata = Bytes::from_static(b"{ \"a\" : \"\\u0000\xf0\x9f\x98\x80\" }");
    let title = "T\u{e9}l\u{e9} '; --";
    let steps = [
        (ConversationChanges::default(), None, None),
        (titled(title), Some(title), None),
        (ConversationChanges { title: None, metadata: Some(Some(metadata.clone())) }, Some(title), Some(&metadata)),
        (ConversationChanges { title: Some(None), metadata: None }, None, Some(&metadata)),
        (ConversationChanges { title: None, metadata: Some(None) }, None, None),
    ];
    for (changes, title, metadata) in steps {
        expected.title = title.map(str::to_owned);
        expected.metadata = metadata.cloned();
        assert_eq!(change(&ann, id, changes, None).await, Mutated::Done(expected.clone()));
        assert_eq!(ann.get(id).await, Some(expected.clone()));
    }
    assert_eq!(ann.get(untouched.id).await, Some(untouched));
}

async fn a_change_is_replayed_under_its_key(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let Mutated::Done(done) = change(&ann, id, titled("one"), Some(key("k"))).await else { panic!("not done") };
    change(&ann, id, titled("two"), Some(key("other"))).await;
    let replayed = change(&ann, id, titled("one"), Some(key("k"))).await;
    assert_eq!(replayed, Mutated::Key(KeyState::Answered(answer(&done))));
    assert_eq!(ann.get(id).await.unwrap().title.as_deref(), Some("two"));
    let other = KeyClaim { fingerprint: [1; 32], ..key("k") };
    assert_eq!(change(&ann, id, titled("x"), Some(other)).await, Mutated::Key(KeyState::OtherRequest));
    // What was not found is not recorded.
    let nowhere = ConversationId::new_random();
    for _ in 0..2 {
        assert_eq!(change(&ann, nowhere, titled("x"), Some(key("n"))).await, Mutated::NotFound);
    }
    assert_eq!(world.direct().await.count("idempotency_keys", "1 = 1").await, 2);
}

async fn a_deletion_is_replayed_under_its_key(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    change(&ann, id, titled("one"), Some(key("change"))).await;
    let delete = async |key| ann.store.delete_conversation(&ann.owner, id, key).await.unwrap();
    assert_eq!(delete(Some(key("k"))).await, Mutated::Done(()));
    for _ in 0..2 {
        assert_eq!(delete(Some(key("k"))).await, Mutated::Key(KeyState::Answered(Bytes::new())));
    }
    assert_eq!(delete(None).await, Mutated::NotFound);
    assert_eq!(delete(Some(key("other"))).await, Mutated::NotFound);
    // The answer to the change went with the conversation.
    assert_eq!(ann.store.look_up_key(&ann.owner, &key("change")).await.unwrap(), KeyState::Free);
    assert_eq!(world.direct().await.count("idempotency_keys", "1 = 1").await, 1);
    assert_eq!(ann.list().await.total, 0);
}

async fn concurrent_changes_under_one_key_are_done_once(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    for deletes in [false, true] {
        let claim = key(if deletes { "delete" } else { "change" });
        let tasks = (0..32).map(|_| {
            let (ann, claim) = (ann.clone(), Some(claim.clone()));
            tokio::spawn(async move {
                if deletes {
                    let deleted = ann.store.delete_conversation(&ann.owner, id, claim).await.unwrap();
                    deleted == Mutated::Done(())
                } else {
                    matches!(change(&ann, id, titled("x"), claim).await, Mutated::Done(_))
                }
            })
        });
        let mut done = 0;
        for task in tasks.collect::<Vec<_>>() {
            done += u32::from(task.await.unwrap());
        }
        assert_eq!(done, 1);
    }
    assert_eq!(ann.list().await.total, 0);
}

async fn a_value_that_the_database_refuses_says_nothing_about_the_database(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    // PostgreSQL has no U+0000 in texts, SQLite has.
    let changed = ann.store.update_conversation(&ann.owner, id, titled("a\0b"), None, answer).await;
    match changed {
        Ok(Mutated::Done(conversation)) => assert_eq!(conversation.title.as_deref(), Some("a\0b")),
        Err(StoreError::Database(_)) => assert!(!world.is_sqlite()),
        other => panic!("{other:?}"),
    }
    assert!(*ann.store.availability().borrow());
    ann.turn(Some(id), end_of(&["b"])).await;
}
