//! What is measured of calls: how each ended, how many there are, and how long the gateway itself took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gateway_proto::Rpc;
use http::HeaderMap;
use metrics::{Counter, Gauge, Histogram};
use tonic::{Code, Status};

use super::Level;
use crate::access_log::{AccessLine, Ended};

/// The codes of gRPC in their order, as in its protocol: the number of each is its place.
const CODES: [&str; 17] = [
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
];
/// The name of what is no RPC of the contract: health, reflection, and what is not there.
const OTHER_RPC: &str = "other";

/// The metrics of calls, looked up once.
pub(crate) struct CallMeasures {
    /// By RPC, those beyond the contract last, and code. An RPC that was answered well is told from the start, so that its
    /// rate has a begin; the others once they come.
    ended: Vec<[OnceLock<Counter>; CODES.len()]>,
    in_flight: Gauge,
    streams: Gauge,
    overhead_whole: Histogram,
    overhead_stream: Histogram,
}

impl CallMeasures {
    pub(crate) fn new() -> Arc<Self> {
        let overhead = |kind: &'static str| metrics::histogram!("gateway_overhead_seconds", "answer" => kind);
        let measures = Self {
            ended: (0..=Rpc::ALL.len()).map(|_| [const { OnceLock::new() }; CODES.len()]).collect(),
            in_flight: metrics::gauge!("gateway_calls_in_flight"),
            streams: metrics::gauge!("gateway_streams_in_flight"),
            overhead_whole: overhead("whole"),
            overhead_stream: overhead("stream"),
        };
        for rpc in Rpc::ALL {
            measures.counter(Some(*rpc), Code::Ok);
        }
        Arc::new(measures)
    }

    /// Begins to watch a call. A line is written of it at its end where there is one.
    pub(crate) fn begin(self: &Arc<Self>, rpc: Option<Rpc>, line: Option<Box<AccessLine>>) -> CallWatch {
        let stream = rpc.is_some_and(Rpc::streams).then(|| Level::raise(&self.streams));
        CallWatch {
            rpc,
            // Whoever asked has left, unless something else is found out.
            code: Code::Cancelled,
            stopwatch: Stopwatch::start(),
            bytes: 0,
            first_byte: None,
            line,
            _in_flight: Level::raise(&self.in_flight),
            _stream: stream,
            measures: Arc::clone(self),
        }
    }

    fn counter(&self, rpc: Option<Rpc>, code: Code) -> &Counter {
        let (place, code) = (rpc.map_or(Rpc::ALL.len(), |rpc| rpc as usize), code as usize);
        self.ended[place][code].get_or_init(|| {
            let name = rpc.map_or(OTHER_RPC, Rpc::name);
            metrics::counter!("gateway_rpc_requests_total", "rpc" => name, "code" => CODES[code])
        })
    }
}

impl std::fmt::Debug for CallMeasures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CallMeasures")
    }
}

/// Times a call, and what of it was waiting for others; cheap to clone, and one for all that is done for the call.
#[derive(Clone, Debug)]
pub(crate) struct Stopwatch(Arc<Times>);

#[derive(Debug)]
struct Times {
    begin: Instant,
    waited_nanos: AtomicU64,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Arc::new(Times { begin: Instant::now(), waited_nanos: AtomicU64::new(0) }))
    }

    /// From now on a model server, or a tool, is waited for, until what is returned is dropped.
    pub(crate) fn wait(&self) -> Waiting {
        Waiting { times: Arc::clone(&self.0), begin: Instant::now() }
    }

    fn elapsed(&self) -> Duration {
        self.0.begin.elapsed()
    }

    /// What the gateway itself took until now; none where nobody was waited for, since such a call says nothing about chats.
    fn overhead(&self) -> Option<Duration> {
        let waited = self.0.waited_nanos.load(Ordering::Relaxed);
        (waited > 0).then(|| self.elapsed().saturating_sub(Duration::from_nanos(waited)))
    }
}

/// A wait for somebody else, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    times: Arc<Times>,
    begin: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let nanos = u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.times.waited_nanos.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// A call that is watched until it is dropped, which is its end.
pub(crate) struct CallWatch {
    rpc: Option<Rpc>,
    code: Code,
    stopwatch: Stopwatch,
    bytes: u64,
    first_byte: Option<Duration>,
    line: Option<Box<AccessLine>>,
    _in_flight: Level,
    _stream: Option<Level>,
    measures: Arc<CallMeasures>,
}

impl CallWatch {
    /// What times the call.
    pub(crate) fn stopwatch(&self) -> &Stopwatch {
        &self.stopwatch
    }

    /// Takes note of the head of the answer; true: it is all of it, since it has its status already.
    pub(crate) fn head(&mut self, headers: &HeaderMap) -> bool {
        if let Some(overhead) = self.stopwatch.overhead() {
            let is_stream = self.rpc.is_some_and(Rpc::streams);
            let histogram = if is_stream { &self.measures.overhead_stream } else { &self.measures.overhead_whole };
            histogram.record(overhead.as_secs_f64());
        }
        self.status(headers)
    }

    /// Takes note of data of the answer.
    pub(crate) fn data(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        if self.line.is_some() && self.first_byte.is_none() {
            self.first_byte = Some(self.stopwatch.elapsed());
        }
    }

    /// The answer broke off with this code.
    pub(crate) fn failed(&mut self, code: Code) {
        self.code = code;
    }

    /// Takes note of the status, where these headers, or trailers, hold it.
    pub(crate) fn status(&mut self, headers: &HeaderMap) -> bool {
        let status = headers.get(Status::GRPC_STATUS);
        if let Some(status) = status {
            self.code = Code::from_bytes(status.as_bytes());
        }
        status.is_some()
    }
}

impl Drop for CallWatch {
    fn drop(&mut self) {
        self.measures.counter(self.rpc, self.code).increment(1);
        if let Some(line) = self.line.take() {
            line.write(&Ended {
                rpc: self.rpc.map_or(OTHER_RPC, Rpc::name),
                code: CODES[self.code as usize],
                is_cut: self.code == Code::Cancelled,
                is_stream: self.rpc.is_some_and(Rpc::streams),
                bytes: self.bytes,
                took: self.stopwatch.elapsed(),
                first_byte: self.first_byte,
            });
        }
    }
}

impl std::fmt::Debug for CallWatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CallWatch").field("rpc", &self.rpc).field("code", &self.code).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_named_in_the_order_of_the_protocol() {
        for (number, name) in CODES.iter().enumerate() {
            let code = Code::from_i32(i32::try_from(number).unwrap());
            let spelled = format!("{code:?}").to_lowercase();
            assert_eq!(spelled, name.replace('_', ""));
        }
    }

    #[test]
    fn only_what_was_waited_for_is_taken_off() {
        let stopwatch = Stopwatch::start();
        assert_eq!(stopwatch.overhead(), None);
        let mut waiting = stopwatch.wait();
        waiting.begin = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        drop(waiting);
        assert_eq!(stopwatch.overhead(), Some(Duration::ZERO));
    }

    #[test]
    fn a_call_has_the_code_of_its_head_or_of_its_trailers() {
        let mut watch = CallMeasures::new().begin(Some(Rpc::GetModel), None);
        assert!(!watch.head(&HeaderMap::new()));
        assert_eq!(watch.code, Code::Cancelled);
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), 5.into())]);
        assert!(watch.status(&trailers));
        assert_eq!(watch.code, Code::NotFound);
    }
}
