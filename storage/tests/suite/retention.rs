//! What is past its time goes, a bounded number of rows at a time.

use std::time::Duration;

use gateway_storage::{Begun, Page, Reader, Swept, Tenant};

use crate::actor::{ALL, Actor, ann, answered, end_of, key, owner};
use crate::direct::Direct;
use crate::world::World;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The most rows of one step.
const STEP: u64 = 500;

on_both!(
    expired_leases_are_swept,
    old_keys_are_swept_in_steps,
    conversations_past_their_age_go_in_steps,
    the_answers_of_one_conversation_go_in_steps,
    a_running_turn_keeps_its_conversation,
    without_an_age_nothing_goes,
);

/// Makes conversations as old as this.
async fn age(direct: &mut Direct, age: Duration, condition: &str) {
    let age = age.as_millis();
    direct.run(&format!("UPDATE conversations SET last_used_at = last_used_at - {age} WHERE {condition}")).await;
}

/// Sweeps until there is no more, and returns how many rows of conversations went.
async fn sweep_all(ann: &Actor) -> u64 {
    let mut rows = 0;
    loop {
        let swept = ann.store.sweep(Some(DAY)).await.unwrap();
        assert!(swept.conversation_rows <= STEP, "{swept:?}");
        rows += swept.conversation_rows;
        if !swept.more {
            return rows;
        }
    }
}

async fn expired_leases_are_swept(world: &World) {
    let ann = ann(&world.open().await);
    let kept = ann.begin(None, None).await;
    let swept = ann.begin(None, None).await;
    let mut direct = world.direct().await;
    let id = direct.literal(swept.conversation);
    direct.run(&format!("UPDATE pending_turns SET lease_expires_at = 1 WHERE conversation_id = {id}")).await;
    assert_eq!(ann.store.sweep(None).await.unwrap(), Swept { turns: 1, ..Swept::default() });
    assert_eq!(ann.store.sweep(None).await.unwrap(), Swept::default());
    assert!(ann.store.renew_turn(&ann.owner, &kept).await.unwrap());
    assert!(!ann.store.renew_turn(&ann.owner, &swept).await.unwrap());
}

async fn old_keys_are_swept_in_steps(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.keyed_turn(None, Some(key("fresh")), answered(&["a"], "a")).await;
    add_keys(&mut world.direct().await, "1200", "NULL", "1").await;
    for (keys, more) in [(500, true), (500, true), (200, false), (0, false)] {
        let expected = Swept { keys, more, ..Swept::default() };
        assert_eq!(ann.store.sweep(None).await.unwrap(), expected);
    }
    assert!(matches!(ann.try_begin(Some(id), Some(key("fresh"))).await, Begun::Key(_)));
    assert_eq!(world.direct().await.count("idempotency_keys", "1 = 1").await, 1);
}

/// Adds answered keys of some other user.
async fn add_keys(direct: &mut Direct, count: &str, conversation: &str, created_at: &str) {
    let turn = direct.literal(gateway_storage::ConversationId::new_random());
    let bytes = if matches!(direct, Direct::Sqlite(_)) { "x'00'" } else { "'\\x00'::bytea" };
    let statement = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
         INSERT INTO idempotency_keys (tenant, owner, route, key, fingerprint, state, turn_id, conversation_id, \
         lease_owner, lease_expires_at, answer, created_at) SELECT 'acme', 'u:bulk', 'chat', CAST(n AS TEXT), {bytes}, \
         1, {turn}, {conversation}, {turn}, 0, {bytes}, {created_at} FROM numbers"
    );
    direct.run(&statement).await;
}

async fn conversations_past_their_age_go_in_steps(world: &World) {
    let ann = ann(&world.open().await);
    let bob = Actor { owner: owner("other", gateway_storage::User::Token("bob".into())), ..ann.clone() };
    let long: Vec<String> = (0..600).map(|number| format!("markMESSAGE7f3a {number}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    let old = ann.turn(None, end_of(&long)).await;
    ann.turn(Some(old), end_of(&["b"])).await;
    for _ in 0..120 {
        bob.turn(None, end_of(&["b"])).await;
    }
    let kept = ann.keyed_turn(None, Some(key("k")), answered(&["kept"], "kept")).await;
    let mut direct = world.direct().await;
    let condition = format!("id <> {}", direct.literal(kept));
    age(&mut direct, DAY, &condition).await;

    let first = ann.store.sweep(Some(DAY)).await.unwrap();
    assert!(first.more && first.conversation_rows == 100, "{first:?}");
    // What is out of sight is so for everybody, and is no longer counted.
    assert_eq!((ann.get(old).await, ann.list().await.total), (None, 1));
    assert!(matches!(ann.try_begin(Some(old), None).await, Begun::NotFound));
    assert!(ann.store.messages(&ann.reader(), old, 0, 9).await.unwrap().is_none());
    assert_eq!(ann.store.conversations(&ann.reader(), Page { after: Some(old), ..ALL }).await.unwrap().items, []);
    // 601 and 120 messages, 2 and 120 turns, and each conversation twice: out of sight, and gone.
    assert_eq!(first.conversation_rows + sweep_all(&ann).await, 721 + 122 + 2 * 121);
    for (actor, total) in [(&ann, 1), (&bob, 0)] {
        let tenant = Reader::Tenant(Tenant::new(actor.owner.tenant.name()));
        for reader in [actor.reader(), tenant] {
            let listed = ann.store.conversations(&reader, ALL).await.unwrap();
            assert_eq!((listed.items.len() as u64, listed.total), (total, total));
        }
    }
    assert_eq!(ann.texts(kept).await, ["kept"]);
    let [conversations, _, pending, turns, messages, keys] = direct.rows().await;
    assert_eq!((conversations, pending, turns, messages, keys), (1, 0, 1, 1, 1));
    if world.is_sqlite() {
        assert!(!world.holds_on_disk("markMESSAGE7f3a"));
    }
}

async fn the_answers_of_one_conversation_go_in_steps(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let mut direct = world.direct().await;
    let literal = direct.literal(id);
    add_keys(&mut direct, "1200", &literal, "9999999999999").await;
    age(&mut direct, DAY, "1 = 1").await;
    // Out of sight, a message, a turn, the answers, and the conversation.
    assert_eq!(sweep_all(&ann).await, 1 + 1 + 1 + 1200 + 1);
    let [conversations, _, pending, turns, messages, keys] = direct.rows().await;
    assert_eq!((conversations, pending, turns, messages, keys), (0, 0, 0, 0, 0));
}

async fn a_running_turn_keeps_its_conversation(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let turn = ann.begin(Some(id), None).await;
    let mut direct = world.direct().await;
    age(&mut direct, DAY, "1 = 1").await;
    assert_eq!(sweep_all(&ann).await, 0);
    ann.finish(&turn, end_of(&["b"])).await;
    assert_eq!(sweep_all(&ann).await, 0);
    assert_eq!(ann.texts(id).await, ["a", "b"]);
    age(&mut direct, DAY, "1 = 1").await;
    assert_eq!(sweep_all(&ann).await, 2 + 2 + 2);
    assert_eq!(ann.get(id).await, None);
}

async fn without_an_age_nothing_goes(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    age(&mut world.direct().await, DAY * 10_000, "1 = 1").await;
    assert_eq!(ann.store.sweep(None).await.unwrap(), Swept::default());
    assert_eq!(ann.texts(id).await, ["a"]);
}
