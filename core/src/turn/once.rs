//! Something that is done once under an idempotency key.

use std::future::Future;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_storage::{KeyClaim, KeyState, KeyedRun, Owner};
use uuid::Uuid;

use super::ended_early;
use super::hold::{Claim, Hold};
use crate::api_errors;
use crate::shared::Shared;

/// Does it, or gives what it gave the first time. It runs to its end, whether or not anybody waits for it.
pub(crate) async fn once(
    shared: &Shared,
    owner: &Owner,
    key: KeyClaim,
    work: impl Future<Output = Result<Bytes, ApiError>> + Send + 'static,
) -> Result<Bytes, ApiError> {
    let in_use = shared.turns().use_key(owner, &key).ok_or_else(api_errors::idempotency_conflict)?;
    let in_flight = shared.in_flight().hold();
    let (shared, owner) = (shared.clone(), owner.clone());
    let running = tokio::spawn(async move {
        // Both until the end of the task.
        let (_in_use, _in_flight) = (in_use, in_flight);
        let run = KeyedRun { run: Uuid::now_v7(), key };
        match shared.store().begin_keyed(&owner, &run).await.map_err(api_errors::from_store)? {
            KeyState::Free => {}
            KeyState::Answered(stored) => return Ok(stored),
            KeyState::Running => return Err(api_errors::idempotency_conflict()),
            KeyState::OtherRequest => return Err(api_errors::key_of_another_request()),
        }
        let hold = Hold::new(shared.store(), &owner, Claim::Key(run));
        match work.await {
            Ok(given) => hold.finish_keyed(given.clone()).await.map(|()| given),
            Err(error) => {
                hold.let_go().await;
                Err(error)
            }
        }
    });
    running.await.unwrap_or_else(|_| Err(ended_early()))
}
