//! A stream of the demo: its events one after the other, with a pause between where one was asked for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep_until};

use super::script::Reply;
use super::{UpstreamError, broken};
use crate::upstream::error::Phase;

/// The events that are still to come.
#[derive(Debug)]
pub(in crate::upstream) struct DemoStream {
    events: VecDeque<Bytes>,
    pause: Duration,
    breaks_off: bool,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl DemoStream {
    pub(super) fn new(events: Vec<Bytes>, reply: &Reply, deadline: Option<Instant>) -> Self {
        let mut events = VecDeque::from(events);
        if reply.breaks_off {
            events.truncate(events.len() / 2);
        }
        Self { events, pause: reply.pause, breaks_off: reply.breaks_off, deadline, timer: None }
    }

    /// The next event; `None` after the last.
    pub(in crate::upstream) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(context));
            self.timer = None;
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Poll::Ready(Some(Err(UpstreamError::TimedOut(Phase::Total))));
        }
        let Some(event) = self.events.pop_front() else {
            return Poll::Ready(std::mem::take(&mut self.breaks_off).then(|| Err(broken())));
        };
        if !self.pause.is_zero() {
            let end = Instant::now() + self.pause;
            self.timer = Some(Box::pin(sleep_until(self.deadline.map_or(end, |deadline| deadline.min(end)))));
        }
        Poll::Ready(Some(Ok(event)))
    }
}
