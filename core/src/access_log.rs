//! The access log: one line for each call that came over the core's own socket. A call of an edge in the same process is
//! the edge's to tell of.
//!
//! A line holds nothing that a caller wrote but the id of the request, whose form is checked.

use std::time::Duration;

use tracing::Level;

use crate::call::RequestId;

/// The target of its lines, which `ACCESS_LOG` switches.
pub(crate) const TARGET: &str = "access";

/// A line that is to be written of a call.
#[derive(Debug)]
pub(crate) struct AccessLine {
    request_id: RequestId,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) rpc: &'static str,
    pub(crate) code: &'static str,
    /// Whether whoever asked left before the end.
    pub(crate) is_cut: bool,
    pub(crate) is_stream: bool,
    pub(crate) bytes: u64,
    pub(crate) took: Duration,
    /// How long its first byte took, where there was one.
    pub(crate) first_byte: Option<Duration>,
}

impl AccessLine {
    /// A line about this request; none while the access log is off.
    pub(crate) fn begin(request_id: &RequestId) -> Option<Box<Self>> {
        let is_on = tracing::enabled!(target: TARGET, Level::INFO);
        is_on.then(|| Box::new(Self { request_id: request_id.clone() }))
    }

    /// Writes it.
    pub(crate) fn write(&self, ended: &Ended) {
        tracing::info!(
            target: TARGET,
            rpc = ended.rpc,
            code = ended.code,
            request_id = self.request_id.as_str(),
            bytes = ended.bytes,
            duration_ms = milliseconds(ended.took),
            first_byte_ms = ended.first_byte.map(milliseconds),
            streamed = ended.is_stream,
            cut = ended.is_cut,
            "call ended"
        );
    }
}

/// With as many digits as tell something.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e5).round() / 1e2
}
