//! What is particular to transactions on PostgreSQL.

use std::time::Duration;

use gateway_storage::{FinishedTurn, Mutated, Owner, Reader, Stored, Tenant, User};
use tokio::task::yield_now;

use crate::actor::{ALL, Actor, ann, end_of, new_turn, owner};
use crate::direct::Direct;
use crate::world::{World, until};

on_postgres!(
    what_is_aborted_around_begin_leaves_no_open_transaction,
    a_deadlock_is_tried_again,
    a_conflict_that_stays_is_told_and_is_no_outage,
    pages_are_found_by_index,
);

/// How many sessions of the store are in some transaction.
const IN_TRANSACTION: &str = "SELECT COUNT(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'chat-gateway' AND state <> 'idle'";
const IDLE_IN_TRANSACTION: &str = "SELECT COUNT(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'";

async fn what_is_aborted_around_begin_leaves_no_open_transaction(world: &World) {
    const WAVES: u32 = 200;
    const WAVE: u32 = 50;
    let ann = ann(&world.open().await);
    let mut acknowledged = Vec::new();
    for wave in 0..WAVES {
        for number in 0..WAVE {
            // Something different is given up each time, after it was polled some times.
            let (actor, polls) = (ann.clone(), number % 6);
            let id = acknowledged.last().copied();
            let work = tokio::spawn(async move {
                let Actor { store, owner } = &actor;
                match number % 4 {
                    0 => drop(store.begin_turn(owner, new_turn(None, None)).await),
                    1 => drop(store.begin_turn(owner, new_turn(id, None)).await),
                    2 => drop(store.conversations(&actor.reader(), ALL).await),
                    _ => drop(store.sweep(None).await),
                }
            });
            for _ in 0..polls {
                yield_now().await;
            }
            work.abort();
        }
        // This one waits behind them for its connection, and is not lost whatever state they left that in.
        if wave % 10 == 9 {
            acknowledged.push(ann.turn(None, end_of(&[&wave.to_string()])).await);
        } else {
            ann.store.check().await.unwrap();
        }
    }
    let mut direct = world.direct().await;
    until("all transactions end", async || direct.number(IN_TRANSACTION).await == 0).await;
    assert_eq!(direct.number(IDLE_IN_TRANSACTION).await, 0);
    let later = crate::actor::ann(&world.open().await);
    assert_eq!(later.list().await.total, acknowledged.len() as u64);
    for (index, id) in acknowledged.iter().enumerate() {
        assert_eq!(later.texts(*id).await, [(index * 10 + 9).to_string()]);
    }
}

/// Locks the rows of a conversation from outside, as another transaction would.
async fn lock_conversation(direct: &mut Direct, condition: &str) {
    direct.run("BEGIN").await;
    direct.run(&format!("UPDATE conversations SET title = title WHERE {condition}")).await;
}

const WAITS: &str = "SELECT COUNT(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'chat-gateway' AND wait_event_type = 'Lock'";

async fn a_deadlock_is_tried_again(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let turn = ann.begin(Some(id), None).await;
    let (mut other, mut looker) = (world.direct().await, world.direct().await);
    // The other transaction never gives up first.
    other.run("SET deadlock_timeout = '1min'").await;
    lock_conversation(&mut other, "1 = 1").await;
    let finisher = ann.clone();
    let finishing = tokio::spawn(async move { finisher.finish(&turn, end_of(&["b"])).await });
    until("the turn waits for the conversation", async || looker.number(WAITS).await == 1).await;
    // It holds the lease that is asked for now, until the server ends it.
    other.run("UPDATE pending_turns SET lease_expires_at = lease_expires_at + 1").await;
    other.run("COMMIT").await;
    assert_eq!(finishing.await.unwrap(), Stored::Yes);
    assert_eq!(ann.texts(id).await, ["a", "b"]);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    until("the server counts the deadlock", async || looker.number(deadlocks).await >= 1).await;
}

