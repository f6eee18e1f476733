//! What of a budget is taken never exceeds it, whoever takes, and what a process held comes back when it is gone.

use std::sync::Arc;

use gateway_storage::{BudgetAsk, BudgetUnit, BudgetWindow, LEASE, ProcessId, Store, Tenant, UsageBatch};

use crate::world::World;

on_both!(
    the_limit_holds_whoever_takes,
    a_part_of_what_remains_is_leased,
    what_is_not_used_comes_back,
    what_was_settled_stays_when_a_process_is_gone,
    what_was_used_beyond_a_lease_is_taken,
    windows_units_and_tenants_are_apart,
    processes_are_counted
);

fn window(tenant: &str) -> BudgetWindow {
    let starts_at = 1_000_000_000_000;
    BudgetWindow {
        tenant: Tenant::new(tenant),
        budget: "daily".into(),
        unit: BudgetUnit::Tokens,
        starts_at,
        // Far ahead, so that no sweep takes it away.
        ends_at: starts_at * 10,
    }
}

fn need(limit: u64, need: u64) -> BudgetAsk {
    BudgetAsk { limit, need, parts: None }
}

async fn take(store: &Arc<dyn Store>, process: ProcessId, ask: BudgetAsk) -> u64 {
    store.take_budget(process, &window("acme"), ask).await.unwrap()
}

/// How much of so much is left.
async fn left(store: &Arc<dyn Store>, limit: u64) -> u64 {
    let process = ProcessId::new_random();
    let taken = take(store, process, BudgetAsk { limit, need: 1, parts: Some(1) }).await;
    store.reclaim_budgets(process).await.unwrap();
    taken
}

async fn the_limit_holds_whoever_takes(world: &World) {
    let stores = world.open_twice(LEASE).await;
    let taking: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&stores[number % 2]);
            tokio::spawn(async move { take(&store, ProcessId::new_random(), need(10, 1)).await })
        })
        .collect();
    let mut taken = 0;
    for take in taking {
        taken += take.await.unwrap();
    }
    assert_eq!(taken, 10);
}

async fn a_part_of_what_remains_is_leased(world: &World) {
    let store = world.open().await;
    let process = ProcessId::new_random();
    let ask = |need, parts| BudgetAsk { limit: 1000, need, parts: Some(parts) };
    assert_eq!(take(&store, process, ask(1, 8)).await, 125);
    assert_eq!(take(&store, process, ask(200, 8)).await, 200);
    assert_eq!(take(&store, process, ask(1, 10_000)).await, 1);
    assert_eq!(take(&store, process, ask(675, 8)).await, 0);
    assert_eq!(take(&store, process, ask(674, 8)).await, 674);
    assert_eq!(take(&store, process, ask(1, 8)).await, 0);
}

async fn what_is_not_used_comes_back(world: &World) {
    let store = world.open().await;
    let process = ProcessId::new_random();
    assert_eq!(take(&store, process, need(100, 80)).await, 80);
    store.return_budgets(process, vec![(window("acme"), 30)]).await.unwrap();
    assert_eq!(left(&store, 100).await, 50);
    store.reclaim_budgets(process).await.unwrap();
    assert_eq!(left(&store, 100).await, 100);
}

async fn what_was_settled_stays_when_a_process_is_gone(world: &World) {
    let store = world.open().await;
    let [known, lost] = [ProcessId::new_random(), ProcessId::new_random()];
    assert_eq!(take(&store, known, need(100, 40)).await, 40);
    assert_eq!(take(&store, lost, need(100, 20)).await, 20);
    let settled = UsageBatch { after: 0, through: 1, hours: vec![], settled: vec![(window("acme"), 15)] };
    for _ in 0..2 {
        assert_eq!(store.fold_usage(known, settled.clone()).await.unwrap(), 1);
    }
    store.reclaim_budgets(known).await.unwrap();
    store.reclaim_budgets(known).await.unwrap();
    // 15 were settled; of the one without a journal all is charged.
    assert_eq!(left(&store, 100).await, 100 - 15 - 20);
}

async fn what_was_used_beyond_a_lease_is_taken(world: &World) {
    let store = world.open().await;
    let process = ProcessId::new_random();
    assert_eq!(take(&store, process, need(100, 90)).await, 90);
    let settled = UsageBatch { after: 0, through: 1, hours: vec![], settled: vec![(window("acme"), 120)] };
    store.fold_usage(process, settled).await.unwrap();
    store.return_budgets(process, vec![(window("acme"), -30)]).await.unwrap();
    assert_eq!(left(&store, 1000).await, 1000 - 120);
    store.reclaim_budgets(process).await.unwrap();
    assert_eq!(left(&store, 1000).await, 1000 - 120);

    // Gone before it could say so.
    let other = ProcessId::new_random();
    assert_eq!(take(&store, other, need(1000, 10)).await, 10);
    let settled = UsageBatch { after: 0, through: 1, hours: vec![], settled: vec![(window("acme"), 25)] };
    store.fold_usage(other, settled).await.unwrap();
    store.reclaim_budgets(other).await.unwrap();
    assert_eq!(left(&store, 1000).await, 1000 - 120 - 25);
}

async fn windows_units_and_tenants_are_apart(world: &World) {
    let store = world.open().await;
    let process = ProcessId::new_random();
    let base = window("acme");
    let others = [
        base.clone(),
        window("other"),
        BudgetWindow { unit: BudgetUnit::Cost, ..base.clone() },
        BudgetWindow { starts_at: base.starts_at + 1, ..base.clone() },
        BudgetWindow { budget: "monthly".into(), ..base },
    ];
    for window in &others {
        assert_eq!(store.take_budget(process, window, need(5, 5)).await.unwrap(), 5);
        assert_eq!(store.take_budget(process, window, need(5, 1)).await.unwrap(), 0);
    }
}

async fn processes_are_counted(world: &World) {
    let store = world.open().await;
    let [first, second] = [ProcessId::new_random(), ProcessId::new_random()];
    assert_eq!(store.note_process(first).await.unwrap(), 1);
    assert_eq!(store.note_process(first).await.unwrap(), 1);
    assert_eq!(store.note_process(second).await.unwrap(), 2);
    store.reclaim_budgets(first).await.unwrap();
    assert_eq!(store.note_process(second).await.unwrap(), 1);
}
