//! Counts the calls in flight, and refuses new ones once the core is closing.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future;
use gateway_proto::{ApiError, ErrorCode, Rpc};
use http_body::{Frame, SizeHint};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::body::Body;
use tower::Service;

use super::{Request, Response, ResponseFuture, id_of, refuse};
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

#[derive(Clone)]
pub(super) struct Layer<S> {
    inner: S,
    shared: Shared,
}

impl<S> Layer<S> {
    pub(super) fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }
}

impl<S> Service<Request> for Layer<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        // Health, reflection and readiness answer to the end, and nobody waits for them.
        let rpc = Rpc::from_path(request.uri().path());
        if matches!(rpc, None | Some(Rpc::GetReadiness)) {
            return Box::pin(self.inner.call(request));
        }
        let Some(token) = self.shared.in_flight().enter() else {
            let error = ApiError::new(ErrorCode::Overloaded, "The gateway is shutting down; send the request again.")
                .with_retry_after(RETRY_AFTER);
            return Box::pin(future::ready(Ok(refuse(&error, &id_of(&request), self.shared.docs_url()))));
        };
        let answer = self.inner.call(request);
        Box::pin(
            async move { answer.await.map(|response| response.map(|body| Body::new(Counted { body, _token: token }))) },
        )
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