async fn a_conflict_that_stays_is_told_and_is_no_outage(world: &World) {
    let ann = ann(&world.open().await);
    let id = ann.turn(None, end_of(&["a"])).await;
    let mut direct = world.direct().await;
    let conflict = "CREATE FUNCTION conflict() RETURNS trigger AS $$ BEGIN \
        RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END $$ LANGUAGE plpgsql";
    direct.run(conflict).await;
    direct.run("CREATE SEQUENCE tries").await;
    direct.run("CREATE TRIGGER conflict BEFORE UPDATE ON conversations FOR EACH ROW WHEN (nextval('tries') > 0) EXECUTE FUNCTION conflict()").await;
    let turn = ann.begin(Some(id), None).await;
    ann.store.finish_turn(&ann.owner, &turn, end_of(&["b"])).await.unwrap_err();
    assert_eq!(direct.number("SELECT last_value FROM tries").await, 3);
    assert!(*ann.store.availability().borrow());
    direct.run("DROP TRIGGER conflict ON conversations").await;
    // Nothing of the tries is left.
    assert_eq!(ann.finish(&turn, end_of(&["b"])).await, Stored::Yes);
    assert_eq!(ann.texts(id).await, ["a", "b"]);

    // One that passes is not even seen.
    direct.run("CREATE TRIGGER conflict BEFORE UPDATE ON conversations FOR EACH ROW WHEN (nextval('tries') < 6) EXECUTE FUNCTION conflict()").await;
    ann.turn(Some(id), end_of(&["c"])).await;
    assert_eq!(ann.texts(id).await, ["a", "b", "c"]);
    assert_eq!(ann.store.delete_conversation(&ann.owner, id, None).await.unwrap(), Mutated::Done(()));
}

/// How often an index was used, and the whole table read.
async fn scans(direct: &mut Direct, index: &str) -> i64 {
    direct
        .number(&format!("SELECT COALESCE(idx_scan, 0) FROM pg_stat_user_indexes WHERE indexrelname = '{index}'"))
        .await
}

async fn pages_are_found_by_index(world: &World) {
    let ann = ann(&world.open_with(Duration::from_secs(60)).await);
    let id = ann.turn(None, end_of(&["a", "b"])).await;
    ann.turn(Some(id), FinishedTurn { continues: true, ..end_of(&["c"]) }).await;
    let mut direct = world.direct().await;
    for statement in [
        "INSERT INTO conversations (id, tenant, owner, model, message_count, byte_count, prompt_start, prompt_model, \
         created_at, last_used_at) SELECT gen_random_uuid(), 'acme' || n % 700, 'u:' || n % 700, 'm', 9, 9, 0, 'm', 1, 1 \
         FROM generate_series(1, 20000) AS n",
        "INSERT INTO turns (id, conversation_id, tenant, owner, first_sequence, message_count, byte_count, token_count, \
         complete, continues, model, created_at) SELECT gen_random_uuid(), id, tenant, owner, n * 3, 3, 9, 9, 1, 0, 'm', \
         1 FROM conversations, generate_series(0, 2) AS n WHERE number > 1",
        "INSERT INTO messages SELECT id, n, '\\x00' FROM turns, generate_series(0, 2) AS n WHERE created_at = 1",
        "ANALYZE",
    ] {
        direct.run(statement).await;
    }
    let bulk: Owner = owner("acme7", User::EndUser("7".into()));
    let tenant = Reader::Tenant(Tenant::new("acme7"));
    for (reader, index) in [(Reader::Owner(bulk), "conversations_of_owner"), (tenant, "conversations_of_tenant")] {
        let before = scans(&mut direct, index).await;
        let page = gateway_storage::Page { limit: 20, offset: 5, after: None };
        assert_eq!(ann.store.conversations(&reader, page).await.unwrap().items.len(), 20);
        until(index, async || scans(&mut direct, index).await > before).await;
    }
    let before = scans(&mut direct, "turns_of_conversation").await;
    let whole_reads = "SELECT SUM(seq_scan) FROM pg_stat_user_tables WHERE relname IN ('turns', 'messages')";
    let whole_reads = format!("SELECT CAST(({whole_reads}) AS BIGINT)");
    let whole_before = direct.number(&whole_reads).await;
    assert_eq!(ann.store.messages(&ann.reader(), id, 1, 2).await.unwrap().unwrap().1.len(), 2);
    until("the messages are found", async || scans(&mut direct, "turns_of_conversation").await > before).await;
    assert_eq!(direct.number(&whole_reads).await, whole_before);
}
