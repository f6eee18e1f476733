//! The reader's end of a streamed answer that is kept.

use gateway_proto::ApiError;
use gateway_proto::v1::ChatCompletionChunk;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use super::ended_early;

/// The next chunks, the end (none), or why there are none.
pub(super) type Piece = Result<Option<Vec<ChatCompletionChunk>>, ApiError>;

/// A streamed answer as it comes. Whoever drops it has left.
#[derive(Debug)]
pub struct KeptStream {
    pieces: mpsc::Receiver<Piece>,
    has_ended: bool,
    _leaving: DropGuard,
}

impl KeptStream {
    pub(super) fn new(pieces: mpsc::Receiver<Piece>, leaving: DropGuard) -> Self {
        Self { pieces, has_ended: false, _leaving: leaving }
    }

    /// The next chunks, those that came together in one; `None` once the answer is whole and stored. Nothing comes
    /// after an error. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        if self.has_ended {
            return None;
        }
        // A task that ends without a word must not look like an answer that is whole.
        let piece = self.pieces.recv().await.unwrap_or_else(|| Err(ended_early())).transpose();
        self.has_ended = !matches!(piece, Some(Ok(_)));
        piece
    }
}
