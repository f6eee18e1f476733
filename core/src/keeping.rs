//! What goes on beside the calls for what is stored: clearing away, and telling whether the database works.

use std::time::Duration;

use tokio::time::sleep;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::causes::causes;
use crate::shared::Shared;

/// How often what is past its time is cleared away.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// The pause between two steps of it, for the traffic beside.
const STEP_PAUSE: Duration = Duration::from_millis(20);
/// The services that are of no use without the database.
const STATEFUL: [&str; 4] = [
    "chatgateway.v1.ConversationService",
    "chatgateway.v1.UsageService",
    "chatgateway.v1.MemoryService",
    "chatgateway.v1.SystemPromptService",
];

/// Clears away what is past its time, step by step; never ends.
pub(crate) async fn sweep(shared: Shared) {
    loop {
        match shared.store().sweep(shared.conversations().retention).await {
            Ok(swept) => {
                if swept.turns > 0 {
                    tracing::warn!(
                        turns = swept.turns,
                        "{} turns of a process that is gone were given up",
                        swept.turns
                    );
                }
                sleep(if swept.more { STEP_PAUSE } else { SWEEP_INTERVAL }).await;
            }
            Err(error) => {
                tracing::debug!(cause = causes(&error), "what is past its time could not be cleared away");
                sleep(SWEEP_INTERVAL).await;
            }
        }
    }
}

/// Tells by health whether the stateful services can serve; ends with the store.
pub(crate) async fn tell_health(shared: Shared, health: HealthReporter) {
    let mut availability = shared.store().availability();
    loop {
        let works = *availability.borrow_and_update();
        // At the end nothing serves any more, whatever the database does.
        if !shared.in_flight().ends() {
            let status = if works { ServingStatus::Serving } else { ServingStatus::NotServing };
            for service in STATEFUL {
                health.set_service_status(service, status).await;
            }
        }
        if availability.changed().await.is_err() {
            return;
        }
    }
}
