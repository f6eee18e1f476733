//! What this process holds of all budgets, and how calls are admitted from it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use gateway_storage::{BudgetAsk, BudgetUnit, BudgetWindow, ProcessId, Store, StoreError, Tenant};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::lease::{Hold, Lease};
use super::rules::{BudgetRule, BudgetRules};
use super::{BudgetError, Demand, Period};
use crate::clock::Clock;

/// A window that holds fewer calls is asked for call by call: a lease would keep too much of it from other processes.
const SMALL_WINDOW_CALLS: u64 = 1000;
/// Into how many parts each process splits what remains of a window.
const PARTS_PER_PROCESS: u32 = 8;
/// As many calls ask the database at once: it has a queue, which others use too.
const MAX_ASKING: usize = 64;
/// How long a call waits for its turn to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// An unused lease goes back after this time, in milliseconds.
const IDLE: i64 = 2000;

/// What this process holds of all budgets.
#[derive(Debug)]
pub(crate) struct Ledger {
    rules: BudgetRules,
    store: Arc<dyn Store>,
    process: ProcessId,
    clock: Clock,
    /// How many processes lease.
    processes: AtomicU32,
    leases: RwLock<HashMap<BudgetWindow, Arc<Lease>>>,
    /// Bounds how many calls ask the database at once.
    asking: Semaphore,
}

impl Ledger {
    pub(crate) fn new(rules: BudgetRules, store: Arc<dyn Store>, process: ProcessId, clock: Clock) -> Self {
        Self {
            rules,
            store,
            process,
            clock,
            processes: AtomicU32::new(1),
            leases: RwLock::default(),
            asking: Semaphore::new(MAX_ASKING),
        }
    }

    /// Whether there are no budgets at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Reserves what a call may come to of every budget that it is charged to, or of none. Dropping what is returned
    /// gives it back; so does dropping the future.
    pub(crate) async fn reserve(&self, tenant: &str, alias: &str, demand: Demand) -> Result<Vec<Hold>, BudgetError> {
        let mut holds = Vec::new();
        let mut rules = self.rules.of(tenant, alias).peekable();
        if rules.peek().is_none() {
            return Ok(holds);
        }
        let (tenant, now) = (Tenant::new(tenant), self.clock.now());
        for rule in rules {
            for (unit, limit) in &rule.limits {
                let amount = match unit {
                    BudgetUnit::Requests => 1,
                    BudgetUnit::Tokens => demand.tokens,
                    BudgetUnit::Cost => demand.cost,
                };
                let lease = self.lease(&tenant, rule, *unit, *limit, now);
                let hold = self.hold(&lease, amount, now).await.map_err(BudgetError::Storage)?;
                let wait = lease.window.ends_at - now;
                holds.push(hold.ok_or_else(|| spent(rule.period, *unit, wait))?);
            }
        }
        Ok(holds)
    }

    fn lease(&self, tenant: &Tenant, rule: &BudgetRule, unit: BudgetUnit, limit: u64, now: i64) -> Arc<Lease> {
        let (starts_at, ends_at) = rule.period.window(now);
        let window = BudgetWindow { tenant: tenant.clone(), budget: Arc::clone(&rule.name), unit, starts_at, ends_at };
        let found = self.leases.read().unwrap_or_else(PoisonError::into_inner).get(&window).cloned();
        found.unwrap_or_else(|| {
            let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(leases.entry(window.clone()).or_insert_with(|| Arc::new(Lease::new(window, limit))))
        })
    }

    /// Takes an amount out of a lease; where too little is there, the database is asked before it is refused.
    async fn hold(&self, lease: &Arc<Lease>, amount: u64, now: i64) -> Result<Option<Hold>, StoreError> {
        let wanted = i64::try_from(amount).unwrap_or(i64::MAX);
        let is_small = lease.limit / amount.max(1) < SMALL_WINDOW_CALLS;
        lease.asked_at.store(now, Ordering::Relaxed);
        lease.is_small.store(is_small, Ordering::Relaxed);
        let parts = (!is_small).then(|| self.processes.load(Ordering::Relaxed).saturating_mul(PARTS_PER_PROCESS));
        if let Some(hold) = lease.hold(wanted) {
            self.lease_ahead(lease, parts);
            return Ok(Some(hold));
        }
        let too_late = |_| StoreError::TimedOut;
        let _the_one = match parts {
            None => None,
            Some(_) => Some(timeout(PATIENCE, lease.leasing.lock()).await.map_err(too_late)?),
        };
        let _one_of_few = timeout(PATIENCE, self.asking.acquire()).await.map_err(too_late)?;
        if let Some(hold) = lease.hold(wanted) {
            return Ok(Some(hold));
        }
        if lease.available() < 0 {
            self.give_back(vec![lease.hold_all()]).await?;
        }
        if let Some(leased) = self.ask(lease, amount, parts).await? {
            lease.low_water.store((leased.amount() - wanted) / 2, Ordering::Relaxed);
            return Ok(Some(leased.reduced_to(wanted)));
        }
        // What is here and what is there may be enough together.
        let local = lease.hold_some(wanted);
        let missing = wanted - local.amount();
        if missing == 0 {
            return Ok(Some(local));
        }
        if missing == wanted {
            return Ok(None);
        }
        let leased = self.ask(lease, missing.unsigned_abs(), None).await?;
        Ok(leased.map(|leased| local.with(leased)))
    }

