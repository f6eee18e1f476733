//! What chats get besides their own messages may change with a write of memory or prompts: whoever keeps it is told
//! before the writer has its answer, whether or not the writer is still there to take it.

use gateway_storage::{Change, StoreError};

use crate::shared::Shared;

/// Does a write, and tells of it once its outcome is known, or will never be: an error may come after the commit, and a
/// task may panic after it. It runs in a task of its own, so that a caller who leaves leaves nothing untold.
pub async fn changing<T: Send + 'static>(
    shared: &Shared,
    change: Change,
    write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let telling = Telling { shared: shared.clone(), change };
    let task = tokio::spawn(async move {
        let outcome = write.await;
        drop(telling);
        outcome
    });
    task.await.unwrap_or(Err(StoreError::Panicked))
}

/// Tells of a change when it is dropped.
struct Telling {
    shared: Shared,
    change: Change,
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.shared.compositions().changed(&self.change);
    }
}
