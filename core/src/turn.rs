//! Answers that are kept: turns of stored conversations, and chats under an idempotency key.
//!
//! Each runs in a task of its own, so that whoever asked may leave without leaving anything half done: the task stores
//! what there is to store before the last of the answer goes out, and gives up its claims otherwise.

mod driver;
mod hold;
mod once;
mod prompt;
mod queue;
mod replay;
mod stream;

use gateway_proto::ApiError;
use gateway_proto::v1::ChatCompletion;
use gateway_storage::{ConversationId, KeyClaim};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::call::Call;
use crate::chat::Answered;
use crate::domain::chat::JsonRequest;
use crate::domain::turn::NewMessages;
use crate::gate::Acting;
use crate::shared::Shared;
use driver::Driver;

pub(crate) use once::once;
pub use queue::Turns;
pub use stream::KeptStream;

/// What is asked.
#[derive(Debug)]
pub struct Kept {
    /// Whose it is, and what is added to it.
    pub acting: Acting,
    /// The request, with all its messages.
    pub request: JsonRequest,
    /// The key that it was sent under.
    pub key: Option<KeyClaim>,
    /// The turn, where a conversation is kept.
    pub turn: Option<Turn>,
}

/// A turn of a stored conversation.
#[derive(Debug)]
pub struct Turn {
    /// The conversation; none: a new one.
    pub conversation: Option<ConversationId>,
    /// What is new.
    pub new: NewMessages,
}

/// Answers with a whole completion, once it is stored.
pub async fn complete(shared: &Shared, call: &Call, kept: Kept) -> Result<Answered<ChatCompletion>, ApiError> {
    let left = CancellationToken::new();
    let _leaving = left.clone().drop_guard();
    let driver = Driver::new(shared, call, kept, left)?;
    let (reply, answer) = oneshot::channel();
    tokio::spawn(driver.complete(reply));
    answer.await.unwrap_or_else(|_| Err(ended_early()))
}

/// Answers with a stream, whose last chunks come once the answer is stored.
pub async fn stream(shared: &Shared, call: &Call, kept: Kept) -> Result<Answered<KeptStream>, ApiError> {
    let left = CancellationToken::new();
    let leaving = left.clone().drop_guard();
    let driver = Driver::new(shared, call, kept, left)?;
    let (reply, answer) = oneshot::channel();
    tokio::spawn(driver.stream(reply));
    let Answered { answer, told } = answer.await.unwrap_or_else(|_| Err(ended_early()))?;
    Ok(Answered { answer: KeptStream::new(answer, leaving), told })
}

fn ended_early() -> ApiError {
    ApiError::internal("the task of a turn ended without an answer")
}