    /// Leases more before it is needed, beside the calls.
    fn lease_ahead(&self, lease: &Arc<Lease>, parts: Option<u32>) {
        let Some(parts) = parts else { return };
        let is_enough = lease.available() >= lease.low_water.load(Ordering::Relaxed);
        if is_enough || lease.is_refilling.swap(true, Ordering::Relaxed) {
            return;
        }
        let (store, process, lease) = (Arc::clone(&self.store), self.process, Arc::clone(lease));
        tokio::spawn(async move {
            let ask = BudgetAsk { limit: lease.limit, need: 1, parts: Some(parts) };
            // Why it failed shows when a call needs it.
            let leased = store.take_budget(process, &lease.window, ask).await.unwrap_or_default();
            let leased = lease.leased(leased);
            lease.low_water.store(leased.amount() / 2, Ordering::Relaxed);
            drop(leased);
            lease.is_refilling.store(false, Ordering::Relaxed);
        });
    }

    /// Asks the database for more, in a task of its own: what is leased for a caller that leaves is not lost.
    async fn ask(&self, lease: &Arc<Lease>, need: u64, parts: Option<u32>) -> Result<Option<Hold>, StoreError> {
        let (store, process, lease) = (Arc::clone(&self.store), self.process, Arc::clone(lease));
        let asking = tokio::spawn(async move {
            let ask = BudgetAsk { limit: lease.limit, need, parts };
            let leased = store.take_budget(process, &lease.window, ask).await?;
            Ok((leased > 0 || need == 0).then(|| lease.leased(leased)))
        });
        asking.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Gives back to the database, in a task of its own; what cannot be given back now goes back into the leases.
    async fn give_back(&self, holds: Vec<Hold>) -> Result<(), StoreError> {
        if holds.is_empty() {
            return Ok(());
        }
        let (store, process) = (Arc::clone(&self.store), self.process);
        let giving = tokio::spawn(async move {
            let amounts = holds.iter().map(|hold| (hold.window().clone(), hold.amount())).collect();
            store.return_budgets(process, amounts).await?;
            holds.into_iter().for_each(Hold::gone_back);
            Ok(())
        });
        giving.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Gives back what is not needed: of small windows, of those that are over, and what nobody asked for lately.
    pub(super) async fn tidy(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        self.give_back_where(|lease| {
            lease.is_small.load(Ordering::Relaxed)
                || lease.window.ends_at <= now
                || now - lease.asked_at.load(Ordering::Relaxed) >= IDLE
                || lease.available() < 0
        })
        .await?;
        let mut leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
        // A lease that a call holds has more than this one owner.
        leases.retain(|window, lease| window.ends_at > now || Arc::strong_count(lease) > 1 || lease.available() != 0);
        Ok(())
    }

    /// Gives back all that is not reserved.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.give_back_where(|_| true).await
    }

    async fn give_back_where(&self, is_given_back: impl Fn(&Lease) -> bool) -> Result<(), StoreError> {
        let mut holds: Vec<Hold> = {
            let leases = self.leases.read().unwrap_or_else(PoisonError::into_inner);
            let chosen = leases.values().filter(|lease| lease.available() != 0 && is_given_back(lease));
            chosen.map(|lease| lease.hold_all()).collect()
        };
        // In one order, so that processes that do this wait for each other only one way.
        holds.sort_by(|one, other| one.window().cmp(other.window()));
        self.give_back(holds).await
    }

    /// Whether the database works, as far as is known.
    pub(super) fn database_works(&self) -> bool {
        *self.store.availability().borrow()
    }

    /// Gives a sign of life, and learns how many processes there are.
    pub(super) async fn note_process(&self) -> Result<(), StoreError> {
        let live = self.store.note_process(self.process).await?;
        self.processes.store(live.max(1), Ordering::Relaxed);
        Ok(())
    }
}

/// A refusal, counted by what is used up.
fn spent(period: Period, unit: BudgetUnit, wait: i64) -> BudgetError {
    let window = match period {
        Period::Minute => "minute",
        Period::Day => "day",
        Period::Month => "month",
    };
    let unit = match unit {
        BudgetUnit::Requests => "requests",
        BudgetUnit::Tokens => "tokens",
        BudgetUnit::Cost => "cost",
    };
    metrics::counter!("gateway_budget_refusals_total", "window" => window, "unit" => unit).increment(1);
    BudgetError::Spent { wait }
}
