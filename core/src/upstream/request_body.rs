//! The body that goes to a model server: what the caller wrote, in pieces that are not copied, with the few members
//! that the gateway sets itself.

mod system_messages;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_proto::json::{Member, NoMembers, Reader, Writer};
use gateway_proto::v1::ChatRequest;
use http_body::{Body, Frame, SizeHint};

use super::handling::{RequestRules, SystemMessages, TokenLimitName};
use crate::domain::chat::JsonRequest;

/// A piece of caller JSON of at most this many bytes is copied into the text around it; a larger one is sent as it is.
const COPIED_BYTES: usize = 8 * 1024;

/// A body of known length in pieces.
#[derive(Clone, Debug, Default)]
pub struct RequestBody {
    pieces: VecDeque<Bytes>,
}

impl RequestBody {
    /// The body of a unary call for a model under the server's own name for it, written as the server wants it.
    #[must_use]
    pub fn unary(request: &JsonRequest, upstream_model: &str, rules: &RequestRules) -> Self {
        PieceWriter::begin(request, upstream_model, rules).finish()
    }

    /// The body of a call that is answered with a stream. Its usage is always asked for, since the gateway counts it,
    /// but of a server that does not take the question.
    #[must_use]
    pub fn stream(request: &JsonRequest, upstream_model: &str, rules: &RequestRules) -> Self {
        let mut writer = PieceWriter::begin(request, upstream_model, rules);
        writer.text.name("stream");
        writer.text.boolean(true);
        if writer.takes("stream_options") {
            writer.stream_options(&request.parameters);
        }
        writer.finish()
    }

    /// All of it in one piece, for a reader in this process.
    #[must_use]
    pub fn concat(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.length());
        self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
        whole
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length() as u64)
    }
}

/// Writes text, and puts large pieces between what it wrote.
struct PieceWriter<'a> {
    text: Writer,
    pieces: VecDeque<Bytes>,
    rules: &'a RequestRules,
}

impl<'a> PieceWriter<'a> {
    /// Writes all that the caller asked for; the object stays open.
    fn begin(request: &JsonRequest, upstream_model: &str, rules: &'a RequestRules) -> Self {
        let mut writer = Self { text: Writer::default(), pieces: VecDeque::new(), rules };
        writer.text.begin_object();
        writer.text.name("model");
        writer.text.string(upstream_model);
        writer.messages(&request.messages);
        if !request.tools.is_empty() && writer.takes("tools") {
            writer.text.name("tools");
            writer.text.begin_array();
            request.tools.iter().for_each(|tool| writer.piece(tool));
            writer.text.end_array();
        }
        writer.json("tool_choice", &request.tool_choice);
        writer.json("response_format", &request.response_format);
        writer.parameters(&request.parameters);
        writer
    }

    fn finish(mut self) -> RequestBody {
        self.text.end_object();
        self.pieces.push_back(self.text.finish().into());
        RequestBody { pieces: self.pieces }
    }

    /// Whether the server is sent the parameter of this name.
    fn takes(&self, name: &str) -> bool {
        !self.rules.drops(name)
    }

    /// A value that is JSON text.
    fn piece(&mut self, json: &Bytes) {
        if json.len() <= COPIED_BYTES {
            return self.text.raw(json);
        }
        self.text.raw_elsewhere();
        self.put_between(json);
    }

    /// A part of a JSON text that is none itself.
    fn fragment(&mut self, bytes: &Bytes) {
        if bytes.len() <= COPIED_BYTES { self.text.frame(bytes) } else { self.put_between(bytes) }
    }

    fn put_between(&mut self, bytes: &Bytes) {
        self.pieces.push_back(self.text.take().into());
        self.pieces.push_back(bytes.clone());
    }

    fn messages(&mut self, messages: &[Bytes]) {
        self.text.name("messages");
        self.text.begin_array();
        let merged = match self.rules.system_messages {
            SystemMessages::Keep => 0,
            SystemMessages::Merge => self.merged_instructions(messages),
        };
        messages[merged..].iter().for_each(|message| self.piece(message));
        self.text.end_array();
    }

    /// A member of caller JSON; empty text is absent.
    fn json(&mut self, name: &str, json: &Bytes) {
        if !json.is_empty() && self.takes(name) {
            self.text.name(name);
            self.piece(json);
        }
    }

