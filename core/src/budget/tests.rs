use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gateway_storage::{BudgetUnit, DatabaseAddress, LEASE, ProcessId, Store};
use tempfile::TempDir;

use super::*;
use crate::clock::Clock;

/// 2026-11-26T16:20:25Z
const NOW: i64 = 1_795_710_025_000;
/// What is left of that minute, in milliseconds.
const REST: i64 = 35_000;
const MANY_TOKENS: u64 = 2_000_000;

struct World {
    store: Arc<dyn Store>,
    time: Arc<AtomicI64>,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = DatabaseAddress::Sqlite(folder.path().join("gateway.db")).open(LEASE).await.unwrap();
        Self { store, time: Arc::new(AtomicI64::new(NOW)), _folder: folder }
    }

    /// A process with one budget a minute.
    fn process(&self, unit: BudgetUnit, limit: u64) -> Arc<Ledger> {
        let limits = vec![(unit, limit)];
        let rule = BudgetRule { name: "b".into(), tenants: None, models: None, period: Period::Minute, limits };
        let rules = BudgetRules::new(vec![rule]);
        Arc::new(Ledger::new(rules, Arc::clone(&self.store), ProcessId::new_random(), Clock::set_by(&self.time)))
    }

    fn pass(&self, milliseconds: i64) {
        self.time.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

async fn reserve(ledger: &Ledger, tokens: u64) -> Result<Vec<Hold>, BudgetError> {
    ledger.reserve("acme", "demo", Demand { tokens, cost: 0 }).await
}

/// Uses all of what it reserves, as often as it can.
async fn use_up(ledger: &Ledger, tokens: u64) -> u64 {
    let mut used = 0;
    while let Ok(holds) = reserve(ledger, tokens).await {
        for hold in holds {
            let amount = hold.amount();
            hold.settle(amount);
            used += amount.unsigned_abs();
        }
    }
    used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_at_once_get_what_ten_may_have() {
    let world = World::new().await;
    let ledger = world.process(BudgetUnit::Requests, 10);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move { reserve(&ledger, 5).await })
        })
        .collect();
    let mut admitted = Vec::new();
    for call in calls {
        match call.await.unwrap() {
            Ok(holds) => admitted.push(holds),
            Err(BudgetError::Spent { wait }) => assert_eq!(wait, REST),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(admitted.len(), 10);
    // What is given back can be had again.
    drop(admitted.pop());
    assert_eq!(reserve(&ledger, 5).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_with_leases_never_go_over_and_leave_nothing_unused() {
    let world = World::new().await;
    let processes = [0; 2].map(|_| world.process(BudgetUnit::Tokens, MANY_TOKENS));
    let calls: Vec<_> = (0..1000)
        .map(|number| {
            let ledger = Arc::clone(&processes[number % 2]);
            tokio::spawn(async move {
                match reserve(&ledger, 1500).await {
                    Ok(holds) => holds.into_iter().map(|hold| (hold.amount(), hold.settle(1000)).0).sum(),
                    Err(BudgetError::Spent { .. }) => 0,
                    Err(error) => panic!("{error:?}"),
                }
            })
        })
        .collect();
    let mut admitted = 0;
    for call in calls {
        admitted += i64::from(call.await.unwrap() > 0);
    }
    for process in &processes {
        process.close().await.unwrap();
    }
    let last = world.process(BudgetUnit::Tokens, MANY_TOKENS);
    let rest = use_up(&last, 1).await;
    assert_eq!(admitted.unsigned_abs() * 1000 + rest, MANY_TOKENS);
    assert_eq!(admitted, 1000);
}

#[tokio::test]
async fn a_lease_is_spent_without_the_database_and_goes_back_when_it_is_idle() {
    let world = World::new().await;
    let [first, second] = [0; 2].map(|_| world.process(BudgetUnit::Tokens, MANY_TOKENS));
    drop(reserve(&first, 10).await.unwrap());
    // An eighth is leased: the other one cannot have all.
    assert!(matches!(reserve(&second, MANY_TOKENS).await, Err(BudgetError::Spent { .. })));
    world.pass(1999);
    first.tidy().await.unwrap();
    assert!(matches!(reserve(&second, MANY_TOKENS).await, Err(BudgetError::Spent { .. })));
    world.pass(1);
    first.tidy().await.unwrap();
    assert_eq!(reserve(&second, MANY_TOKENS).await.unwrap().len(), 1);
}

#[tokio::test]
async fn here_and_there_together_are_enough() {
    let world = World::new().await;
    let [first, second] = [0; 2].map(|_| world.process(BudgetUnit::Tokens, 100));
    let held = reserve(&first, 60).await.unwrap();
    let other = reserve(&second, 20).await.unwrap();
    // 40 of them go back into the lease of the first, 20 are left in the database.
    held.into_iter().for_each(|hold| hold.settle(20));
    assert_eq!(reserve(&first, 60).await.unwrap().len(), 1);
    drop(other);
}

#[tokio::test]
async fn a_new_window_is_a_new_budget() {
    let world = World::new().await;
    let ledger = world.process(BudgetUnit::Requests, 1);
    let held = reserve(&ledger, 0).await.unwrap();
    assert!(reserve(&ledger, 0).await.is_err());
    world.pass(REST);
    assert_eq!(use_up(&ledger, 0).await, 1);
    // What belongs to the window before goes back there.
    drop(held);
    ledger.tidy().await.unwrap();
    assert!(reserve(&ledger, 0).await.is_err());
}

#[tokio::test]
async fn an_answer_larger_than_its_reservation_is_charged() {
    let world = World::new().await;
    let ledger = world.process(BudgetUnit::Tokens, 100);
    reserve(&ledger, 50).await.unwrap().into_iter().for_each(|hold| hold.settle(95));
    assert!(matches!(reserve(&ledger, 6).await, Err(BudgetError::Spent { .. })));
    assert_eq!(use_up(&ledger, 1).await, 5);
    reserve(&ledger, 0).await.unwrap().into_iter().for_each(|hold| hold.settle(1000));
    assert!(matches!(reserve(&ledger, 1).await, Err(BudgetError::Spent { .. })));
}

#[tokio::test]
async fn a_caller_that_leaves_while_it_waits_loses_nothing() {
    let world = World::new().await;
    let ledger = world.process(BudgetUnit::Requests, 5);
    for _ in 0..20 {
        let mut waiting = Box::pin(reserve(&ledger, 0));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(waiting);
    }
    let mut held = Vec::new();
    // Each answer comes by itself; until then it is not there for the next one.
    while held.len() < 5 {
        held.extend(reserve(&ledger, 0).await.unwrap_or_default());
        tokio::task::yield_now().await;
    }
    assert!(reserve(&ledger, 0).await.is_err());
}

#[tokio::test]
async fn of_several_budgets_all_are_reserved_or_none() {
    let world = World::new().await;
    let limits = vec![(BudgetUnit::Requests, 5), (BudgetUnit::Tokens, 10)];
    let rule =
        |name: &str, limits| BudgetRule { name: name.into(), tenants: None, models: None, period: Period::Day, limits };
    let rules = BudgetRules::new(vec![rule("a", limits), rule("b", vec![(BudgetUnit::Cost, 3)])]);
    let ledger = Ledger::new(rules, Arc::clone(&world.store), ProcessId::new_random(), Clock::set_by(&world.time));
    let ask = |tokens, cost| ledger.reserve("acme", "demo", Demand { tokens, cost });
    assert!(ask(11, 0).await.is_err());
    assert!(ask(10, 4).await.is_err());
    assert_eq!(ask(10, 3).await.unwrap().len(), 3);
    // Each tenant has its own.
    let other = ledger.reserve("other", "demo", Demand { tokens: 10, cost: 3 }).await;
    assert_eq!(other.unwrap().len(), 3);
}
