//! What the edge's metrics are called to whoever scrapes them, and the buckets of its histograms.

use gateway_proto::ErrorCode;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::Matcher;

/// Upper bounds of the buckets of durations, in seconds: from a gateway's own work to a long answer.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];
/// The same for what the gateway itself does, which should be below a millisecond.
const OWN_WORK: &[f64] =
    &[0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// Which histograms have which buckets.
pub(crate) fn buckets() -> [(Matcher, &'static [f64]); 2] {
    [
        (Matcher::Suffix("_seconds".to_owned()), SECONDS),
        (Matcher::Full("gateway_http_overhead_seconds".to_owned()), OWN_WORK),
    ]
}

/// Says of every metric what it is, and of every error that it did not happen yet, so that it is seen to rise.
pub(crate) fn describe() {
    describe_counter!(
        "gateway_http_requests_total",
        "Requests, by route and class of status; cut: the client left before there was one."
    );
    describe_histogram!("gateway_http_request_seconds", "Time from a request to the head of its answer.");
    describe_histogram!(
        "gateway_http_overhead_seconds",
        "The same less what the client took to send its body and the core to answer."
    );
    describe_counter!("gateway_http_errors_total", "Answers with an error, by code of the catalog.");
    describe_counter!("gateway_http_answers_cut_total", "Answers that their client did not wait for to the end.");
    describe_gauge!("gateway_http_requests_in_flight", "Requests whose answer has not ended.");
    describe_gauge!("gateway_http_streams_in_flight", "Requests among them whose answer is a stream.");
    describe_gauge!("gateway_http_connections_open", "Connections on the HTTP port.");
    for code in ErrorCode::ALL {
        counter!("gateway_http_errors_total", "code" => code.facts().code).increment(0);
    }
}
