//! Messages as they come over the socket: within the room that there is for all of them, and not too slowly. An edge in
//! the same process has done both to the body before.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use gateway_proto::{ApiError, ErrorCode};
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;
use tonic::body::Body;

/// The unit of the room.
const ROOM_UNIT: usize = 1024;
/// After this time there is likely to be room again.
const ROOM_RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long a message may take besides what its length allows it, as a body at the edge by default.
const PATIENCE: Duration = Duration::from_secs(10);
/// A message slower than this after that is given up.
const MIN_BYTES_PER_SECOND: u64 = 1024;

/// The room for messages; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Semaphore>);

impl Room {
    pub(super) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new((bytes / ROOM_UNIT).min(Semaphore::MAX_PERMITS))))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(bytes.div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(units).map_err(|_| {
            let message = "The gateway holds as many messages as it can; send the request again.";
            ApiError::new(ErrorCode::Overloaded, message).with_retry_after(ROOM_RETRY_AFTER)
        })
    }
}

/// The body of a request as it comes, and the room that it takes until this is dropped.
pub(super) struct Metered {
    body: Body,
    room: Room,
    taken: Option<OwnedSemaphorePermit>,
    bytes: u64,
    begin: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Metered {
    pub(super) fn new(body: Body, room: Room) -> Self {
        Self { body, room, taken: None, bytes: 0, begin: Instant::now(), timer: None }
    }

    fn take(&mut self, frame: &Frame<Bytes>) -> Result<(), ApiError> {
        let Some(data) = frame.data_ref() else { return Ok(()) };
        self.bytes += data.len() as u64;
        let taken = self.room.take(data.len())?;
        match &mut self.taken {
            Some(before) => before.merge(taken),
            None => self.taken = Some(taken),
        }
        Ok(())
    }

    /// Ready once the message is too late.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = self.begin + PATIENCE + Duration::from_millis(self.bytes * 1000 / MIN_BYTES_PER_SECOND);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(context)
    }
}

impl http_body::Body for Metered {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.take(&frame).map(|()| frame).map_err(refusal))),
            Poll::Ready(end) => Poll::Ready(end),
            Poll::Pending => {
                ready!(self.poll_patience(context));
                let message = "The message of the request did not arrive in time; send it again, faster.";
                Poll::Ready(Some(Err(refusal(ApiError::new(ErrorCode::RequestTimeout, message)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The layers add what is not known here: the id of the request.
fn refusal(error: ApiError) -> Status {
    error.to_status("", "")
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    fn metered(room: &Room, frames: Vec<usize>, ends: bool) -> Metered {
        let frames = frames.into_iter().map(|bytes| Ok::<_, Status>(Frame::data(Bytes::from(vec![0; bytes]))));
        let frames = stream::iter(frames);
        let body = if ends {
            Body::new(StreamBody::new(frames))
        } else {
            Body::new(StreamBody::new(futures_util::StreamExt::chain(frames, stream::pending())))
        };
        Metered::new(body, room.clone())
    }

    fn code(error: &Status) -> &'static str {
        ApiError::from_status(error).unwrap().code().facts().code
    }

    #[tokio::test]
    async fn messages_share_a_room() {
        let room = Room::new(8 * 1024);
        let mut first = metered(&room, vec![4096, 2048], true);
        while let Some(frame) = first.frame().await {
            frame.unwrap();
        }
        let mut second = metered(&room, vec![2048, 1], true);
        second.frame().await.unwrap().unwrap();
        assert_eq!(code(&second.frame().await.unwrap().unwrap_err()), "overloaded");
        drop(first);
        let mut third = metered(&room, vec![4096], true);
        third.frame().await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_has_to_come_in_time() {
        let begin = Instant::now();
        let mut slow = metered(&Room::new(8 * 1024), vec![2048], false);
        slow.frame().await.unwrap().unwrap();
        assert_eq!(code(&slow.frame().await.unwrap().unwrap_err()), "request_timeout");
        assert_eq!(begin.elapsed().as_secs(), PATIENCE.as_secs() + 2);
    }
}
