//! What the core's metrics are called to whoever scrapes them, and the buckets of its histograms.

use gateway_proto::ErrorCode;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::Matcher;

/// Upper bounds of the buckets of durations, in seconds: from a gateway's own work to a long answer.
const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];
/// The same for what the gateway itself does, which should be below a millisecond.
const OWN_WORK: &[f64] =
    &[0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];
/// The same for the time between two chunks: from a test's server to a slow model.
const BETWEEN_CHUNKS: &[f64] = &[0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Which histograms have which buckets.
pub(crate) fn buckets() -> [(Matcher, &'static [f64]); 5] {
    let full = |name: &str| Matcher::Full(name.to_owned());
    [
        (Matcher::Suffix("_seconds".to_owned()), SECONDS),
        // The edge's, when it is in the same process.
        (full("gateway_http_overhead_seconds"), OWN_WORK),
        (full("gateway_overhead_seconds"), OWN_WORK),
        (full("gateway_storage_probe_seconds"), OWN_WORK),
        (full("gateway_time_per_chunk_seconds"), BETWEEN_CHUNKS),
    ]
}

/// Says of every metric what it is.
pub(crate) fn describe() {
    describe_gauge!("gateway_build_info", "Always 1; the label tells the version.");
    describe_calls();
    describe_models();
    describe_parts();
    begin_at_zero();
}

fn describe_calls() {
    describe_counter!("gateway_rpc_requests_total", "Calls that ended, by RPC and gRPC status code.");
    describe_counter!("gateway_errors_total", "Answers with an error, by code of the catalog.");
    describe_gauge!("gateway_calls_in_flight", "Calls whose answer has not ended.");
    describe_gauge!("gateway_streams_in_flight", "Calls among them whose answer is a stream.");
    describe_gauge!("gateway_grpc_connections_open", "Connections on the gRPC port.");
    describe_counter!(
        "gateway_grpc_connections_refused_total",
        "Connections closed without a word, for there were too many."
    );
    describe_histogram!(
        "gateway_overhead_seconds",
        "Time from a call to the head of its answer, less what model servers and tools took."
    );
    describe_counter!("gateway_rate_limited_total", "Calls refused by the limits of their token.");
    describe_counter!("gateway_budget_refusals_total", "Chats refused by a budget, by its window and unit.");
}

fn describe_models() {
    describe_counter!("gateway_upstream_attempts_total", "Calls to model servers, by how they went.");
    describe_histogram!("gateway_upstream_seconds", "Time of calls to model servers, to their last byte.");
    describe_counter!("gateway_failovers_total", "Calls that went to another model server after this one failed.");
    describe_gauge!("gateway_circuit_state", "0: closed, 1: half open, 2: open, the server is left alone.");
    describe_histogram!("gateway_time_to_first_token_seconds", "Time until the first chunk of a stream.");
    describe_histogram!("gateway_time_per_chunk_seconds", "Mean time between the chunks of a stream, once a stream.");
    describe_counter!("gateway_tokens_total", "Tokens that model servers told of, by model and kind.");
    describe_counter!("gateway_cost_usd_total", "What calls cost in US dollars, where a price is known.");
    describe_counter!("gateway_tool_calls_total", "Calls of tools, by how they went.");
    describe_histogram!("gateway_tool_seconds", "Time of calls of tools.");
    describe_counter!("gateway_tool_loop_ends_total", "Tool loops that the gateway ended, by code.");
    describe_gauge!("gateway_mcp_server_up", "Whether a server of tools can be reached.");
    describe_counter!("gateway_augment_skipped_total", "Chats that went on without what is stored for them.");
}

fn describe_parts() {
    describe_gauge!("gateway_storage_up", "Whether the database gave its last sign of life in time.");
    describe_histogram!("gateway_storage_probe_seconds", "Time that the database takes to give a sign of life.");
    describe_gauge!("gateway_storage_queue_depth", "Writes that wait for SQLite, or connections in use of PostgreSQL.");
    describe_counter!("gateway_usage_records_lost_total", "Records of usage that no disk took.");
    describe_counter!("gateway_config_reloads_total", "Files that were read again, by setting and outcome.");
    describe_gauge!("gateway_config_reload_failed", "Whether a file is broken, and what it said before goes on.");
}

/// Tells of what did not happen yet, so that it is seen to rise: a counter that is first seen at 1 has no rate.
fn begin_at_zero() {
    for code in ErrorCode::ALL {
        counter!("gateway_errors_total", "code" => code.facts().code).increment(0);
    }
    for limit in ["rate", "streams"] {
        counter!("gateway_rate_limited_total", "limit" => limit).increment(0);
    }
    for window in ["minute", "day", "month"] {
        for unit in ["requests", "tokens", "cost"] {
            counter!("gateway_budget_refusals_total", "window" => window, "unit" => unit).increment(0);
        }
    }
    for end in [ErrorCode::ToolLoopMaxIterations, ErrorCode::ToolLoopAntiLoopSynthesised] {
        counter!("gateway_tool_loop_ends_total", "code" => end.facts().code).increment(0);
    }
    counter!("gateway_grpc_connections_refused_total").increment(0);
    counter!("gateway_usage_records_lost_total").increment(0);
    counter!("gateway_augment_skipped_total").increment(0);
}
