//! Sends spans to a collector. Core and edge have the same file.
//!
//! What it may take is bounded: spans wait in a queue that drops what it has no room for, and at the end they are waited for
//! no longer than a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::{KeyValue, global};
use opentelemetry_otlp::{WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter, SpanLimits,
};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tonic::metadata::MetadataMap;
use tonic::transport::ClientTlsConfig;

use crate::config::{SamplerName, TraceSettings};

/// How many spans may wait.
const QUEUE: usize = 2048;
/// How many are sent at once.
const BATCH: usize = 512;
/// How long a span waits for others to be sent with.
const DELAY: Duration = Duration::from_secs(1);
/// How long the collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end waits for the last spans to be sent.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// How often it is logged that spans cannot be sent.
const SILENCE: Duration = Duration::from_secs(60);

/// Begins to send spans where there is a collector, from within the runtime that is to do so.
pub(super) fn begin(settings: &TraceSettings, service: &'static str) -> Result<Option<SdkTracerProvider>, String> {
    let Some(endpoint) = settings.endpoint() else { return Ok(None) };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.to_string())
        .with_timeout(PATIENCE)
        .with_metadata(MetadataMap::from_headers(settings.headers()?));
    let exporter = match endpoint.scheme_str() {
        Some("https") => exporter.with_tls_config(ClientTlsConfig::new().with_enabled_roots()),
        Some(_) | None => exporter,
    };
    let exporter = exporter.build().map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))?;
    let exporter = Telling { exporter: Arc::new(exporter), runtime: Handle::current(), told: Mutex::new(None) };
    // All of it is said here, since the library would look for the rest in the environment.
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches).build())
        .with_sampler(sampler(settings))
        .with_span_limits(SpanLimits::default())
        .with_resource(resource(settings, service))
        .build();
    global::set_tracer_provider(provider.clone());
    Ok(Some(provider))
}

/// Sends what is left, as far as that is possible in a second.
pub(super) async fn end(provider: SdkTracerProvider) {
    // It blocks, and the runtime is what sends.
    let ended = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_PATIENCE)).await;
    if !matches!(ended, Ok(Ok(()))) {
        tracing::warn!("the last spans could not be sent");
    }
}

fn sampler(settings: &TraceSettings) -> Sampler {
    let share = Sampler::TraceIdRatioBased(settings.otel_traces_sampler_arg);
    match settings.otel_traces_sampler {
        SamplerName::AlwaysOn => Sampler::AlwaysOn,
        SamplerName::AlwaysOff => Sampler::AlwaysOff,
        SamplerName::TraceIdRatio => share,
        SamplerName::ParentBasedAlwaysOn => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        SamplerName::ParentBasedAlwaysOff => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
        SamplerName::ParentBasedTraceIdRatio => Sampler::ParentBased(Box::new(share)),
    }
}

/// What is said of this process: the operator's own names win.
fn resource(settings: &TraceSettings, service: &'static str) -> Resource {
    let given = settings.otel_resource_attributes.iter();
    let mut attributes =
        vec![KeyValue::new("service.name", service), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
    attributes.extend(given.map(|(name, value)| KeyValue::new(name.clone(), value.clone())));
    attributes.extend(settings.otel_service_name.clone().map(|name| KeyValue::new("service.name", name)));
    Resource::builder_empty().with_attributes(attributes).build()
}

/// An exporter that works in the runtime, and tells now and then when it cannot.
#[derive(Debug)]
struct Telling {
    exporter: Arc<opentelemetry_otlp::SpanExporter>,
    runtime: Handle,
    /// When it was told last.
    told: Mutex<Option<Instant>>,
}

impl SpanExporter for Telling {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (exporter, spans) = (Arc::clone(&self.exporter), batch.len());
        let sent = self.runtime.spawn(async move { exporter.export(batch).await }).await;
        let sent = sent.unwrap_or_else(|ended| Err(OTelSdkError::InternalFailure(ended.to_string())));
        if let Err(error) = &sent {
            let mut told = self.told.lock().await;
            if told.is_none_or(|told| told.elapsed() >= SILENCE) {
                *told = Some(Instant::now());
                tracing::warn!(%error, spans, "spans could not be sent to the collector");
            }
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        // At the start nothing is being sent, and nobody else has it.
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}
