//! System prompts: versions, of which at most one is current, and the stack that chats get.

use std::sync::Arc;

use bytes::Bytes;
use gateway_storage::{
    Bucket, KeyClaim, KeyState, NewPrompt, Owner, PromptChanged, PromptLevel, PromptPlace, PromptRecord, PromptStack,
    Tenant, User, Visibility,
};

use crate::actor::{Actor, ann, key, owner};
use crate::remembering::{SCOPE, changes, new_prompt, told};
use crate::world::World;

on_both!(
    a_version_is_kept_as_it_was_written,
    one_version_at_most_is_current,
    the_current_version_is_not_deleted,
    numbers_are_not_given_again,
    versions_are_listed_newest_first,
    places_are_apart,
    mutations_are_replayed_under_their_keys,
    a_stack_holds_what_the_user_gets_in_the_scope,
    every_write_that_a_chat_may_see_is_counted,
);

fn places() -> Vec<PromptPlace> {
    let scope = |name: &str| PromptLevel::Scope(name.into());
    let levels = [
        PromptLevel::Tenant,
        scope(SCOPE),
        scope(""),
        scope("u:ann"),
        scope("elsewhere"),
        PromptLevel::User(User::EndUser("ann".into())),
        PromptLevel::User(User::Token("ann".into())),
        PromptLevel::User(User::EndUser("".into())),
    ];
    let tenants = [Tenant::new("acme"), Tenant::new("other")];
    let of = |tenant: Tenant| levels.clone().map(|level| PromptPlace { tenant: tenant.clone(), level });
    tenants.into_iter().flat_map(of).collect()
}

fn place() -> PromptPlace {
    PromptPlace { tenant: Tenant::new("acme"), level: PromptLevel::Tenant }
}

async fn current(ann: &Actor, place: &PromptPlace) -> Option<u32> {
    let current = ann.store.current_prompt(place).await.unwrap();
    // The list and the version tell the same.
    let marked: Vec<u32> = ann
        .store
        .prompts(place, 100, 0)
        .await
        .unwrap()
        .items
        .iter()
        .filter(|record| record.is_current)
        .map(|record| record.version)
        .collect();
    let version = current.as_ref().map(|record| record.version);
    assert_eq!(marked, version.into_iter().collect::<Vec<_>>());
    if let Some(version) = version {
        assert_eq!(ann.store.prompt(place, version).await.unwrap(), current);
    }
    version
}

async fn a_version_is_kept_as_it_was_written(world: &World) {
    let ann = ann(&world.open().await);
    let place = place();
    assert_eq!(ann.store.current_prompt(&place).await.unwrap(), None);
    for (content, note, author_user) in
        [("Antworte höflich. \u{1F469}\r\n", Some("größer"), Some("ann")), ("", Some(""), None), ("x", None, None)]
    {
        let new = NewPrompt {
            content: content.to_owned(),
            note: note.map(str::to_owned),
            author_token: "app".to_owned(),
            author_user: author_user.map(str::to_owned),
        };
        let put = ann.store.put_prompt(&ann.owner, &place, new, None, Arc::new(told)).await.unwrap();
        let PromptChanged::Done(record) = put else { panic!("{put:?}") };
        assert_eq!(record.content.as_deref(), Some(content));
        assert_eq!(record.content_bytes as usize, content.len());
        assert_eq!((record.note.as_deref(), record.author_user.as_deref()), (note, author_user));
        assert_eq!((&*record.author_token, record.is_current), ("app", true));
        assert_eq!(ann.store.current_prompt(&place).await.unwrap().as_ref(), Some(&record));
        let listed = ann.store.prompts(&place, 1, 0).await.unwrap();
        assert_eq!(listed.items, [PromptRecord { content: None, ..record }]);
    }
}

async fn one_version_at_most_is_current(world: &World) {
    let ann = ann(&world.open().await);
    let place = place();
    assert_eq!(ann.unset(&place, None).await, PromptChanged::Done(false));
    assert_eq!(ann.set_current(&place, 1, None).await, PromptChanged::NotFound);
    for version in 1..=3 {
        assert_eq!(ann.put_prompt(&place, &format!("{version}")).await.version, version);
        assert_eq!(current(&ann, &place).await, Some(version));
    }
    for version in [1, 1, 3, 2] {
        let changed = ann.set_current(&place, version, None).await;
        let expected = ann.store.prompt(&place, version).await.unwrap().unwrap();
        assert_eq!(expected.content, Some(version.to_string()));
        assert_eq!(changed, PromptChanged::Done(expected));
        assert_eq!(current(&ann, &place).await, Some(version));
    }
    for version in [0, 4, u32::MAX] {
        assert_eq!(ann.set_current(&place, version, None).await, PromptChanged::NotFound);
    }
    assert_eq!(current(&ann, &place).await, Some(2));
    for was_current in [true, false] {
        assert_eq!(ann.unset(&place, None).await, PromptChanged::Done(was_current));
        assert_eq!(current(&ann, &place).await, None);
    }
    assert_eq!(ann.versions(&place).await, [3, 2, 1]);
    ann.set_current(&place, 1, None).await;
    assert_eq!(current(&ann, &place).await, Some(1));
}

