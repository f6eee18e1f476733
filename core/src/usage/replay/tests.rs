use std::sync::Arc;

use gateway_storage::{BudgetAsk, BudgetUnit, BudgetWindow, DatabaseAddress, LEASE, Tenant, UsageRange, UsageTotals};
use tempfile::TempDir;

use super::super::journal::Journal;
use super::super::record::Share;
use super::*;

/// 2026-11-26T16:20:25Z
const NOW: i64 = 1_795_710_025_000;
const LIMIT: u64 = 1000;

struct World {
    store: Arc<dyn Store>,
    folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = DatabaseAddress::Sqlite(folder.path().join("gateway.db")).open(LEASE).await.unwrap();
        std::fs::create_dir(folder.path().join("usage")).unwrap();
        Self { store, folder }
    }

    fn journals(&self) -> PathBuf {
        self.folder.path().join("usage")
    }

    /// The journal of a process that leased this much.
    async fn begin(&self, leased: u64) -> (Journal, ProcessId) {
        let process = ProcessId::new_random();
        let ask = BudgetAsk { limit: LIMIT, need: leased, parts: None };
        assert_eq!(self.store.take_budget(process, &window(), ask).await.unwrap(), leased);
        (Journal::begin(&self.journals(), process).unwrap(), process)
    }

    async fn replay(&self) -> bool {
        replay(&self.journals(), &*self.store).await
    }

    /// What is left of the budget.
    async fn left(&self) -> u64 {
        let process = ProcessId::new_random();
        let ask = BudgetAsk { limit: LIMIT, need: 1, parts: Some(1) };
        let left = self.store.take_budget(process, &window(), ask).await.unwrap();
        self.store.reclaim_budgets(process).await.unwrap();
        left
    }

    async fn usage(&self) -> UsageTotals {
        let range = UsageRange { from: 0, to: i64::MAX, bucket: 3_600_000, limit: 10 };
        let found = self.store.usage(&Tenant::new("acme"), range).await.unwrap();
        found.first().map(|row| row.totals).unwrap_or_default()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.journals()).unwrap().count()
    }

    /// The last file of the journals.
    fn last_file(&self) -> PathBuf {
        let files = std::fs::read_dir(self.journals()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.extension().is_some_and(|extension| extension == "journal")).max().unwrap()
    }
}

fn window() -> BudgetWindow {
    let (tenant, unit) = (Tenant::new("acme"), BudgetUnit::Tokens);
    BudgetWindow { tenant, budget: "b".into(), unit, starts_at: NOW, ends_at: NOW * 2 }
}

fn record(call: u64, tokens: u64) -> Record {
    Record {
        at: NOW,
        call,
        tenant: "acme".to_owned(),
        model: "demo".to_owned(),
        requests: 1,
        prompt_tokens: tokens,
        is_estimated: call == 0,
        shares: vec![Share::new(&window(), i64::try_from(tokens).unwrap())],
        ..Record::default()
    }
}

#[tokio::test]
async fn what_was_settled_is_booked_and_what_ran_is_booked_at_its_reservation() {
    let world = World::new().await;
    let (journal, _) = world.begin(500).await;
    let settled = journal.reserve(record(0, 100));
    journal.reserve(record(0, 70));
    journal.settle(record(settled, 30));
    assert!(world.replay().await);
    // It lives: nothing is touched.
    assert_eq!((world.usage().await.requests, world.left().await), (0, 500));
    drop(journal);
    for _ in 0..2 {
        assert!(world.replay().await);
        let usage = world.usage().await;
        assert_eq!((usage.requests, usage.prompt_tokens, usage.estimated_requests), (2, 100, 1));
        assert_eq!(world.left().await, LIMIT - 100);
        assert_eq!(world.files(), 0);
    }
}

#[tokio::test]
async fn a_torn_record_is_left_out_and_the_call_booked_at_its_reservation() {
    let world = World::new().await;
    let (journal, _) = world.begin(500).await;
    let call = journal.reserve(record(0, 100));
    journal.reserve(record(0, 1));
    journal.settle(record(call, 30));
    drop(journal);
    let file = world.last_file();
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 3]).unwrap();
    assert!(world.replay().await);
    assert_eq!((world.usage().await.prompt_tokens, world.left().await), (101, LIMIT - 101));
}

#[tokio::test]
async fn a_replay_that_was_cut_short_is_done_again_without_counting_twice() {
    let world = World::new().await;
    let (journal, process) = world.begin(500).await;
    journal.reserve(record(0, 40));
    let call = journal.reserve(record(0, 100));
    journal.settle(record(call, 30));
    drop(journal);
    // As a process does that is killed once it has folded in some, and another once it has written what ran.
    let found = remains(&world.journals()).unwrap();
    let records = found[0].records().unwrap();
    assert_eq!(records.len(), 4);
    world.store.fold_usage(process, batch_of(&records[..3])).await.unwrap();
    assert_eq!(found[0].records().unwrap(), records);
    drop(found);
    assert!(world.replay().await);
    let usage = world.usage().await;
    assert_eq!((usage.requests, usage.prompt_tokens, world.left().await), (2, 70, LIMIT - 70));
}

#[tokio::test]
async fn without_its_journal_a_lease_is_charged_in_full() {
    let world = World::new().await;
    let (journal, _) = world.begin(500).await;
    journal.reserve(record(0, 100));
    drop(journal);
    std::fs::remove_file(world.last_file()).unwrap();
    assert!(world.replay().await);
    assert_eq!((world.files(), world.left().await), (0, LIMIT - 500));
}
