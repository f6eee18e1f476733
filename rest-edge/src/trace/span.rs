//! A span under way, or nothing. The core has the like of it.
//!
//! Spans are made with OpenTelemetry's API by hand and not out of log lines, so that what is logged cannot get into one, and
//! so that they cost one branch while no traces are kept.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::OnceLock;

use gateway_proto::TraceContext;
use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, Value};

pub(crate) use opentelemetry::trace::SpanKind;

static TRACER: OnceLock<BoxedTracer> = OnceLock::new();

/// From now on spans are made, for the provider that was set for this process.
pub(super) fn begin_to_record(scope: &'static str) {
    TRACER.get_or_init(|| global::tracer(scope));
}

/// Whether traces are kept at all.
pub(crate) fn is_on() -> bool {
    TRACER.get().is_some()
}

/// A span under way, or nothing where no traces are kept. It ends when it is dropped.
#[derive(Default)]
pub(crate) struct Span(Option<BoxedSpan>);

impl Span {
    /// Begins a span below the parent, or a trace where there is none.
    pub(crate) fn begin(
        kind: SpanKind,
        parent: Option<&TraceContext>,
        name: impl FnOnce() -> Cow<'static, str>,
    ) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(remote(parent)));
        Self(Some(tracer.build_with_context(SpanBuilder::from_name(name()).with_kind(kind), &parent)))
    }

    /// Whether it is kept, so that it is worth to find out what to say of it.
    pub(crate) fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(BoxedSpan::is_recording)
    }

    /// Where what is done for it stands in the trace: below it, or below the parent where it is nothing.
    pub(crate) fn context(&self, parent: Option<&TraceContext>) -> Option<TraceContext> {
        let Some(span) = &self.0 else { return parent.cloned() };
        let context = span.span_context();
        Some(TraceContext {
            trace_id: context.trace_id().to_bytes(),
            span_id: context.span_id().to_bytes(),
            flags: context.trace_flags().to_u8(),
            state: parent.and_then(|parent| parent.state.clone()),
        })
    }

    /// Says something of it. Never anything that a caller, a model or a tool wrote.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Calls it by another name.
    pub(crate) fn rename(&mut self, name: String) {
        if let Some(span) = &mut self.0 {
            span.update_name(name);
        }
    }

    /// Takes it for failed.
    pub(crate) fn fail(&mut self) {
        if let Some(span) = &mut self.0 {
            // What went wrong stands in `error.type`; a text could hold what others wrote.
            span.set_status(Status::error(""));
        }
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Span")
    }
}

fn remote(context: &TraceContext) -> SpanContext {
    let state = context.state.as_ref().and_then(|state| state.to_str().ok());
    let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    let (trace_id, span_id) = (TraceId::from_bytes(context.trace_id), SpanId::from_bytes(context.span_id));
    SpanContext::new(trace_id, span_id, TraceFlags::new(context.flags), true, state)
}
