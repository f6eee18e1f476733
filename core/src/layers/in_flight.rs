//! Counts the calls in flight, and refuses new ones once the core is closing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use gateway_proto::{ApiError, ErrorCode, Rpc};
use http_body::{Frame, SizeHint};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::body::Body;

use super::Response;
use crate::shared::Shared;

/// After this time another replica, or this one restarted, is likely to answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The calls in flight, and whether new ones are taken.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    calls: TaskTracker,
    ends: Arc<AtomicBool>,
}

impl InFlight {
    /// Counts a call until the token is dropped; none when the core is closing.
    fn enter(&self) -> Option<TaskTrackerToken> {
        (!self.calls.is_closed()).then(|| self.calls.token())
    }

    /// The core is about to close; calls are still taken.
    pub fn announce_end(&self) {
        self.ends.store(true, Ordering::Relaxed);
    }

    /// Whether the core is about to close, or is closing.
    #[must_use]
    pub fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    /// From now on new calls are refused.
    pub fn close(&self) {
        self.announce_end();
        self.calls.close();
    }

    /// Waits until the core is closing and no call is in flight.
    pub async fn drained(&self) {
        self.calls.wait().await;
    }

    /// How many calls are in flight.
    #[must_use]
    pub fn count(&self) -> usize {
        self.calls.len()
    }
}

/// Counts a call, or refuses it.
pub(super) fn enter(shared: &Shared, rpc: Option<Rpc>) -> Result<Option<TaskTrackerToken>, ApiError> {
    // Health, reflection and readiness answer to the end, and nobody waits for them.
    if matches!(rpc, None | Some(Rpc::GetReadiness)) {
        return Ok(None);
    }
    shared.in_flight().enter().map(Some).ok_or_else(|| {
        ApiError::new(ErrorCode::Overloaded, "The gateway is shutting down; send the request again.")
            .with_retry_after(RETRY_AFTER)
    })
}

/// The response, whose call counts until its body is gone.
pub(super) fn counted(response: Response, token: Option<TaskTrackerToken>) -> Response {
    match token {
        None => response,
        Some(token) => response.map(|body| Body::new(Counted { body, _token: token })),
    }
}

/// A body that counts as in flight until it is dropped.
struct Counted {
    body: Body,
    _token: TaskTrackerToken,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn closing_waits_for_the_last_call() {
        let in_flight = InFlight::default();
        let (first, second) = (in_flight.enter().unwrap(), in_flight.enter().unwrap());
        assert_eq!(in_flight.count(), 2);
        in_flight.close();
        assert!(in_flight.enter().is_none());
        let mut drained = Box::pin(in_flight.drained());
        assert!(futures_util::poll!(&mut drained).is_pending());
        drop(first);
        assert!(futures_util::poll!(&mut drained).is_pending());
        drop(second);
        drained.await;
    }
}
