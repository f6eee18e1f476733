//! A streamed answer, with tools of the gateway or without.

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::v1::ChatCompletionChunk;

use super::ChatStream;
use crate::answer::Fold;
use crate::tool_loop::ToolStream;

/// A streamed answer as it comes. Dropping it cancels what is done for it.
#[derive(Debug)]
pub struct StreamedAnswer(Inner);

#[derive(Debug)]
enum Inner {
    /// One answer of the model, put together where it is to be kept.
    Plain(Box<ChatStream>, Option<Fold>),
    /// One of several.
    Tools(Box<ToolStream>),
}

impl StreamedAnswer {
    /// One answer of the model.
    pub(crate) fn plain(stream: ChatStream) -> Self {
        Self(Inner::Plain(Box::new(stream), None))
    }

    /// One that several calls of the model make.
    pub(crate) fn with_tools(stream: ToolStream) -> Self {
        Self(Inner::Tools(Box::new(stream)))
    }

    /// From now on it is put together, to be kept.
    pub(crate) fn keep(&mut self) {
        if let Inner::Plain(_, fold) = &mut self.0 {
            *fold = Some(Fold::default());
        }
    }

    /// The next chunks, those that came together in one; `None` once the answer is whole. Nothing comes after an error.
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        match &mut self.0 {
            Inner::Tools(stream) => stream.next().await,
            Inner::Plain(stream, fold) => {
                let next = stream.next().await;
                if let (Some(fold), Some(Ok(chunks))) = (fold, &next) {
                    fold.take(chunks);
                }
                next
            }
        }
    }

    /// Whether anything of it came.
    pub(crate) fn has_begun(&self) -> bool {
        match &self.0 {
            Inner::Plain(_, fold) => fold.as_ref().is_some_and(Fold::has_begun),
            Inner::Tools(stream) => stream.has_begun(),
        }
    }

    /// About how many bytes its messages have.
    pub(crate) fn bytes(&self) -> usize {
        match &self.0 {
            Inner::Plain(_, fold) => fold.as_ref().map_or(0, Fold::bytes),
            Inner::Tools(stream) => stream.bytes(),
        }
    }

    /// Its messages, as a conversation keeps them.
    pub(crate) fn into_kept(self, is_whole: bool) -> Vec<Bytes> {
        match self.0 {
            Inner::Plain(_, fold) => fold.map(|fold| fold.message(is_whole)).into_iter().collect(),
            Inner::Tools(stream) => stream.into_kept(is_whole),
        }
    }
}