    fn double(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|_| self.takes(name)) {
            self.text.name(name);
            self.text.double(value);
        }
    }

    fn integer(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value.filter(|_| self.takes(name)) {
            self.text.name(name);
            self.text.integer(value);
        }
    }

    fn boolean(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value.filter(|_| self.takes(name)) {
            self.text.name(name);
            self.text.boolean(value);
        }
    }

    fn string(&mut self, name: &str, value: Option<&String>) {
        self.text.optional_string(name, value.map(String::as_str).filter(|_| self.takes(name)));
    }

    /// One text as a string, several as an array, none as nothing: the spellings that every server takes.
    fn stop(&mut self, stop: &[String]) {
        match stop {
            [one] => self.string("stop", Some(one)),
            several => self.strings("stop", several),
        }
    }

    fn strings(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() && self.takes(name) {
            self.text.name(name);
            self.text.begin_array();
            values.iter().for_each(|value| self.text.string(value));
            self.text.end_array();
        }
    }

    /// The token limit under the name that the server knows. A caller that gave both keeps the value under that name.
    fn token_limit(&mut self, request: &ChatRequest) {
        let (older, newer) = (request.max_tokens, request.max_completion_tokens);
        match self.rules.token_limit {
            None => {
                self.integer("max_tokens", older);
                self.integer("max_completion_tokens", newer);
            }
            Some(TokenLimitName::MaxTokens) => self.integer("max_tokens", older.or(newer)),
            Some(TokenLimitName::MaxCompletionTokens) => self.integer("max_completion_tokens", newer.or(older)),
        }
    }

    fn stream_options(&mut self, request: &ChatRequest) {
        self.text.name("stream_options");
        self.text.begin_object();
        self.text.name("include_usage");
        self.text.boolean(true);
        if let Some(options) = &request.stream_options {
            if let Some(obfuscation) = options.include_obfuscation {
                self.text.name("include_obfuscation");
                self.text.boolean(obfuscation);
            }
            self.text.members_of(&options.unknown_members_json);
        }
        self.text.end_object();
    }

    /// What the gateway does not know, as it was written, without what the server does not take.
    fn unknown_members(&mut self, object: &Bytes) {
        if object.is_empty() || self.rules.drop_params.is_empty() {
            return self.text.members_of(object);
        }
        let Ok(mut reader) = Reader::new(object) else { return };
        // It was judged before: there is no fault to find.
        let _ = reader.members::<NoMembers>(|reader, member| {
            let Member::Unknown(name) = member;
            let value = reader.value()?;
            if self.takes(&name.text()) {
                self.text.raw(name.quoted().as_bytes());
                self.text.frame(b":");
                self.text.raw(value.as_bytes());
            }
            Ok(())
        });
    }

    fn parameters(&mut self, request: &ChatRequest) {
        self.boolean("parallel_tool_calls", request.parallel_tool_calls);
        self.token_limit(request);
        self.double("temperature", request.temperature);
        self.double("top_p", request.top_p);
        self.double("frequency_penalty", request.frequency_penalty);
        self.double("presence_penalty", request.presence_penalty);
        self.integer("n", request.n);
        self.stop(&request.stop);
        self.integer("seed", request.seed);
        self.boolean("logprobs", request.logprobs);
        self.integer("top_logprobs", request.top_logprobs);
        self.json("logit_bias", &request.logit_bias_json);
        self.string("reasoning_effort", request.reasoning_effort.as_ref());
        self.string("verbosity", request.verbosity.as_ref());
        self.strings("modalities", &request.modalities);
        self.json("audio", &request.audio_json);
        self.json("prediction", &request.prediction_json);
        self.string("service_tier", request.service_tier.as_ref());
        self.boolean("store", request.store);
        self.json("metadata", &request.metadata_json);
        self.string("user", request.user.as_ref());
        self.string("safety_identifier", request.safety_identifier.as_ref());
        self.string("prompt_cache_key", request.prompt_cache_key.as_ref());
        self.string("prompt_cache_retention", request.prompt_cache_retention.as_ref());
        self.json("web_search_options", &request.web_search_options_json);
        self.json("functions", &request.functions_json);
        self.json("function_call", &request.function_call_json);
        self.unknown_members(&request.unknown_members_json);
    }
}
