//! Folds the journal into the database, beside the calls.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gateway_storage::{BudgetWindow, StoreError, Tenant, UsageBatch, UsageHour};
use tokio::time::{MissedTickBehavior, interval};

use super::Accounts;
use super::record::Record;
use super::replay::replay;
use crate::causes::causes;

/// How often the disk is told of the journal, and the journal folded in.
const INTERVAL: Duration = Duration::from_secs(1);
const HOUR: i64 = 3_600_000;

/// Keeps the journal on disk and the database up to it; never ends.
pub(crate) async fn keep(accounts: Arc<Accounts>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_replayed = false;
    loop {
        ticks.tick().await;
        sync(&accounts).await;
        // A database that does not work is tried by its own store, and nothing more is to wait for it.
        if !*accounts.store().availability().borrow() {
            continue;
        }
        if !is_replayed {
            is_replayed = replay(accounts.folder(), accounts.store()).await;
        }
        if let Err(error) = fold(&accounts).await {
            tracing::debug!(cause = causes(&error), "the usage journal could not be folded in yet");
        }
    }
}

/// Tells the disk of what was written.
async fn sync(accounts: &Arc<Accounts>) {
    let accounts = Arc::clone(accounts);
    match tokio::task::spawn_blocking(move || accounts.journal().sync()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(cause = %error, "the usage journal cannot be brought to disk"),
        Err(error) => tracing::error!(cause = %error, "bringing the usage journal to disk panicked"),
    }
}

/// Folds in all that is written.
pub(crate) async fn fold(accounts: &Accounts) -> Result<(), StoreError> {
    let _the_only_one = accounts.folding.lock().await;
    let journal = accounts.journal();
    loop {
        let piece = match journal.next_piece() {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::error!(cause = %error, "the usage journal cannot be read, or a file of it not be removed");
                return Ok(());
            }
        };
        let mut rest = piece.records.as_slice();
        while !rest.is_empty() {
            // After a commit whose end was not heard of, some of it may be in already.
            let folded = accounts.store().fold_usage(journal.process(), batch_of(rest)).await?;
            rest = &rest[rest.partition_point(|record| record.number <= folded)..];
        }
        journal.folded(&piece);
    }
}

/// Puts records that follow each other together.
pub(super) fn batch_of(records: &[Record]) -> UsageBatch {
    let mut hours: HashMap<(&str, i64, &str), UsageHour> = HashMap::new();
    let mut settled: HashMap<BudgetWindow, i64> = HashMap::new();
    for record in records.iter().filter(|record| !record.is_reservation) {
        let tenant = Tenant::new(&record.tenant);
        for (window, amount) in record.shares.iter().filter_map(|share| share.of_tenant(&tenant)) {
            *settled.entry(window).or_default() += amount;
        }
        if record.requests > 0 {
            let hour = record.at - record.at.rem_euclid(HOUR);
            let key = (record.tenant.as_str(), hour, record.model.as_str());
            let empty = || UsageHour { tenant, hour, model: record.model.as_str().into(), totals: Default::default() };
            hours.entry(key).or_insert_with(empty).totals.add(&record.totals());
        }
    }
    let mut batch = UsageBatch {
        after: records.first().map_or(0, |record| record.number - 1),
        through: records.last().map_or(0, |record| record.number),
        hours: hours.into_values().collect(),
        settled: settled.into_iter().collect(),
    };
    // In one order, so that processes that fold at the same time wait for each other only one way.
    batch
        .hours
        .sort_by(|one, other| (&one.tenant, one.hour, &one.model).cmp(&(&other.tenant, other.hour, &other.model)));
    batch.settled.sort();
    batch
}

#[cfg(test)]
mod tests {
    use gateway_storage::{DatabaseAddress, LEASE, UsageRange};

    use super::*;
    use crate::budget::BudgetRules;
    use crate::clock::Clock;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn folding_twice_at_once_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = DatabaseAddress::Sqlite(folder.path().join("gateway.db")).open(LEASE).await.unwrap();
        let accounts = Accounts::begin(folder.path(), &store, BudgetRules::default(), Clock::default()).unwrap();
        let accounts = Arc::new(accounts);
        for _ in 0..20 {
            for _ in 0..50 {
                let record =
                    Record { tenant: "acme".to_owned(), model: "m".to_owned(), requests: 1, ..Record::default() };
                accounts.journal().settle(record);
            }
            let folding = [0; 3].map(|_| {
                let accounts = Arc::clone(&accounts);
                tokio::spawn(async move { fold(&accounts).await.unwrap() })
            });
            for folded in folding {
                folded.await.unwrap();
            }
        }
        let range = UsageRange { from: 0, to: i64::MAX, bucket: HOUR, limit: 10 };
        let found = store.usage(&Tenant::new("acme"), range).await.unwrap();
        assert_eq!(found[0].totals.requests, 1000);
    }
}
