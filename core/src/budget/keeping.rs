//! What goes on beside the calls for budgets: giving back what is not needed, and signs of life.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Ledger;
use crate::causes::causes;

/// How often it is looked for what is not needed.
const INTERVAL: Duration = Duration::from_millis(250);
/// How often a sign of life is given: two may fail before the process is taken for gone.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Keeps the leases of this process small and the process known; never ends, unless there is nothing to keep.
pub(crate) async fn keep(ledger: Arc<Ledger>) {
    if ledger.is_empty() {
        return;
    }
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut noted: Option<Instant> = None;
    loop {
        ticks.tick().await;
        // A database that does not work is tried by its own store, and nothing more is to wait for it.
        if !ledger.database_works() {
            continue;
        }
        if noted.is_none_or(|at| at.elapsed() >= SIGN_OF_LIFE) {
            match ledger.note_process().await {
                Ok(()) => noted = Some(Instant::now()),
                Err(error) => tracing::debug!(cause = causes(&error), "this process could not be noted"),
            }
        }
        if let Err(error) = ledger.tidy().await {
            tracing::debug!(cause = causes(&error), "leases of budgets could not be given back yet");
        }
    }
}
