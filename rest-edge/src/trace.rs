//! Traces: a span for each request, from its head to the last byte of its answer, sent to an OpenTelemetry collector. The core
//! goes on below it, since it is told of the span as W3C's Trace Context wants it. Without a collector there are no spans, and
//! the client's own context goes to the core as it came.

#[cfg(feature = "otlp")]
mod export;
mod requests;
mod span;

use crate::config::TraceSettings;

pub(crate) use requests::{begin_request, name_route};

/// The name of the edge's spans among all of a process.
const SCOPE: &str = "gateway-edge";

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
        join();
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

/// Begins to make spans that somebody else in this process sends.
pub fn join() {
    span::begin_to_record(SCOPE);
}

impl Tracing {
    /// Sends what is left, as far as that is possible in a second.
    pub async fn end(self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = self.provider {
            export::end(provider).await;
        }
    }
}
