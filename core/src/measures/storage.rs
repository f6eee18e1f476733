//! What is measured of the database, beside the calls.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::shared::Shared;

/// How often the database is asked for a sign of life.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long it may take to give one.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps the metrics of the database up to it; never ends.
pub(crate) async fn keep(shared: Shared) {
    let up = metrics::gauge!("gateway_storage_up");
    let probe = metrics::histogram!("gateway_storage_probe_seconds");
    let waiting = metrics::gauge!("gateway_storage_queue_depth");
    // The store has just been opened: until it is asked it is what it says of itself.
    up.set(if *shared.store().availability().borrow() { 1.0 } else { 0.0 });
    let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        waiting.set(f64::from(shared.store().queue_depth()));
        let begin = Instant::now();
        // Why it does not work is in the log already.
        let works = matches!(timeout(PATIENCE, shared.store().check()).await, Ok(Ok(())));
        probe.record(begin.elapsed().as_secs_f64());
        up.set(if works { 1.0 } else { 0.0 });
    }
}
