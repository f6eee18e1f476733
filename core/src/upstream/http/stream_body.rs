//! The body of an answer that is read as it comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::of_body;
use crate::upstream::error::{Phase, UpstreamError};

/// How long the end of a body is waited for whose last event was read: its connection is then of use again.
const MAX_REST_TIME: Duration = Duration::from_secs(1);

/// The body of an answer that is read as it comes, within its times and its limit.
#[derive(Debug)]
pub(in crate::upstream) struct StreamBody {
    body: Incoming,
    /// How long the server may be silent.
    idle: Duration,
    /// When the call ends at the latest.
    end: Instant,
    last_piece: Instant,
    /// Fires no later than patience ends; set anew only when it fires too early.
    timer: Pin<Box<Sleep>>,
    /// How many bytes may come.
    limit: usize,
    left: usize,
}

impl StreamBody {
    pub(super) fn new(body: Incoming, idle: Duration, end: Instant, limit: usize) -> Self {
        let now = Instant::now();
        Self { body, idle, end, last_piece: now, timer: Box::pin(sleep_until(end.min(now + idle))), limit, left: limit }
    }

    /// The next bytes; `None` at the end.
    pub(in crate::upstream) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        loop {
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
                return self.poll_patience(context).map(|error| Some(Err(error)));
            };
            let piece = match frame {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(of_body(error)))),
                // Trailers say nothing of use.
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            };
            if piece.is_empty() {
                continue;
            }
            self.last_piece = Instant::now();
            let Some(left) = self.left.checked_sub(piece.len()) else {
                return Poll::Ready(Some(Err(UpstreamError::TooLarge { limit: self.limit })));
            };
            self.left = left;
            return Poll::Ready(Some(Ok(piece)));
        }
    }

    /// Ready when the server was silent for too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<UpstreamError> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let now = Instant::now();
            if now >= self.end {
                return Poll::Ready(UpstreamError::TimedOut(Phase::Total));
            }
            let patience = self.last_piece + self.idle;
            if now >= patience {
                return Poll::Ready(UpstreamError::TimedOut(Phase::Idle));
            }
            self.timer.as_mut().reset(patience.min(self.end));
        }
    }

    /// Takes what is left of a body whose last event was read, so that its connection can be used again.
    pub(in crate::upstream) fn finish(mut self) {
        let end = std::future::poll_fn(move |context| {
            loop {
                match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Poll::Ready(()),
                }
            }
        });
        tokio::spawn(timeout(MAX_REST_TIME, end));
    }
}
