//! A streamed answer: from the bytes of a model server to whole chunks, with one defined end.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_proto::v1::ChatCompletionChunk;

use super::completion::ChunkReader;
use super::demo::DemoStream;
use super::error::UpstreamError;
use super::events::EventReader;
use super::http::StreamBody;
use super::{Upstream, failure};

/// The data of the event that ends a stream in good order.
const DONE: &[u8] = b"[DONE]";
/// Chunks are handed on together when they came together, up to this many bytes of them.
const MAX_TOGETHER_BYTES: usize = 4 * 1024;

/// A streamed answer.
#[derive(Debug)]
pub struct Chunks {
    upstream: Arc<Upstream>,
    source: Option<Source>,
    events: EventReader,
    reader: ChunkReader,
    /// How many answers were asked for.
    wanted: usize,
    /// Chunks that were read and not yet handed on.
    ready: Vec<ChatCompletionChunk>,
    /// How the stream ended, once that is known: it is told after what is ready.
    end: Option<Result<(), UpstreamError>>,
}

/// Where the bytes come from.
#[derive(Debug)]
pub(super) enum Source {
    Http(StreamBody),
    Demo(DemoStream),
}

impl Source {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, UpstreamError>>> {
        match self {
            Self::Http(body) => body.poll_piece(context),
            Self::Demo(stream) => stream.poll_piece(context),
        }
    }
}

impl Chunks {
    pub(super) fn new(upstream: Arc<Upstream>, source: Source, alias: String, wanted: usize) -> Self {
        Self {
            upstream,
            source: Some(source),
            events: EventReader::default(),
            reader: ChunkReader::new(alias),
            wanted,
            ready: Vec::new(),
            end: None,
        }
    }

    /// The next chunks, those that came together in one; `None` once the answer is whole. It is whole when the server
    /// said so, or when each answer that was asked for has its finish reason. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, UpstreamError>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Vec<ChatCompletionChunk>, UpstreamError>>> {
        let mut bytes = 0;
        while let Some(source) = &mut self.source
            && (bytes < MAX_TOGETHER_BYTES || self.ready.is_empty())
        {
            match source.poll_piece(context) {
                Poll::Pending if self.ready.is_empty() => return Poll::Pending,
                Poll::Pending => break,
                Poll::Ready(Some(Ok(piece))) => {
                    bytes += piece.len();
                    self.take(piece);
                }
                Poll::Ready(Some(Err(error))) => self.cut(error),
                Poll::Ready(None) => self.finish(),
            }
        }
        if !self.ready.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.ready))));
        }
        match self.end.take() {
            Some(Err(error)) => Poll::Ready(Some(Err(error))),
            Some(Ok(())) | None => Poll::Ready(None),
        }
    }

    /// Reads what a piece completes.
    fn take(&mut self, piece: Bytes) {
        self.events.push(piece);
        while let Some(data) = self.events.next() {
            if self.take_event(&data).is_break() {
                return;
            }
        }
    }

    fn take_event(&mut self, data: &[u8]) -> std::ops::ControlFlow<()> {
        if data.trim_ascii() == DONE {
            if let Some(Source::Http(body)) = self.source.take() {
                body.finish();
            }
            self.end = Some(Ok(()));
            return std::ops::ControlFlow::Break(());
        }
        match self.reader.read(data) {
            Ok(chunk) => {
                self.ready.push(chunk);
                std::ops::ControlFlow::Continue(())
            }
            Err(malformed) => {
                // An error in the middle of a stream is an event of its own form.
                self.end_with(failure::inside_success(data, self.upstream.own()).unwrap_or(malformed));
                std::ops::ControlFlow::Break(())
            }
        }
    }

    /// The server closed its stream without saying that it is done.
    fn finish(&mut self) {
        // What lacks nothing but the empty line after it did arrive; what is not even whole JSON was cut.
        if let Some(data) = self.events.finish()
            && (data.trim_ascii() == DONE || serde_json::from_slice::<serde::de::IgnoredAny>(&data).is_ok())
            && self.take_event(&data).is_break()
        {
            return;
        }
        self.cut(UpstreamError::Broken("the stream ended before the answer was whole".into()));
    }

    /// Nothing more will come, for a reason that counts only when something is missing.
    fn cut(&mut self, reason: UpstreamError) {
        if self.reader.is_whole(self.wanted) {
            tracing::debug!(upstream = self.upstream.name(), %reason, "a stream ended without [DONE]");
            self.source = None;
            self.end = Some(Ok(()));
        } else {
            self.end_with(reason);
        }
    }

    fn end_with(&mut self, error: UpstreamError) {
        self.source = None;
        self.end = Some(Err(error));
    }
}
