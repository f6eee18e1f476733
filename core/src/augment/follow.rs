//! Listens to what other processes write.

use std::sync::Arc;

use gateway_storage::Heard;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Compositions;

/// Takes note of what is heard; ends with the store.
pub(crate) async fn follow(compositions: Arc<Compositions>, mut heard: Receiver<Heard>) {
    loop {
        match heard.recv().await {
            Ok(Heard::Change(change)) => compositions.changed(&change),
            // What was missed may have been anything.
            Ok(Heard::Anything) | Err(RecvError::Lagged(_)) => compositions.everything_changed(),
            Err(RecvError::Closed) => return,
        }
    }
}
