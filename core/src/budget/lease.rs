//! What this process holds of a budget's window.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use gateway_storage::BudgetWindow;
use tokio::sync::Mutex;

/// What this process holds of a window. Amounts are signed: what is available falls below nothing when an answer came to
/// more than was reserved for it, until the database is told.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(super) window: BudgetWindow,
    pub(super) limit: u64,
    /// Leased, and neither reserved nor used.
    available: AtomicI64,
    /// When it was last asked for.
    pub(super) asked_at: AtomicI64,
    /// Below this, more is leased ahead of need.
    pub(super) low_water: AtomicI64,
    pub(super) is_refilling: AtomicBool,
    /// Whether the window is so small that nothing of it is held without need.
    pub(super) is_small: AtomicBool,
    /// Held by the one call that leases more, so that those which come meanwhile find what it brings.
    pub(super) leasing: Mutex<()>,
}

/// An amount that is taken out of a lease, until it is settled; dropped, it goes back.
#[derive(Debug)]
pub(crate) struct Hold {
    lease: Arc<Lease>,
    amount: i64,
}

impl Lease {
    pub(super) fn new(window: BudgetWindow, limit: u64) -> Self {
        Self {
            window,
            limit,
            available: AtomicI64::new(0),
            asked_at: AtomicI64::new(0),
            low_water: AtomicI64::new(0),
            is_refilling: AtomicBool::new(false),
            is_small: AtomicBool::new(false),
            leasing: Mutex::new(()),
        }
    }

    /// What is there; below nothing, what is owed.
    pub(super) fn available(&self) -> i64 {
        self.available.load(Ordering::Relaxed)
    }

    /// Takes this amount out, if it is there.
    pub(super) fn hold(self: &Arc<Self>, amount: i64) -> Option<Hold> {
        let taken = self.available.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |available| {
            available.checked_sub(amount).filter(|left| *left >= 0)
        });
        taken.is_ok().then(|| Hold { lease: Arc::clone(self), amount })
    }

    /// Takes out what is there, up to this amount.
    pub(super) fn hold_some(self: &Arc<Self>, most: i64) -> Hold {
        let part = |available: i64| available.clamp(0, most);
        let found = self
            .available
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |available| Some(available - part(available)));
        Hold { lease: Arc::clone(self), amount: part(found.unwrap_or_default()) }
    }

    /// Takes out all there is, or what is owed.
    pub(super) fn hold_all(self: &Arc<Self>) -> Hold {
        Hold { lease: Arc::clone(self), amount: self.available.swap(0, Ordering::Relaxed) }
    }

    /// What was leased anew, held for whoever asked for it.
    pub(super) fn leased(self: &Arc<Self>, amount: u64) -> Hold {
        Hold { lease: Arc::clone(self), amount: i64::try_from(amount).unwrap_or(i64::MAX) }
    }
}

impl Hold {
    /// Whose it is.
    pub(crate) fn window(&self) -> &BudgetWindow {
        &self.lease.window
    }

    /// How much it is.
    pub(crate) fn amount(&self) -> i64 {
        self.amount
    }

    /// Puts back all but this amount.
    pub(super) fn reduced_to(mut self, amount: i64) -> Self {
        self.put_back(self.amount - amount);
        self
    }

    /// Adds another hold of the same lease.
    pub(super) fn with(mut self, mut other: Self) -> Self {
        self.amount += std::mem::take(&mut other.amount);
        self
    }

    /// Uses this amount, which may be more than is held, and puts back the rest.
    pub(crate) fn settle(mut self, used: i64) {
        self.put_back(self.amount - used);
        self.amount = 0;
    }

    /// Notes that the database has it back.
    pub(super) fn gone_back(mut self) {
        self.amount = 0;
    }

    fn put_back(&mut self, amount: i64) {
        self.amount -= amount;
        self.lease.available.fetch_add(amount, Ordering::Relaxed);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.put_back(self.amount);
    }
}
