//! What is measured of a model.

use std::sync::OnceLock;
use std::time::Duration;

use gateway_proto::v1::Usage;
use metrics::{Counter, Histogram};

use super::model_label;

/// The metrics of a model, looked up once.
pub(crate) struct ModelMeasures {
    label: String,
    prompt_tokens: Counter,
    completion_tokens: Counter,
    /// Billionths of a US dollar, where a price is known; the exposition tells dollars.
    cost: Option<Counter>,
    /// Looked up by the first stream: a list of a thousand models is no reason for ten thousand empty buckets.
    streams: OnceLock<Streams>,
}

struct Streams {
    first_token: Histogram,
    per_chunk: Histogram,
}

impl ModelMeasures {
    /// Those of the model of this alias.
    pub(crate) fn new(alias: &str, has_prices: bool) -> Self {
        let label = model_label(alias);
        let tokens =
            |kind: &'static str| metrics::counter!("gateway_tokens_total", "model" => label.clone(), "kind" => kind);
        Self {
            prompt_tokens: tokens("prompt"),
            completion_tokens: tokens("completion"),
            cost: has_prices.then(|| metrics::counter!("gateway_cost_usd_total", "model" => label.clone())),
            streams: OnceLock::new(),
            label,
        }
    }

    /// What its calls are booked to, in billionths of a US dollar.
    pub(crate) fn cost(&self) -> Option<Counter> {
        self.cost.clone()
    }

    /// Counts the tokens that a model server tells of.
    pub(crate) fn count_tokens(&self, usage: Option<&Usage>) {
        if let Some(usage) = usage {
            self.prompt_tokens.increment(usage.prompt_tokens.into());
            self.completion_tokens.increment(usage.completion_tokens.into());
        }
    }

    /// Notes how long the first chunk of a stream was waited for.
    pub(crate) fn first_token(&self, waited: Duration) {
        self.streams().first_token.record(waited.as_secs_f64());
    }

    /// Notes how long a stream took from its first chunk to its end, and how many chunks it had: once a stream, so that a
    /// chunk costs nothing.
    pub(crate) fn stream_ended(&self, took: Duration, chunks: u32) {
        if let Some(between) = chunks.checked_sub(1).filter(|between| *between > 0) {
            self.streams().per_chunk.record(took.as_secs_f64() / f64::from(between));
        }
    }

    fn streams(&self) -> &Streams {
        self.streams.get_or_init(|| Streams {
            first_token: metrics::histogram!("gateway_time_to_first_token_seconds", "model" => self.label.clone()),
            per_chunk: metrics::histogram!("gateway_time_per_chunk_seconds", "model" => self.label.clone()),
        })
    }
}

impl std::fmt::Debug for ModelMeasures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ModelMeasures").field("label", &self.label).finish_non_exhaustive()
    }
}
