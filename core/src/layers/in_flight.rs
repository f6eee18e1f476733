//! Counts the calls in flight, and refuses new ones once the core is closing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use gateway_auth::StreamPermit;
use gateway_proto::{ApiError, ErrorCode, Rpc};
use http_body::{Frame, SizeHint};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::body::Body;

use super::Response;
use crate::api_errors;
use crate::measures::CallWatch;
use crate::shared::Shared;

/// After this time another replica, or this one restarted, is likely to answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The calls in flight, and whether new ones are taken.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    calls: TaskTracker,
    ends: Arc<AtomicBool>,
    /// Cancelled once those that are left are not waited for any more.
    cut: CancellationToken,
}

impl InFlight {
    /// Counts a call until the token is dropped; none when the core is closing.
    fn enter(&self) -> Option<TaskTrackerToken> {
        (!self.calls.is_closed()).then(|| self.calls.token())
    }

    /// Counts the work of a call that was let in, for as long as the token is held.
    pub fn hold(&self) -> TaskTrackerToken {
        self.calls.token()
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

    /// Ends the calls that are left, each with an error.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Told when the calls that are left are to end.
    #[must_use]
    pub fn cut_token(&self) -> &CancellationToken {
        &self.cut
    }

    /// How many calls are in flight.
    #[must_use]
    pub fn count(&self) -> usize {
        self.calls.len()
    }
}

/// Why no call on a connection is taken of which there is one too many.
pub(super) fn too_many_connections() -> ApiError {
    ApiError::new(ErrorCode::Overloaded, "The gateway serves as many connections as it can; send the request again.")
        .with_retry_after(RETRY_AFTER)
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

/// Runs a call to its end, to the gateway's, or until its secret is taken back.
pub(super) async fn unless_cut<T>(
    shared: &Shared,
    revoked: Option<CancellationToken>,
    call: impl Future<Output = T>,
) -> Result<T, ApiError> {
    let revoked = async {
        match &revoked {
            Some(revoked) => revoked.cancelled().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        answer = call => Ok(answer),
        () = shared.in_flight().cut_token().cancelled() => Err(cut()),
        () = revoked => Err(api_errors::revoked()),
    }
}

/// Why a call ends that the gateway could not wait for. It may have cost something, so that nobody should send it again
/// without a thought.
pub(crate) fn cut() -> ApiError {
    ApiError::new(ErrorCode::Overloaded, "The gateway is shutting down and could not wait for the end of the answer.")
        .not_retryable()
}

/// What is held for as long as a call lasts.
#[derive(Default)]
#[expect(dead_code, reason = "held, and never looked at")]
pub(super) struct Held {
    /// It counts as in flight.
    pub(super) token: Option<TaskTrackerToken>,
    /// It counts as a stream of its token.
    pub(super) stream: Option<StreamPermit>,
}

/// The response, whose call lasts until its body is gone: what is held for it is held, and it is watched.
pub(super) fn until_end(response: Response, held: Held, mut watch: CallWatch) -> Response {
    if watch.head(response.headers()) {
        return response;
    }
    response.map(|body| Body::new(Counted { body, _held: held, watch }))
}

/// A body whose call lasts until it is dropped.
struct Counted {
    body: Body,
    _held: Held,
    watch: CallWatch,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(data), _) => this.watch.data(data.len()),
                (None, Some(trailers)) => {
                    this.watch.status(trailers);
                }
                (None, None) => {}
            },
            Some(Err(status)) => this.watch.failed(status.code()),
            None => {}
        }
        Poll::Ready(frame)
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