async fn the_current_version_is_not_deleted(world: &World) {
    let ann = ann(&world.open().await);
    let place = place();
    assert_eq!(ann.delete_prompt(&place, 1, None).await, PromptChanged::NotFound);
    for content in ["1", "2"] {
        ann.put_prompt(&place, content).await;
    }
    assert_eq!(ann.delete_prompt(&place, 2, None).await, PromptChanged::IsCurrent);
    assert_eq!(ann.delete_prompt(&place, 1, None).await, PromptChanged::Done(()));
    assert_eq!(ann.delete_prompt(&place, 1, None).await, PromptChanged::NotFound);
    assert_eq!(ann.store.prompt(&place, 1).await.unwrap(), None);
    assert_eq!(current(&ann, &place).await, Some(2));
    ann.unset(&place, None).await;
    assert_eq!(ann.delete_prompt(&place, 2, None).await, PromptChanged::Done(()));
    assert!(ann.versions(&place).await.is_empty());
}

async fn numbers_are_not_given_again(world: &World) {
    let place = place();
    for number in 1..=3 {
        let ann = ann(&world.open().await);
        assert_eq!(ann.put_prompt(&place, "x").await.version, number);
        ann.unset(&place, None).await;
        assert_eq!(ann.delete_prompt(&place, number, None).await, PromptChanged::Done(()));
    }
}

