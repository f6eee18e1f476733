//! Journals are folded in once, and each tenant reads its own usage.

use std::sync::Arc;

use gateway_storage::{LEASE, ProcessId, Store, Tenant, UsageBatch, UsageHour, UsageRange, UsageTotals};

use crate::world::World;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

on_both!(
    records_are_counted_once,
    a_journal_that_is_ahead_goes_on,
    tenants_read_their_own_in_buckets,
    two_processes_fold_into_the_same_rows
);

fn totals(requests: u64) -> UsageTotals {
    UsageTotals {
        requests,
        estimated_requests: 1,
        priced_requests: requests,
        prompt_tokens: 10 * requests,
        cached_prompt_tokens: requests,
        completion_tokens: 5 * requests,
        cost_nano_usd: 7 * requests,
    }
}

fn hour(tenant: &str, hour: i64, model: &str, requests: u64) -> UsageHour {
    UsageHour { tenant: Tenant::new(tenant), hour: hour * HOUR, model: model.into(), totals: totals(requests) }
}

fn batch(after: u64, through: u64, hours: Vec<UsageHour>) -> UsageBatch {
    UsageBatch { after, through, hours, settled: Vec::new() }
}

async fn requests(store: &Arc<dyn Store>, tenant: &str, from: i64, to: i64, bucket: i64) -> Vec<(i64, String, u64)> {
    let range = UsageRange { from: from * HOUR, to: to * HOUR, bucket, limit: 100 };
    let found = store.usage(&Tenant::new(tenant), range).await.unwrap();
    found.into_iter().map(|row| (row.starts_at / HOUR, row.model, row.totals.requests)).collect()
}

async fn records_are_counted_once(world: &World) {
    let store = world.open().await;
    let process = ProcessId::new_random();
    let first = batch(0, 3, vec![hour("acme", 5, "demo", 3)]);
    for _ in 0..3 {
        assert_eq!(store.fold_usage(process, first.clone()).await.unwrap(), 3);
    }
    // Cut otherwise, as after an unknown end of a commit: nothing of it is counted, and it is told where to go on.
    let overlapping = batch(0, 5, vec![hour("acme", 5, "demo", 5)]);
    assert_eq!(store.fold_usage(process, overlapping).await.unwrap(), 3);
    let next = batch(3, 5, vec![hour("acme", 5, "demo", 2)]);
    assert_eq!(store.fold_usage(process, next).await.unwrap(), 5);
    let range = UsageRange { from: 0, to: DAY, bucket: HOUR, limit: 10 };
    let found = store.usage(&Tenant::new("acme"), range).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].totals, UsageTotals { estimated_requests: 2, ..totals(5) });
}

async fn a_journal_that_is_ahead_goes_on(world: &World) {
    let store = world.open().await;
    let folded = store.fold_usage(ProcessId::new_random(), batch(40, 41, vec![hour("acme", 5, "demo", 1)])).await;
    assert_eq!(folded.unwrap(), 41);
    assert_eq!(requests(&store, "acme", 0, 24, HOUR).await, [(5, "demo".to_owned(), 1)]);
}

async fn tenants_read_their_own_in_buckets(world: &World) {
    let store = world.open().await;
    let rows = vec![
        hour("acme", 1, "a", 1),
        hour("acme", 1, "b", 2),
        hour("acme", 23, "a", 4),
        hour("acme", 24, "a", 8),
        hour("other", 1, "a", 100),
    ];
    store.fold_usage(ProcessId::new_random(), batch(0, 9, rows)).await.unwrap();
    let named = |rows: &[(i64, &str, u64)]| -> Vec<_> {
        rows.iter().map(|(starts_at, model, requests)| (*starts_at, (*model).to_owned(), *requests)).collect()
    };
    assert_eq!(requests(&store, "acme", 0, 48, DAY).await, named(&[(0, "a", 5), (0, "b", 2), (24, "a", 8)]));
    assert_eq!(requests(&store, "acme", 1, 24, HOUR).await, named(&[(1, "a", 1), (1, "b", 2), (23, "a", 4)]));
    assert_eq!(requests(&store, "other", 0, 48, DAY).await, named(&[(0, "a", 100)]));
    assert_eq!(requests(&store, "nobody", 0, 48, DAY).await, []);
    let range = UsageRange { from: 0, to: 2 * DAY, bucket: HOUR, limit: 2 };
    assert_eq!(store.usage(&Tenant::new("acme"), range).await.unwrap().len(), 2);
}

async fn two_processes_fold_into_the_same_rows(world: &World) {
    let stores = world.open_twice(LEASE).await;
    let folding = stores.clone().map(|store| {
        tokio::spawn(async move {
            let process = ProcessId::new_random();
            for number in 0..20 {
                let rows = vec![hour("acme", 1, "a", 1), hour("acme", 1, "b", 1)];
                store.fold_usage(process, batch(number, number + 1, rows)).await.unwrap();
            }
        })
    });
    for folded in folding {
        folded.await.unwrap();
    }
    assert_eq!(requests(&stores[0], "acme", 0, 2, HOUR).await, [(1, "a".to_owned(), 40), (1, "b".to_owned(), 40)]);
}
