//! The body that goes to a model server: what the caller wrote, in pieces that are not copied, with the few members
//! that the gateway sets itself.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_proto::json::Writer;
use gateway_proto::v1::ChatRequest;
use http_body::{Body, Frame, SizeHint};

use crate::domain::chat::JsonRequest;

/// A piece of caller JSON of at most this many bytes is copied into the text around it; a larger one is sent as it is.
const COPIED_BYTES: usize = 8 * 1024;

/// A body of known length in pieces.
#[derive(Clone, Debug, Default)]
pub struct RequestBody {
    pieces: VecDeque<Bytes>,
}

impl RequestBody {
    /// The body of a unary call for a model under the server's own name for it.
    #[must_use]
    pub fn unary(request: &JsonRequest, upstream_model: &str) -> Self {
        PieceWriter::begin(request, upstream_model).finish()
    }

    /// The body of a call that is answered with a stream. Its usage is always asked for, since the gateway counts it.
    #[must_use]
    pub fn stream(request: &JsonRequest, upstream_model: &str) -> Self {
        let mut writer = PieceWriter::begin(request, upstream_model);
        writer.text.name("stream");
        writer.text.boolean(true);
        writer.text.name("stream_options");
        writer.text.begin_object();
        writer.boolean("include_usage", Some(true));
        if let Some(options) = &request.parameters.stream_options {
            writer.boolean("include_obfuscation", options.include_obfuscation);
            writer.text.members_of(&options.unknown_members_json);
        }
        writer.text.end_object();
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
#[derive(Default)]
struct PieceWriter {
    text: Writer,
    pieces: VecDeque<Bytes>,
}

impl PieceWriter {
    /// Writes all that the caller asked for; the object stays open.
    fn begin(request: &JsonRequest, upstream_model: &str) -> Self {
        let mut writer = Self::default();
        writer.text.begin_object();
        writer.text.name("model");
        writer.text.string(upstream_model);
        writer.list("messages", &request.messages);
        if !request.tools.is_empty() {
            writer.list("tools", &request.tools);
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

    fn piece(&mut self, json: &Bytes) {
        if json.len() <= COPIED_BYTES {
            return self.text.raw(json);
        }
        self.text.raw_elsewhere();
        self.pieces.push_back(self.text.take().into());
        self.pieces.push_back(json.clone());
    }

    fn list(&mut self, name: &str, elements: &[Bytes]) {
        self.text.name(name);
        self.text.begin_array();
        for element in elements {
            self.piece(element);
        }
        self.text.end_array();
    }

    /// A member of caller JSON; empty text is absent.
    fn json(&mut self, name: &str, json: &Bytes) {
        if !json.is_empty() {
            self.text.name(name);
            self.piece(json);
        }
    }

    fn double(&mut self, name: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.text.name(name);
            self.text.double(value);
        }
    }

    fn integer(&mut self, name: &str, value: Option<i64>) {
        if let Some(value) = value {
            self.text.name(name);
            self.text.integer(value);
        }
    }

    fn boolean(&mut self, name: &str, value: Option<bool>) {
        if let Some(value) = value {
            self.text.name(name);
            self.text.boolean(value);
        }
    }

    fn string(&mut self, name: &str, value: Option<&String>) {
        self.text.optional_string(name, value.map(String::as_str));
    }

    /// One text as a string, several as an array, none as nothing: the spellings that every server takes.
    fn stop(&mut self, stop: &[String]) {
        match stop {
            [] => {}
            [one] => self.text.optional_string("stop", Some(one)),
            several => self.strings("stop", several),
        }
    }

    fn strings(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.text.name(name);
            self.text.begin_array();
            values.iter().for_each(|value| self.text.string(value));
            self.text.end_array();
        }
    }

    fn parameters(&mut self, request: &ChatRequest) {
        self.boolean("parallel_tool_calls", request.parallel_tool_calls);
        self.integer("max_tokens", request.max_tokens);
        self.integer("max_completion_tokens", request.max_completion_tokens);
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
        self.text.members_of(&request.unknown_members_json);
    }
}

#[cfg(test)]
mod tests {
    use gateway_proto::v1::StreamOptions;

    use super::*;

    fn request(messages: Vec<Bytes>) -> JsonRequest {
        JsonRequest { messages, ..JsonRequest::default() }
    }

    #[test]
    fn what_the_caller_wrote_is_sent_as_it_was_written() {
        let mut request = request(vec![r#"{"role":"user", "content":"\u00e9","z":1.0}"#.into()]);
        request.tools = vec![r#"{"type":"function","function":{"parameters":{"b":1,"a":1e2}}}"#.into()];
        request.parameters = ChatRequest {
            temperature: Some(0.5),
            seed: Some(9_007_199_254_740_993),
            stop: vec!["\n".to_owned()],
            unknown_members_json: r#" {"top_k": 5, "x": {}} "#.into(),
            ..ChatRequest::default()
        };
        assert_eq!(
            String::from_utf8(RequestBody::unary(&request, "org/m").concat()).unwrap(),
            concat!(
                r#"{"model":"org/m","messages":[{"role":"user", "content":"\u00e9","z":1.0}],"#,
                r#""tools":[{"type":"function","function":{"parameters":{"b":1,"a":1e2}}}],"#,
                r#""temperature":0.5,"stop":"\n","seed":9007199254740993,"top_k": 5, "x": {}}"#
            )
        );
    }

    #[test]
    fn a_stream_is_asked_for_with_its_usage() {
        let options = |members: &'static str| StreamOptions {
            include_usage: Some(false),
            include_obfuscation: Some(false),
            unknown_members_json: members.into(),
        };
        let mut request = request(vec![]);
        let text = |request: &JsonRequest| String::from_utf8(RequestBody::stream(request, "m").concat()).unwrap();
        let begin = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true"#;
        assert_eq!(text(&request), format!("{begin}}}}}"));
        request.parameters.stream_options = Some(options(r#"{"x":1}"#));
        assert_eq!(text(&request), format!(r#"{begin},"include_obfuscation":false,"x":1}}}}"#));
    }

    #[test]
    fn large_pieces_are_not_copied() {
        let large = Bytes::from(format!(r#"{{"role":"user","content":"{}"}}"#, "x".repeat(COPIED_BYTES)));
        let small = Bytes::from_static(br#"{"role":"user","content":"y"}"#);
        let body = RequestBody::unary(&request(vec![small.clone(), large.clone(), large.clone(), small]), "m");
        let shared = body.pieces.iter().filter(|piece| piece.as_ptr() == large.as_ptr()).count();
        assert_eq!(shared, 2);
        let whole: serde_json::Value = serde_json::from_slice(&body.concat()).unwrap();
        assert_eq!(whole["messages"].as_array().unwrap().len(), 4);
        assert_eq!(body.size_hint().exact(), Some(body.concat().len() as u64));
    }
}
