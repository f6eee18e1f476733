//! What is new in a turn, and which of the history goes with it.

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;

use super::fields::{json_field, quoted};
use super::outline::outline;
use super::parameters::metadata;

/// Of what fits, this much is kept when something must go, so that the next turns keep their prefix.
const KEPT_PER_CENT: u64 = 75;
/// The largest share of a model's window that is kept free for the answer, in per cent.
const MAX_ANSWER_PER_CENT: u64 = 25;
/// What a tool call gets whose result never came.
const NOT_RUN: &str = "This tool call was not run.";

/// What is new in a turn.
#[derive(Clone, Debug, Default)]
pub struct NewMessages {
    /// Instructions by the application, which are not stored.
    pub instructions: Vec<Bytes>,
    /// Results of tool calls, each with its place in the request and the call that it answers.
    pub results: Vec<ToolResult>,
    /// What the user says.
    pub user: Option<Bytes>,
}

/// The result of a tool call.
#[derive(Clone, Debug)]
pub struct ToolResult {
    index: usize,
    call: String,
    message: Bytes,
}

/// The message of a user with this content, which is still to be judged as one.
pub fn user_message(content: &Bytes) -> Result<Bytes, ApiError> {
    // One value and nothing behind it, so that it cannot bring members of its own.
    json_field("message", content, |reader| reader.value().map(drop))?;
    let mut writer = Writer::with_capacity(content.len() + 32);
    writer.begin_object();
    writer.optional_string("role", Some("user"));
    writer.name("content");
    writer.raw(content);
    writer.end_object();
    Ok(writer.finish().into())
}

/// Takes out of a request's messages, which were judged, those that the gateway does not know yet.
pub fn select_new(messages: &[Bytes]) -> Result<NewMessages, ApiError> {
    let outlines: Vec<_> = messages.iter().map(outline).collect();
    let is_instruction = |role: &str| matches!(role, "system" | "developer");
    let leading = outlines.iter().take_while(|outline| is_instruction(&outline.role)).count();
    let mut new = NewMessages { instructions: messages[..leading].to_vec(), ..NewMessages::default() };
    let mut end = messages.len();
    if end > leading && outlines[end - 1].role == "user" {
        end -= 1;
        new.user = Some(messages[end].clone());
    }
    let results = outlines[leading..end].iter().rev().take_while(|outline| outline.role == "tool").count();
    for index in end - results..end {
        let call = outlines[index].answers.clone().unwrap_or_default();
        new.results.push(ToolResult { index, call, message: messages[index].clone() });
    }
    if new.user.is_none() && new.results.is_empty() {
        let param = format!("messages[{}].role", messages.len().saturating_sub(1));
        let message = "The last message of a turn must be the user's, or the result of a tool call.";
        return Err(ApiError::invalid_field(param, message));
    }
    Ok(new)
}

impl NewMessages {
    /// A user's message and nothing else.
    #[must_use]
    pub fn of_user(message: Bytes) -> Self {
        Self { user: Some(message), ..Self::default() }
    }

    /// All that is new and is stored.
    pub fn messages(&self) -> impl Iterator<Item = &Bytes> + Clone {
        self.results.iter().map(|result| &result.message).chain(&self.user)
    }

    /// The messages that are stored, in their order, when these tool calls wait for a result. Calls that get none are
    /// closed, since no model server takes a history in which one is open.
    pub fn to_store(&self, mut open: Vec<String>) -> Result<Vec<Bytes>, ApiError> {
        let mut messages = Vec::with_capacity(self.results.len() + open.len() + 2);
        for result in &self.results {
            let Some(place) = open.iter().position(|call| *call == result.call) else {
                let param = format!("messages[{}].tool_call_id", result.index);
                let message = format!("'{param}' answers '{}', which is no open tool call.", quoted(&result.call));
                return Err(ApiError::invalid_field(param, message));
            };
            open.remove(place);
            messages.push(result.message.clone());
        }
        messages.extend(open.iter().map(|call| not_run(call)));
        messages.extend(self.user.clone());
        Ok(messages)
    }
}

fn not_run(call: &str) -> Bytes {
    let mut writer = Writer::with_capacity(96);
    writer.begin_object();
    writer.optional_string("role", Some("tool"));
    writer.optional_string("tool_call_id", Some(call));
    writer.optional_string("content", Some(NOT_RUN));
    writer.end_object();
    writer.finish().into()
}

/// What bounds a prompt.
#[derive(Clone, Copy, Debug)]
pub struct PromptLimits {
    /// The model's context window in tokens, where it is known.
    pub window: Option<u32>,
    /// The most tokens of the answer that the caller asked for.
    pub answer: Option<i64>,
    /// The most bytes of all messages.
    pub bytes: u64,
}

/// How large something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// In tokens, as estimated.
    pub tokens: u64,
    /// In bytes.
    pub bytes: u64,
}

/// A turn of the history.
#[derive(Clone, Copy, Debug)]
pub struct PastTurn {
    /// Its messages together.
    pub size: Size,
    /// Whether it makes no sense without the turn before.
    pub continues: bool,
}

/// How many of the oldest turns must be left out, so that the rest and what is new fit. Turns that make no sense
/// without the one before go together with it.
#[must_use]
pub fn turns_to_leave_out(history: &[PastTurn], new: Size, goes_on: bool, limits: PromptLimits) -> usize {
    let answer = |window: u64| {
        let asked = limits.answer.and_then(|asked| u64::try_from(asked).ok()).unwrap_or_default();
        asked.min(window * MAX_ANSWER_PER_CENT / 100)
    };
    let window = limits.window.map(u64::from).map(|window| window - answer(window));
    let fits = |size: Size, per_cent: u64| {
        let fits_window = window.is_none_or(|window| size.tokens <= window * per_cent / 100);
        fits_window && size.bytes <= limits.bytes * per_cent / 100
    };
    let with = |size: Size, turn: &PastTurn| Size {
        tokens: size.tokens + turn.size.tokens,
        bytes: size.bytes + turn.size.bytes,
    };
    if fits(history.iter().fold(new, with), 100) {
        return 0;
    }
    // From the newest turn back, as long as they fit.
    let (mut size, mut start) = (new, history.len());
    for (index, turn) in history.iter().enumerate().rev() {
        size = with(size, turn);
        let is_needed = goes_on && start == history.len();
        if !is_needed && !fits(size, KEPT_PER_CENT) {
            break;
        }
        if !turn.continues {
            start = index;
        }
    }
    start
}

/// Judges a title.
pub fn check_title(title: &str) -> Result<(), ApiError> {
    const MAX_CHARS: usize = 256;
    let has_form = (1..=MAX_CHARS).contains(&title.chars().count()) && !title.chars().any(char::is_control);
    if has_form {
        return Ok(());
    }
    let message = format!("'title' must be 1 to {MAX_CHARS} characters without control characters.");
    Err(ApiError::invalid_field("title", message))
}

/// Judges the caller's labels, by the rule of a chat's `metadata`.
pub fn check_metadata(json: &Bytes) -> Result<(), ApiError> {
    json_field("metadata", json, metadata)
}

#[cfg(test)]
mod tests;
