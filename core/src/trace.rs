//! Traces: which part of a request took how long, sent to an OpenTelemetry collector.
//!
//! A call has a span from its first byte to its last ([`calls`]), each call of a model server one below it, and each run of a
//! tool ([`gen_ai`]); the model server is told of its span as W3C's Trace Context wants it. Without a collector there are no
//! spans, and the caller's own context goes to the model server as it came. A span tells of names, numbers and outcomes that
//! are the operator's or the gateway's own, never what a caller, a model or a tool said.

mod calls;
#[cfg(feature = "otlp")]
mod export;
mod gen_ai;
mod span;

use crate::config::TraceSettings;

pub(crate) use calls::begin_call;
pub(crate) use gen_ai::{ChatSpan, ToolSpan};

/// What sends the spans of this process, until it is to end.
#[derive(Debug)]
pub struct Tracing {
    #[cfg(feature = "otlp")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

/// Begins to keep traces where there is a collector, under the program's name. It is called within the runtime that is to
/// send them.
#[cfg(feature = "otlp")]
pub fn begin(settings: &TraceSettings, program: &'static str) -> Result<Tracing, String> {
    let provider = export::begin(settings, program)?;
    if provider.is_some() {
        span::begin_to_record("gateway-core");
    }
    Ok(Tracing { provider })
}

/// Refuses a collector, of which this build knows nothing.
#[cfg(not(feature = "otlp"))]
pub fn begin(settings: &TraceSettings, _: &'static str) -> Result<Tracing, String> {
    match settings.endpoint() {
        None => Ok(Tracing {}),
        Some(_) => {
            Err("OTEL_EXPORTER_OTLP_ENDPOINT: this build keeps no traces; it has not the feature 'otlp'".to_owned())
        }
    }
}

impl Tracing {
    /// Whether there is a collector.
    #[must_use]
    pub fn is_on(&self) -> bool {
        span::is_on()
    }

    /// Sends what is left, as far as that is possible in a second.
    pub async fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = self.provider {
            export::end(provider).await;
        }
    }
}
