//! How far a loop is, and what the next step is.

use std::sync::Arc;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::v1::{AssistantMessage, Usage, assistant_message};

use super::calls::{CallResult, OwnCall, own_calls};
use super::guard::{Guard, Signature};
use super::offer::Offered;
use super::totals::Totals;
use super::{LoopEnd, Session, synthesis};
use crate::answer::write_message;
use crate::api_errors;
use crate::domain::chat::JsonRequest;
use crate::domain::limits::Applied;
use crate::tools::{Effect, Tool, ToolContext};
use crate::usage::Priced;

/// How far a loop is.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) session: Session,
    /// The request of the next call of the model.
    pub(super) request: JsonRequest,
    /// What the caller is told of it.
    pub(super) applied: Applied,
    /// What the steps said and gave, to be kept with the turn.
    steps: Vec<Bytes>,
    guard: Guard,
    iterations: u32,
    totals: Totals,
    has_changed_anything: bool,
    end: Option<LoopEnd>,
}

/// What a step comes to.
#[derive(Debug)]
pub(super) enum Next {
    /// It is the answer.
    Answer,
    /// The caller has calls to run; before that these are run.
    Caller(Vec<OwnCall>),
    /// These are run, and the model is asked again.
    Run(Vec<OwnCall>),
    /// The model repeats itself, and is asked once more without tools.
    End,
}

impl Progress {
    pub(super) fn new(session: Session, mut request: JsonRequest, applied: &Applied) -> Self {
        request.tools.extend(session.offered.definitions());
        Self {
            session,
            request,
            applied: applied.clone(),
            steps: Vec::new(),
            guard: Guard::default(),
            iterations: 0,
            totals: Totals::default(),
            has_changed_anything: false,
            end: None,
        }
    }

    pub(super) fn offered(&self) -> &Offered {
        &self.session.offered
    }

    pub(super) fn context(&self) -> Arc<ToolContext> {
        Arc::clone(&self.session.context)
    }

    /// Why the loop ended, where it did not end by itself.
    pub(super) fn end(&self) -> Option<LoopEnd> {
        self.end
    }

    /// What the calls of the model so far came to.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Adds what a call of the model came to.
    pub(super) fn add(&mut self, usage: Option<&Usage>, priced: Option<Priced>) {
        self.totals.add(usage, priced);
    }

    /// Whether the model may be asked once more.
    pub(super) fn check(&self) -> Result<(), ApiError> {
        let is_revoked = self.session.context.call.caller.revoked().is_cancelled();
        if is_revoked { Err(self.refusal(api_errors::revoked())) } else { Ok(()) }
    }

    /// An error as it is told now: what tools have changed is not to be changed a second time.
    pub(super) fn refusal(&self, error: ApiError) -> ApiError {
        if self.has_changed_anything { error.not_retryable() } else { error }
    }

    /// What a step comes to, by what the model said.
    pub(super) fn judge(&mut self, message: &AssistantMessage) -> Next {
        if self.end.is_some() || message.tool_calls.is_empty() {
            return Next::Answer;
        }
        let (own, has_callers) = own_calls(message, &self.session.offered);
        if has_callers {
            // Where nothing is kept, what they gave would be lost with the step.
            return Next::Caller(if self.session.keeps_steps { own } else { Vec::new() });
        }
        let signatures: Vec<Signature> = own.iter().map(OwnCall::signature).collect();
        self.iterations += 1;
        if self.guard.is_repeated(&signatures) {
            self.finish(LoopEnd::Repeat(self.iterations));
            return Next::End;
        }
        self.guard.note(signatures);
        Next::Run(own)
    }

    /// Takes in what a step said and gave.
    pub(super) fn take(&mut self, message: &AssistantMessage, results: Vec<CallResult>) {
        self.has_changed_anything |= results.iter().any(|result| result.effect.changes_anything());
        if results.iter().any(|result| result.effect == Effect::WritesMemory) {
            let tools = &self.session.offered.tools;
            let reads_memory = |tool: &&Arc<dyn Tool>| tool.facts().effect == Effect::ReadsMemory;
            let stale: Vec<&str> = tools.iter().filter(reads_memory).map(|tool| tool.facts().name.as_str()).collect();
            self.guard.forget(|name| stale.contains(&name));
        }
        let begin = self.steps.len();
        self.steps.push(write_message(message));
        self.steps.extend(results.into_iter().map(|result| result.message));
        self.request.messages.extend_from_slice(&self.steps[begin..]);
        // What must be called first was called.
        self.request.tool_choice = Bytes::new();
    }

    /// After a step was taken in: whether it was the last one that may be.
    pub(super) fn reached_cap(&mut self) -> bool {
        let most = self.session.context.shared.tools().limits().max_iterations;
        if self.iterations < most {
            return false;
        }
        self.finish(LoopEnd::Cap(most));
        true
    }

    fn finish(&mut self, end: LoopEnd) {
        metrics::counter!("gateway_tool_loop_ends_total", "code" => end.code().facts().code).increment(1);
        self.end = Some(end);
        self.applied.tool_loop = Some((end.code(), end.iterations()));
        self.request.messages = synthesis::messages(&self.request.messages);
        self.request.tools.clear();
        self.request.tool_choice = Bytes::new();
        self.request.parameters.parallel_tool_calls = None;
    }

    /// Whether a step was taken in.
    pub(super) fn has_begun(&self) -> bool {
        self.iterations > 0
    }

    /// What is kept with the turn besides its last message.
    pub(super) fn into_steps(self) -> Vec<Bytes> {
        self.steps
    }
}

/// The text of a message, where it is nothing but text.
pub(super) fn text_of(message: &AssistantMessage) -> &str {
    match &message.content {
        Some(assistant_message::Content::Text(text)) => text,
        Some(assistant_message::Content::ContentJson(_)) | None => "",
    }
}
