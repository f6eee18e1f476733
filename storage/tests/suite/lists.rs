//! Lists and their pages.

use std::time::Duration;

use gateway_storage::{ConversationId, Page, Reader, Tenant};

use crate::actor::{ALL, Actor, ann, end_of};
use crate::world::World;

on_both!(
    a_list_is_newest_first_by_creation,
    a_list_is_paged,
    totals_are_right_under_concurrent_creation_and_deletion,
    messages_are_paged_from_any_offset,
    every_page_is_of_one_state,
);

async fn ids(actor: &Actor, page: Page) -> Vec<ConversationId> {
    let listed = actor.store.conversations(&actor.reader(), page).await.unwrap();
    listed.items.iter().map(|conversation| conversation.id).collect()
}

async fn conversations(actor: &Actor, count: usize) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.insert(0, actor.turn(None, end_of(&["a", "b"])).await);
    }
    ids
}

async fn a_list_is_newest_first_by_creation(world: &World) {
    let ann = ann(&world.open().await);
    let expected = conversations(&ann, 5).await;
    assert_eq!(ids(&ann, ALL).await, expected);
    // Neither use nor a clock that jumped changes the order.
    ann.turn(Some(expected[3]), end_of(&["c"])).await;
    world.direct().await.run("UPDATE conversations SET created_at = 9999999999999 - created_at").await;
    assert_eq!(ids(&ann, ALL).await, expected);
}

async fn a_list_is_paged(world: &World) {
    let ann = ann(&world.open().await);
    let all = conversations(&ann, 7).await;
    for after in 0..=all.len() {
        let rest = &all[after..];
        let after = after.checked_sub(1).map(|index| all[index]);
        for (limit, offset) in [(0, 0), (1, 0), (3, 0), (3, 3), (2, 6), (9, 0), (9, 7), (u32::MAX, u32::MAX)] {
            let page = Page { limit, offset, after };
            let expected: Vec<_> = rest.iter().copied().skip(offset as usize).take(limit as usize).collect();
            let listed = ann.store.conversations(&ann.reader(), page).await.unwrap();
            assert_eq!(listed.items.iter().map(|row| row.id).collect::<Vec<_>>(), expected, "{page:?}");
            assert_eq!(listed.total, 7);
        }
    }
    let unknown = Page { after: Some(ConversationId::new_random()), ..ALL };
    assert!(ids(&ann, unknown).await.is_empty());
    // A page goes on behind a place, also when newer ones came meanwhile.
    conversations(&ann, 2).await;
    assert_eq!(ids(&ann, Page { after: Some(all[1]), ..ALL }).await, all[2..]);
}

async fn totals_are_right_under_concurrent_creation_and_deletion(world: &World) {
    let processes = world.open_twice(Duration::from_secs(60)).await.map(|store| ann(&store));
    let tasks: Vec<_> = (0..64)
        .map(|number: usize| {
            let ann = processes[number % 2].clone();
            tokio::spawn(async move {
                let kept = ann.turn(None, end_of(&["kept"])).await;
                let deleted = ann.turn(None, end_of(&["deleted"])).await;
                ann.store.delete_conversation(&ann.owner, deleted, None).await.unwrap();
                // Only one deletion of the same conversation counts.
                ann.store.delete_conversation(&ann.owner, deleted, None).await.unwrap();
                if number.is_multiple_of(4) {
                    ann.store.delete_conversation(&ann.owner, kept, None).await.unwrap();
                }
                let listed = ann.list().await;
                assert_eq!(listed.items.len() as u64, listed.total);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for reader in [processes[0].reader(), Reader::Tenant(Tenant::new("acme"))] {
        let listed = processes[1].store.conversations(&reader, ALL).await.unwrap();
        assert_eq!((listed.items.len(), listed.total), (48, 48));
    }
}

async fn messages_are_paged_from_any_offset(world: &World) {
    let ann = ann(&world.open().await);
    let lengths = [1, 5, 2, 7, 3];
    let (mut id, mut all) = (None, Vec::<String>::new());
    for length in lengths {
        let texts: Vec<String> = (all.len()..all.len() + length).map(|number| number.to_string()).collect();
        id = Some(ann.turn(id, end_of(&texts.iter().map(String::as_str).collect::<Vec<_>>())).await);
        all.extend(texts);
    }
    let id = id.unwrap();
    for offset in 0..20 {
        for limit in [0, 1, 2, 4, 18, u32::MAX] {
            let (conversation, page) = ann.store.messages(&ann.reader(), id, offset, limit).await.unwrap().unwrap();
            let expected: Vec<_> = all.iter().skip(offset as usize).take(limit as usize).collect();
            assert_eq!(page.iter().map(|message| &message.body).collect::<Vec<_>>(), expected, "{offset} {limit}");
            assert!(page.iter().zip(offset..).all(|(message, place)| message.sequence == place));
            assert_eq!(conversation.message_count, 18);
        }
    }
    let (_, page) = ann.store.messages(&ann.reader(), id, u32::MAX, u32::MAX).await.unwrap().unwrap();
    assert!(page.is_empty());
}

async fn every_page_is_of_one_state(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["0", "1"])).await;
    let writer = ann.clone();
    let writing = tokio::spawn(async move {
        for _ in 0..50 {
            writer.turn(Some(id), end_of(&["2", "3"])).await;
        }
    });
    let mut seen = 0;
    while seen < 102 {
        let (conversation, messages) = ann.store.messages(&ann.reader(), id, 0, 1000).await.unwrap().unwrap();
        assert_eq!(messages.len(), conversation.message_count as usize);
        assert!(conversation.message_count >= seen && conversation.message_count.is_multiple_of(2));
        seen = conversation.message_count;
    }
    writing.await.unwrap();
}
