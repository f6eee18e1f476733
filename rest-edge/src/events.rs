//! A streamed answer as server-sent events.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use gateway_proto::json::Writer;
use gateway_proto::v1::{ChatCompletionChunk, StreamChatCompletionResponse, StreamTurnResponse, chunk_notice};
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Streaming;

use crate::core_client::failure;
use crate::error::write_late_error;
use crate::measures::Progress;
use crate::openai::{UsageMember, write_chunk};
use crate::state::Edge;

/// What came together is written together, up to this many bytes: little enough that a client that reads slowly fills no
/// memory with what is on its way to it.
const MAX_FRAME_BYTES: usize = 4 * 1024;
/// A comment, which clients pass over.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";

/// A message of a streamed answer.
pub(crate) trait HoldsChunks {
    /// The chunks that came together.
    fn chunks(&self) -> &[ChatCompletionChunk];
}

impl HoldsChunks for StreamChatCompletionResponse {
    fn chunks(&self) -> &[ChatCompletionChunk] {
        &self.chunks
    }
}

impl HoldsChunks for StreamTurnResponse {
    fn chunks(&self) -> &[ChatCompletionChunk] {
        &self.chunks
    }
}

/// The events of an answer: its chunks as they come, comments while there are none, and `[DONE]`, after an error too.
pub(crate) struct ChatEvents<M> {
    /// What comes from the core; none after its end.
    answer: Option<Streaming<M>>,
    usage: UsageMember,
    edge: Edge,
    request_id: HeaderValue,
    progress: Option<Arc<Progress>>,
    last_event: Instant,
    /// Fires no later than a comment is due; set anew only when it fires too early.
    timer: Pin<Box<Sleep>>,
}

impl<M: HoldsChunks> ChatEvents<M> {
    /// The events of this answer to the request of this id.
    pub(crate) fn new(answer: Streaming<M>, usage: UsageMember, edge: Edge, request_id: HeaderValue) -> Self {
        let now = Instant::now();
        let timer = Box::pin(sleep_until(now + edge.keep_alive));
        let progress = Progress::current();
        Self { answer: Some(answer), usage, edge, request_id, progress, last_event: now, timer }
    }

    /// Writes what there is to tell, and notes the end.
    fn write(&mut self, writer: &mut Writer, context: &mut Context<'_>) {
        while let Some(answer) = &mut self.answer
            && writer.len() < MAX_FRAME_BYTES
        {
            match Pin::new(answer).poll_next(context) {
                Poll::Pending => return,
                Poll::Ready(Some(Ok(message))) => {
                    for chunk in message.chunks() {
                        if let Some(name) = event_name(chunk) {
                            writer.frame(name);
                        }
                        writer.frame(b"data: ");
                        write_chunk(writer, chunk, self.usage);
                        writer.frame(b"\n\n");
                    }
                }
                Poll::Ready(Some(Err(status))) => {
                    let id = self.request_id.to_str().unwrap_or_default();
                    let error = failure(status).error;
                    if let Some(progress) = &self.progress {
                        progress.note_code(error.code().facts().code);
                    }
                    writer.frame(b"data: ");
                    write_late_error(writer, &error, id, &self.edge.public_url);
                    writer.frame(b"\n\ndata: [DONE]\n\n");
                    self.answer = None;
                }
                Poll::Ready(None) => {
                    writer.frame(b"data: [DONE]\n\n");
                    self.answer = None;
                }
            }
        }
    }

    /// Ready when a comment is due.
    fn poll_keep_alive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            let due = self.last_event + self.edge.keep_alive;
            let now = Instant::now();
            self.timer.as_mut().reset(if due <= now { now + self.edge.keep_alive } else { due });
            if due <= now {
                return Poll::Ready(());
            }
        }
    }
}

/// The line that names the event of a chunk which tells something beside the answer.
fn event_name(chunk: &ChatCompletionChunk) -> Option<&'static [u8]> {
    match chunk.notice.as_ref()?.notice.as_ref()? {
        chunk_notice::Notice::Cost(_) => Some(b"event: spass.cost\n"),
        chunk_notice::Notice::ToolCap(_) => Some(b"event: spass.tool-cap\n"),
        chunk_notice::Notice::ToolAntiLoop(_) => Some(b"event: spass.tool-anti-loop\n"),
    }
}

impl<M: HoldsChunks> Body for ChatEvents<M> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.answer.is_none() {
            return Poll::Ready(None);
        }
        let mut writer = Writer::default();
        self.write(&mut writer, context);
        let events = if writer.is_empty() {
            ready!(self.poll_keep_alive(context));
            Bytes::from_static(KEEP_ALIVE)
        } else {
            writer.finish().into()
        };
        self.last_event = Instant::now();
        Poll::Ready(Some(Ok(Frame::data(events))))
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
