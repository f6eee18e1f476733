//! What goes to the model in a turn: what the gateway adds, instructions, the history byte for byte, and what is new.

use std::sync::Arc;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_storage::{Owner, RunningTurn, Store, TurnSize};

use crate::api_errors;
use crate::domain::chat::JsonRequest;
use crate::domain::outline::open_calls;
use crate::domain::tokens::estimate;
use crate::domain::turn::{NewMessages, PastTurn, PromptLimits, Size, turns_to_leave_out};

/// The messages of a turn.
#[derive(Debug)]
pub(super) struct Prompt {
    /// All that go to the model.
    pub(super) messages: Vec<Bytes>,
    /// Those that are stored with the turn, besides its answer.
    pub(super) to_store: Vec<Bytes>,
    /// Whether the turn makes no sense without the one before.
    pub(super) continues: bool,
    /// The sequence number of the first message of the history that goes along.
    pub(super) start: u32,
    /// How many of the oldest turns were left out.
    pub(super) left_out: u32,
}

/// Puts the prompt together, behind what the gateway adds. `request` holds everything but the messages.
pub(super) async fn compose(
    store: &Arc<dyn Store>,
    owner: &Owner,
    turn: &RunningTurn,
    added: Option<Bytes>,
    new: &NewMessages,
    request: &JsonRequest,
    limits: PromptLimits,
) -> Result<Prompt, ApiError> {
    let past: Vec<_> = turn.history.iter().map(past_turn).collect();
    let form = [&request.response_format];
    let around: Vec<&Bytes> = added.iter().chain(&new.instructions).chain(&request.tools).chain(form).collect();
    let asked: Vec<&Bytes> = new.messages().collect();
    let all = around.iter().chain(&asked).copied();
    let size = Size { tokens: estimate(all.clone()), bytes: all.map(|text| text.len() as u64).sum() };
    let skipped = turns_to_leave_out(&past, size, !new.results.is_empty(), limits);
    let start = turn.history.get(skipped).map_or(turn.message_count, |turn| turn.first_sequence);

    let history = if turn.is_first {
        Vec::new()
    } else {
        // The last turn is always looked at: it may have ended in tool calls.
        let from = turn.history.last().map_or(start, |last| start.min(last.first_sequence));
        store.history(owner, turn.conversation, from).await.map_err(api_errors::from_store)?
    };
    let to_store = new.to_store(open_calls(&history))?;
    let (kept, sent) = if start < turn.message_count || turn.is_first {
        (history, to_store.clone())
    } else {
        // Without the calls that they close, results make no sense.
        (Vec::new(), new.user.iter().cloned().collect())
    };
    let messages = added.into_iter().chain(new.instructions.iter().cloned()).chain(kept).chain(sent).collect();
    Ok(Prompt {
        messages,
        continues: to_store.len() > usize::from(new.user.is_some()),
        to_store,
        start,
        left_out: turn.passed_over + u32::try_from(skipped).unwrap_or(u32::MAX),
    })
}

fn past_turn(turn: &TurnSize) -> PastTurn {
    PastTurn { size: Size { tokens: turn.tokens, bytes: turn.bytes }, continues: turn.continues }
}