async fn versions_are_listed_newest_first(world: &World) {
    let ann = ann(&world.open().await);
    let place = place();
    for _ in 0..12 {
        ann.put_prompt(&place, "x").await;
    }
    ann.delete_prompt(&place, 10, None).await;
    assert_eq!(ann.versions(&place).await, [12, 11, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    let page = ann.store.prompts(&place, 3, 1).await.unwrap();
    assert_eq!(page.items.iter().map(|record| record.version).collect::<Vec<_>>(), [11, 9, 8]);
    assert_eq!(page.total, 11);
    assert!(page.items.iter().all(|record| record.content.is_none()));
}

async fn places_are_apart(world: &World) {
    let ann = ann(&world.open().await);
    for place in places() {
        assert_eq!(ann.put_prompt(&place, &format!("{place:?}")).await.version, 1);
    }
    for place in places() {
        let record = ann.store.current_prompt(&place).await.unwrap().unwrap();
        assert_eq!(record.content, Some(format!("{place:?}")));
    }
    let [first, others @ ..] = &*places() else { panic!("there are places") };
    ann.put_prompt(first, "2").await;
    ann.delete_prompt(first, 1, None).await;
    ann.unset(first, None).await;
    for place in others {
        assert_eq!(current(&ann, place).await, Some(1));
        assert_eq!(ann.versions(place).await, [1]);
    }
}

async fn mutations_are_replayed_under_their_keys(world: &World) {
    let ann = ann(&world.open().await);
    let place = place();
    let put = async |claim: KeyClaim| {
        let (store, owner) = (&ann.store, &ann.owner);
        store.put_prompt(owner, &place, new_prompt("x"), Some(claim), Arc::new(told)).await.unwrap()
    };
    let PromptChanged::Done(first) = put(key("put")).await else { panic!("nothing is stored") };
    ann.put_prompt(&place, "2").await;
    assert_eq!(put(key("put")).await, PromptChanged::Key(KeyState::Answered(told(&first))));
    let other = KeyClaim { fingerprint: [1; 32], ..key("put") };
    assert_eq!(put(other).await, PromptChanged::Key(KeyState::OtherRequest));
    assert_eq!(ann.versions(&place).await, [2, 1]);

    let PromptChanged::Done(set) = ann.set_current(&place, 1, Some(key("set"))).await else { panic!("not set") };
    ann.set_current(&place, 2, None).await;
    let again = ann.set_current(&place, 1, Some(key("set"))).await;
    assert_eq!(again, PromptChanged::Key(KeyState::Answered(told(&set))));
    assert_eq!(current(&ann, &place).await, Some(2));

    assert_eq!(ann.unset(&place, Some(key("unset"))).await, PromptChanged::Done(true));
    ann.set_current(&place, 2, None).await;
    let again = PromptChanged::Key(KeyState::Answered(Bytes::from_static(b"true")));
    assert_eq!(ann.unset(&place, Some(key("unset"))).await, again);
    assert_eq!(current(&ann, &place).await, Some(2));

    // What was refused is not recorded.
    assert_eq!(ann.delete_prompt(&place, 2, Some(key("delete"))).await, PromptChanged::IsCurrent);
    assert_eq!(ann.delete_prompt(&place, 9, Some(key("delete"))).await, PromptChanged::NotFound);
    assert_eq!(ann.set_current(&place, 9, Some(key("set 9"))).await, PromptChanged::NotFound);
    assert_eq!(ann.delete_prompt(&place, 1, Some(key("delete"))).await, PromptChanged::Done(()));
    let again = PromptChanged::Key(KeyState::Answered(Bytes::from_static(b"()")));
    assert_eq!(ann.delete_prompt(&place, 1, Some(key("delete"))).await, again);
    assert_eq!(world.direct().await.count("idempotency_keys", "1 = 1").await, 4);
}

async fn a_stack_holds_what_the_user_gets_in_the_scope(world: &World) {
    let store = world.open().await;
    let ann = ann(&store);
    let stack = async |owner: &Owner, scope| store.prompt_stack(owner, scope).await.unwrap();
    assert_eq!(stack(&ann.owner, Some(SCOPE)).await, PromptStack::default());
    for place in places() {
        ann.put_prompt(&place, "old").await;
        ann.put_prompt(&place, &format!("{place:?}")).await;
    }
    let users = [User::EndUser("ann".into()), User::EndUser("bob".into()), User::Token("ann".into())];
    for (tenant, scope) in [("acme", SCOPE), ("acme", "elsewhere"), ("other", SCOPE)] {
        for user in &users {
            let actor = Actor { store: store.clone(), owner: owner(tenant, user.clone()) };
            for key in ["b", "ä", "B"] {
                let value = format!("{tenant} {scope} {user:?}");
                actor.put(&Bucket::of(&actor.owner, scope, Visibility::Private), key, &value).await;
                actor
                    .put(&Bucket::of(&actor.owner, scope, Visibility::Public), key, &format!("{tenant} {scope}"))
                    .await;
            }
        }
    }
    let content = |level| Some(format!("{:?}", PromptPlace { tenant: Tenant::new("acme"), level }));
    let content_of = |record: Option<PromptRecord>| {
        assert!(record.as_ref().is_none_or(|record| record.is_current && record.version == 2));
        record.and_then(|record| record.content)
    };
    let whole = stack(&ann.owner, Some(SCOPE)).await;
    assert_eq!(content_of(whole.tenant), content(PromptLevel::Tenant));
    assert_eq!(content_of(whole.scope), content(PromptLevel::Scope(SCOPE.into())));
    assert_eq!(content_of(whole.user), content(PromptLevel::User(ann.owner.user.clone())));
    for (records, value) in [(whole.public, "acme project"), (whole.private, "acme project EndUser(\"ann\")")] {
        assert_eq!(records.iter().map(|record| &*record.key).collect::<Vec<_>>(), ["B", "b", "ä"]);
        assert!(records.iter().all(|record| record.value == value), "{records:?}");
    }

    let without_scope = stack(&ann.owner, None).await;
    assert!(without_scope.tenant.is_some() && without_scope.scope.is_none() && without_scope.user.is_some());
    assert!(without_scope.public.is_empty() && without_scope.private.is_empty());
    let unknown_scope = stack(&ann.owner, Some("nowhere")).await;
    assert_eq!(unknown_scope, without_scope);
    assert_eq!(stack(&owner("nobody", ann.owner.user.clone()), Some(SCOPE)).await, PromptStack::default());
    let bob = stack(&owner("acme", User::EndUser("bob".into())), Some(SCOPE)).await;
    assert!(bob.user.is_none() && bob.scope.is_some() && bob.private.len() == 3);

    ann.unset(&place(), None).await;
    assert!(stack(&ann.owner, Some(SCOPE)).await.tenant.is_none());
}

async fn every_write_that_a_chat_may_see_is_counted(world: &World) {
    let ann = ann(&world.open().await);
    let mut direct = world.direct().await;
    for place in places() {
        let before = changes(&mut direct).await;
        ann.put_prompt(&place, "1").await;
        ann.put_prompt(&place, "2").await;
        ann.set_current(&place, 1, None).await;
        ann.unset(&place, None).await;
        assert_eq!(changes(&mut direct).await, before + 4);
        // What no chat gets, and what was refused, is not counted.
        ann.delete_prompt(&place, 2, None).await;
        ann.unset(&place, None).await;
        ann.set_current(&place, 2, None).await;
        assert_eq!(changes(&mut direct).await, before + 4);
    }
}
