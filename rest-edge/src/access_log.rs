//! The access log: one line for each request that ended, whatever ended it.
//!
//! A line holds nothing that a client wrote but the id of the request, whose form is checked: the template of the route
//! stands for the path, and the model is told by the names that the operator and the model server have for it.

use std::time::Duration;

use gateway_proto::metadata::{SPASS_RESOLVED_BACKEND, SPASS_RESOLVED_MODEL};
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Level;

use crate::error::X_ERROR_CODE;

/// The target of its lines, which `ACCESS_LOG` switches.
pub(crate) const TARGET: &str = "access";

/// A line that is to be written of a request.
#[derive(Debug)]
pub(crate) struct AccessLine {
    request_id: HeaderValue,
    code: Option<HeaderValue>,
    model: Option<HeaderValue>,
    backend: Option<HeaderValue>,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    /// None: the client left before there was one.
    pub(crate) status: Option<u16>,
    /// Of an error after the head.
    pub(crate) code: Option<&'static str>,
    /// Whether the client left before the end.
    pub(crate) is_cut: bool,
    pub(crate) is_stream: bool,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// How long the first byte of the body took, where there was one.
    pub(crate) first_byte: Option<Duration>,
}

impl AccessLine {
    /// A line about this request; none while the access log is off.
    pub(crate) fn begin(request_id: &HeaderValue) -> Option<Box<Self>> {
        let is_on = tracing::enabled!(target: TARGET, Level::INFO);
        is_on.then(|| Box::new(Self { request_id: request_id.clone(), code: None, model: None, backend: None }))
    }

    /// Takes note of the head of the answer.
    pub(crate) fn head(&mut self, headers: &HeaderMap) {
        let value = |name: HeaderName| headers.get(name).cloned();
        self.code = value(X_ERROR_CODE);
        self.model = value(SPASS_RESOLVED_MODEL);
        self.backend = value(SPASS_RESOLVED_BACKEND);
    }

    /// Writes it.
    pub(crate) fn write(&self, ended: &Ended) {
        tracing::info!(
            target: TARGET,
            method = ended.method,
            route = ended.route,
            status = ended.status,
            code = text(self.code.as_ref()).or(ended.code),
            request_id = text(Some(&self.request_id)),
            model = text(self.model.as_ref()),
            backend = text(self.backend.as_ref()),
            bytes = ended.bytes,
            duration_ms = milliseconds(ended.took),
            first_byte_ms = ended.first_byte.map(milliseconds),
            streamed = ended.is_stream,
            cut = ended.is_cut,
            "request ended"
        );
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

/// With as many digits as tell something.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}
