//! The spans of what is done for a chat, after OpenTelemetry's conventions for generative AI: calls of model servers and
//! runs of tools.

use std::borrow::Cow;
use std::time::Duration;

use gateway_proto::TraceContext;
use gateway_proto::v1::{ChatCompletion, ChatCompletionChunk, FinishReason, Usage};
use opentelemetry::{Array, StringValue, Value};

use super::span::{Span, SpanKind};
use crate::upstream::Upstream;

/// The longest id that a model server may have made up.
const MAX_ID_CHARS: usize = 128;

/// The span of a call of a model server; nothing where it is not kept. One that is dropped without an outcome was left by its
/// caller.
#[derive(Debug, Default)]
pub(crate) struct ChatSpan(Option<Box<Kept>>);

#[derive(Debug)]
struct Kept {
    span: Span,
    /// What the server said of its answer; each is told once, at the end.
    id: Option<String>,
    finish_reasons: Vec<&'static str>,
    usage: Option<Usage>,
    has_outcome: bool,
}

impl ChatSpan {
    /// Begins the span of a call of this server and this model of its own, and tells what the server is to be told.
    pub(crate) fn begin(
        parent: Option<&TraceContext>,
        upstream: &Upstream,
        model: &str,
        is_stream: bool,
    ) -> (Self, Option<TraceContext>) {
        let mut span = Span::begin(SpanKind::Client, parent, || Cow::Owned(format!("chat {model}")));
        let context = span.context(parent);
        if !span.is_recording() {
            return (Self(None), context);
        }
        span.set("gen_ai.operation.name", "chat");
        span.set("gen_ai.provider.name", upstream.name().to_owned());
        span.set("gen_ai.request.model", model.to_owned());
        if is_stream {
            span.set("gen_ai.request.stream", true);
        }
        if let Some((host, port)) = upstream.address() {
            span.set("server.address", host.to_owned());
            span.set("server.port", i64::from(port));
        }
        let kept = Kept { span, id: None, finish_reasons: Vec::new(), usage: None, has_outcome: false };
        (Self(Some(Box::new(kept))), context)
    }

    /// The first event of a stream is there.
    pub(crate) fn first_chunk(&mut self, after: Duration) {
        if let Some(kept) = &mut self.0 {
            kept.span.set("gen_ai.response.time_to_first_chunk", after.as_secs_f64());
        }
    }

    /// Takes note of a whole answer.
    pub(crate) fn completion(&mut self, completion: &ChatCompletion) {
        let Some(kept) = &mut self.0 else { return };
        kept.note(&completion.id, completion.choices.iter().map(|choice| choice.finish_reason()));
        kept.usage.clone_from(&completion.usage);
    }

    /// Takes note of what came of a stream.
    pub(crate) fn chunks(&mut self, chunks: &[ChatCompletionChunk]) {
        let Some(kept) = &mut self.0 else { return };
        for chunk in chunks {
            kept.note(&chunk.id, chunk.choices.iter().map(|choice| choice.finish_reason()));
            if chunk.usage.is_some() {
                kept.usage.clone_from(&chunk.usage);
            }
        }
    }

    /// The answer is whole.
    pub(crate) fn succeeded(&mut self) {
        if let Some(mut kept) = self.0.take() {
            kept.has_outcome = true;
        }
    }

    /// There is no answer, or it broke off, for a reason of this kind.
    pub(crate) fn failed(&mut self, kind: &'static str, status: Option<u16>) {
        let Some(mut kept) = self.0.take() else { return };
        kept.has_outcome = true;
        kept.span.set("error.type", kind);
        if let Some(status) = status {
            kept.span.set("http.response.status_code", i64::from(status));
        }
        kept.span.fail();
    }
}

impl Kept {
    fn note(&mut self, id: &str, reasons: impl Iterator<Item = FinishReason>) {
        if self.id.is_none() && !id.is_empty() {
            self.id = Some(bounded(id));
        }
        self.finish_reasons.extend(reasons.filter_map(reason));
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Self { span, id, finish_reasons, usage, has_outcome } = self;
        if let Some(id) = id.take() {
            span.set("gen_ai.response.id", id);
        }
        if !finish_reasons.is_empty() {
            let reasons = finish_reasons.iter().map(|reason| StringValue::from(*reason)).collect();
            span.set("gen_ai.response.finish_reasons", Value::Array(Array::String(reasons)));
        }
        if let Some(usage) = usage {
            span.set("gen_ai.usage.input_tokens", i64::from(usage.prompt_tokens));
            span.set("gen_ai.usage.output_tokens", i64::from(usage.completion_tokens));
        }
        if !*has_outcome {
            span.set("error.type", "cancelled");
        }
    }
}

fn reason(reason: FinishReason) -> Option<&'static str> {
    match reason {
        FinishReason::Unspecified => None,
        FinishReason::Stop => Some("stop"),
        FinishReason::Length => Some("length"),
        FinishReason::ToolCalls => Some("tool_calls"),
        FinishReason::ContentFilter => Some("content_filter"),
        FinishReason::FunctionCall => Some("function_call"),
        FinishReason::Other => Some("other"),
    }
}

/// The span of a run of a tool. One that is dropped without an outcome was left by its caller.
#[derive(Debug)]
pub(crate) struct ToolSpan {
    span: Span,
    has_outcome: bool,
}

impl ToolSpan {
    /// Begins the span of a run, and tells where what it does stands in the trace, if that is somewhere else; `call_id` is
    /// what the model calls it.
    pub(crate) fn begin(
        parent: Option<&TraceContext>,
        name: &str,
        call_id: Option<&str>,
    ) -> (Self, Option<TraceContext>) {
        let mut span = Span::begin(SpanKind::Internal, parent, || Cow::Owned(format!("execute_tool {name}")));
        if span.is_recording() {
            span.set("gen_ai.operation.name", "execute_tool");
            span.set("gen_ai.tool.name", name.to_owned());
            if let Some(id) = call_id {
                span.set("gen_ai.tool.call.id", bounded(id));
            }
        }
        let trace = if span.is_recording() { span.context(parent) } else { None };
        (Self { span, has_outcome: false }, trace)
    }

    /// It ended, with a failure of this kind or with a result.
    pub(crate) fn end(mut self, failure: Option<&'static str>) {
        self.has_outcome = true;
        if let Some(kind) = failure {
            self.span.set("error.type", kind);
            self.span.fail();
        }
    }
}

impl Drop for ToolSpan {
    fn drop(&mut self) {
        if !self.has_outcome {
            self.span.set("error.type", "cancelled");
        }
    }
}

fn bounded(id: &str) -> String {
    id.chars().take(MAX_ID_CHARS).collect()
}
