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
    let shared = shared.clone();
    telling(move || shared.compositions().changed(&change), write).await
}

async fn telling<T: Send + 'static>(
    tell: impl Fn() + Send + 'static,
    write: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    let told_when_dropped = Telling(tell);
    let task = tokio::spawn(async move {
        let outcome = write.await;
        drop(told_when_dropped);
        outcome
    });
    task.await.unwrap_or(Err(StoreError::Panicked))
}

/// Tells when it is dropped.
struct Telling<F: Fn()>(F);

impl<F: Fn()> Drop for Telling<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn a_change_is_told_before_the_answer_whatever_the_outcome() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let by = || {
            let tell = tell.clone();
            move || tell.send(()).unwrap()
        };
        assert_eq!(telling(by(), async { Ok(7) }).await.unwrap(), 7);
        assert!(told.try_recv().is_ok());
        telling::<()>(by(), async { Err(StoreError::TimedOut) }).await.unwrap_err();
        assert!(told.try_recv().is_ok());
        telling::<()>(by(), async { panic!("on purpose") }).await.unwrap_err();
        assert!(told.try_recv().is_ok());
    }

    #[tokio::test]
    async fn a_change_is_told_when_who_made_it_has_left() {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (commit, committed) = oneshot::channel();
        let write = async { committed.await.map_err(|_| StoreError::TimedOut) };
        let mut asked = Box::pin(telling(move || tell.send(()).unwrap(), write));
        assert!(asked.as_mut().now_or_never().is_none());
        drop(asked);
        assert!(told.try_recv().is_err());
        commit.send(()).unwrap();
        told.recv().await.unwrap();
    }
}
