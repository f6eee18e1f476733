//! What went wrong with what is stored.

use std::sync::Arc;
use std::time::Duration;

use gateway_proto::{ApiError, ErrorCode};
use gateway_storage::StoreError;

/// After this time the line of writes, or of turns, is likely to be shorter.
const QUEUE_WAIT: Duration = Duration::from_secs(1);
/// After this time the first request with a key is likely to have ended.
const KEY_WAIT: Duration = Duration::from_secs(1);

/// A database that failed before anything was acknowledged.
pub(crate) fn from_store(error: StoreError) -> ApiError {
    match error {
        StoreError::QueueFull => {
            ApiError::new(ErrorCode::Overloaded, "Too many requests wait for the database; send the request again.")
                .with_retry_after(QUEUE_WAIT)
        }
        StoreError::Database(_)
        | StoreError::Batch(_)
        | StoreError::FileGone
        | StoreError::Unavailable
        | StoreError::TimedOut
        | StoreError::Panicked => {
            ApiError::new(ErrorCode::StorageError, "The database failed, and nothing was stored. Try again later.")
        }
    }
    .with_source(error)
}

/// A database that failed before the prompts were read that the tenant takes no chat without.
pub(crate) fn prompts_unreadable(error: Arc<StoreError>) -> ApiError {
    let message = "The system prompts could not be read, and the tenant takes no chat without them. Try again later.";
    ApiError::new(ErrorCode::StorageError, message).with_source(error)
}

/// A database that failed while an answer was stored, so that the answer is not given.
pub(crate) fn from_commit(error: StoreError) -> ApiError {
    let message = "The database failed while the answer was stored. Whether it is there shows once the database works.";
    ApiError::new(ErrorCode::StorageError, message).with_source(error)
}

/// A turn that lost its conversation to another process, which took this one for dead.
pub(crate) fn lease_lost() -> ApiError {
    let message = "The turn took too long to give a sign of life and another took its place; nothing was stored.";
    ApiError::new(ErrorCode::StorageError, message)
}

/// A conversation that is not there for this caller.
pub(crate) fn conversation_not_found() -> ApiError {
    let message = "There is no such conversation; GET /c1/conversations lists yours.";
    ApiError::new(ErrorCode::ConversationNotFound, message)
        .with_param("conversation_id")
        // Without its name: it may be anything that the caller sent.
        .with_resource("conversation", "")
}

/// A conversation that was deleted while its turn ran.
pub(crate) fn conversation_gone() -> ApiError {
    let message = "The conversation was deleted while this turn ran; nothing was stored.";
    ApiError::new(ErrorCode::ConversationNotFound, message)
        .with_param("conversation_id")
        .with_resource("conversation", "")
}

/// A conversation that takes no further turn.
pub(crate) fn conversation_full(limit: usize) -> ApiError {
    let message = format!("The conversation holds {limit} bytes or more and takes no further turn; begin a new one.");
    ApiError::invalid_field("conversation_id", message).with_metadata("maximum_bytes", limit.to_string())
}

/// A turn that waited too long for those before it.
pub(crate) fn conversation_busy() -> ApiError {
    let message = "Other turns of this conversation take too long; send the request again when they have ended.";
    ApiError::new(ErrorCode::Overloaded, message).with_retry_after(QUEUE_WAIT)
}

/// A key whose first request still runs.
pub(crate) fn idempotency_conflict() -> ApiError {
    let message =
        "The first request with this idempotency key still runs; send the same request again to get its answer.";
    ApiError::new(ErrorCode::IdempotencyConflict, message)
        .with_param("headers.idempotency-key")
        .with_retry_after(KEY_WAIT)
}

/// A key that was used for another request.
pub(crate) fn key_of_another_request() -> ApiError {
    ApiError::invalid_field(
        "headers.idempotency-key",
        "This idempotency key was used for another request; use a new key for each request.",
    )
}
