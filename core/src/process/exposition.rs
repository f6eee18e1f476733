//! The metrics as they are told: what the recorder holds, and what it cannot.
//!
//! Its counters are whole numbers. What is counted in billionths of a dollar is told in dollars, and what this process uses
//! of the machine is read when somebody asks.

use std::borrow::Cow;
use std::fmt::Write;

use metrics_exporter_prometheus::PrometheusHandle;

use super::own_use;

/// The format of Prometheus.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counted in billionths.
const IN_BILLIONTHS: &str = "gateway_cost_usd_total";

/// All metrics of this process.
pub(super) fn render(handle: &PrometheusHandle) -> String {
    let recorded = handle.render();
    let mut told = String::with_capacity(recorded.len() + 2048);
    for line in recorded.lines() {
        told.push_str(&in_units(line));
        told.push('\n');
    }
    own_use::tell(&mut told);
    told
}

/// The line in whole units, where it is a value in billionths.
fn in_units(line: &str) -> Cow<'_, str> {
    let value = line.starts_with(IN_BILLIONTHS).then(|| line.rsplit_once(' ')).flatten();
    match value.and_then(|(name, value)| Some((name, value.parse::<u64>().ok()?))) {
        None => line.into(),
        Some((name, billionths)) => {
            let mut line = String::with_capacity(line.len() + 12);
            // Writing to a string cannot fail.
            let _ = write!(line, "{name} {}.{:09}", billionths / 1_000_000_000, billionths % 1_000_000_000);
            line.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_told_in_dollars() {
        assert_eq!(
            in_units("gateway_cost_usd_total{model=\"a b\"} 12"),
            "gateway_cost_usd_total{model=\"a b\"} 0.000000012"
        );
        assert_eq!(in_units("gateway_cost_usd_total 3500000000"), "gateway_cost_usd_total 3.500000000");
        for other in ["# TYPE gateway_cost_usd_total counter", "gateway_tokens_total{kind=\"prompt\"} 12", ""] {
            assert_eq!(in_units(other), other);
        }
    }
}
