//! Makes the chunks of several answers those of one: one id, one role, one end.

use gateway_proto::v1::{
    ChatCompletionChunk, ChunkChoice, ChunkNotice, FinishReason, MessageDelta, Usage, message_delta,
};

use super::BETWEEN;
use super::splitter::Splitter;
use crate::tool_loop::offer::Offered;

/// What the chunks so far have said.
#[derive(Debug, Default)]
pub(super) struct Cut {
    /// What every chunk begins with, once the first is there.
    head: Option<ChatCompletionChunk>,
    has_role: bool,
    /// Whether text went out at all, and in this step.
    has_text: bool,
    has_text_in_step: bool,
    splitter: Splitter,
    /// The chunk with which the current step ended.
    end: Option<ChatCompletionChunk>,
    /// What the model server said of the current step.
    usage: Option<Usage>,
}

impl Cut {
    /// A further answer begins.
    pub(super) fn begin_step(&mut self) {
        self.splitter = Splitter::default();
        self.end = None;
        self.usage = None;
        self.has_text_in_step = false;
    }

    /// What the model server said of the current step.
    pub(super) fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// Whether the current step gave no text.
    pub(super) fn has_said_nothing(&self) -> bool {
        !self.has_text_in_step
    }

    /// Takes in what came, and gives what goes out of it. Of a step without tools no call goes out.
    pub(super) fn take(
        &mut self,
        chunks: Vec<ChatCompletionChunk>,
        offered: &Offered,
        is_without_tools: bool,
    ) -> Vec<ChatCompletionChunk> {
        let mut out = Vec::with_capacity(chunks.len());
        for mut chunk in chunks {
            self.take_head(&mut chunk);
            if let Some(usage) = chunk.usage.take() {
                self.usage = Some(usage);
            }
            chunk.choices.retain(|choice| choice.index == 0);
            let Some(choice) = chunk.choices.first_mut() else { continue };
            if let Some(delta) = &mut choice.delta {
                self.take_delta(delta, offered, is_without_tools);
            }
            if choice.finish_reason() != FinishReason::Unspecified {
                // It goes out when it is known to be the end of the whole; what it says besides goes out now.
                let mut end = chunk.clone();
                end.choices.iter_mut().for_each(|choice| choice.delta = Some(MessageDelta::default()));
                self.end = Some(end);
                if let Some(choice) = chunk.choices.first_mut() {
                    choice.set_finish_reason(FinishReason::Unspecified);
                    choice.other_finish_reason.clear();
                }
            }
            if chunk.choices.first().is_some_and(says_something) {
                out.push(chunk);
            }
        }
        out
    }

    fn take_head(&mut self, chunk: &mut ChatCompletionChunk) {
        match &self.head {
            Some(head) => {
                chunk.id.clone_from(&head.id);
                chunk.created = head.created;
            }
            None => {
                self.head = Some(ChatCompletionChunk {
                    id: chunk.id.clone(),
                    created: chunk.created,
                    model: chunk.model.clone(),
                    ..ChatCompletionChunk::default()
                });
            }
        }
    }

    fn take_delta(&mut self, delta: &mut MessageDelta, offered: &Offered, is_without_tools: bool) {
        if delta.role.is_some() && std::mem::replace(&mut self.has_role, true) {
            delta.role = None;
        }
        if let Some(message_delta::Content::Text(text)) = &mut delta.content
            && !text.is_empty()
        {
            if self.has_text && !self.has_text_in_step {
                text.insert_str(0, BETWEEN);
            }
            self.has_text = true;
            self.has_text_in_step = true;
        }
        let pieces = std::mem::take(&mut delta.tool_calls);
        if !is_without_tools {
            for piece in pieces {
                self.splitter.take(piece, offered, &mut delta.tool_calls);
            }
        }
    }

    /// The chunk with which the whole answer ends.
    pub(super) fn finish(&mut self, instead_of_calls: Option<FinishReason>) -> Option<ChatCompletionChunk> {
        let mut end = match self.end.take() {
            Some(end) => end,
            // A model server that closed its stream without a reason.
            None => {
                let mut end = self.with_delta(MessageDelta::default())?;
                end.choices.iter_mut().for_each(|choice| choice.set_finish_reason(FinishReason::Stop));
                end
            }
        };
        if let Some(choice) = end.choices.first_mut()
            && let Some(reason) = instead_of_calls
            && choice.finish_reason() == FinishReason::ToolCalls
        {
            choice.set_finish_reason(reason);
        }
        Some(end)
    }

    /// A chunk that says this text.
    pub(super) fn say(&mut self, text: &str) -> Option<ChatCompletionChunk> {
        let separator = if self.has_text { BETWEEN } else { "" };
        let content = Some(message_delta::Content::Text(format!("{separator}{text}")));
        self.with_delta(MessageDelta { content, ..MessageDelta::default() })
    }

    /// A chunk that tells something beside the answer, and adds nothing to it.
    pub(super) fn beside(&self, notice: ChunkNotice) -> Option<ChatCompletionChunk> {
        let chunk = self.with_delta(MessageDelta::default())?;
        Some(ChatCompletionChunk { notice: Some(notice), ..chunk })
    }

    /// The chunk with the usage, which has no choice.
    pub(super) fn usage_chunk(&self, usage: Usage) -> Option<ChatCompletionChunk> {
        self.head.clone().map(|head| ChatCompletionChunk { usage: Some(usage), ..head })
    }

    fn with_delta(&self, delta: MessageDelta) -> Option<ChatCompletionChunk> {
        let choice = ChunkChoice { delta: Some(delta), ..ChunkChoice::default() };
        self.head.clone().map(|head| ChatCompletionChunk { choices: vec![choice], ..head })
    }
}

/// Whether a choice says anything, an empty text that some servers begin with not among it.
fn says_something(choice: &ChunkChoice) -> bool {
    let is_empty_delta = choice.delta.as_ref().is_none_or(|delta| {
        let has_content = match &delta.content {
            Some(message_delta::Content::Text(text)) => !text.is_empty(),
            Some(message_delta::Content::ContentJson(json)) => json.as_ref() != b"null",
            None => false,
        };
        !has_content
            && delta.role.is_none()
            && delta.refusal.is_none()
            && delta.tool_calls.is_empty()
            && delta.unknown_members_json.is_empty()
    });
    !is_empty_delta || choice.logprobs_form.is_some() || !choice.unknown_members_json.is_empty()
}
