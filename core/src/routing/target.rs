//! One model of one server, and what is known of its state.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use super::AnswerKind;
use super::RouteError;
use super::backoff::RetryBudget;
use super::breaker::{Breaker, CircuitState, Pass};
use super::load::{Cost, Load};
use super::onward::is_unwell;
use crate::measures::model_label;
use crate::upstream::{Upstream, UpstreamError, since_1970};

/// The shortest and the longest rest of a target that asked to wait. The longest is a minute whatever it asked for: one
/// call then finds out whether it still wants that.
const REST: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];
/// The rest of one that named no time.
const USUAL_REST: Duration = Duration::from_secs(10);
/// A failure counts as a latency of at least this, since a server that fails at once would otherwise look quick.
const FAILURE_LATENCY: Duration = Duration::from_secs(5);

/// One model of one server.
#[derive(Debug)]
pub struct Target {
    upstream: Arc<Upstream>,
    upstream_model: String,
    /// The same, as callers are told it.
    resolved_model: HeaderValue,
    breaker: Option<Breaker>,
    load: Load,
    budget: RetryBudget,
    rests_until: Mutex<Option<Instant>>,
}

impl Target {
    /// A model under the server's own name for it.
    #[must_use]
    pub fn new(upstream: &Arc<Upstream>, upstream_model: String) -> Self {
        let target = Self {
            // A name that no header can hold cannot be told.
            resolved_model: HeaderValue::from_str(&upstream_model).unwrap_or(HeaderValue::from_static("unprintable")),
            breaker: upstream.handling().breaker.map(Breaker::new),
            upstream: Arc::clone(upstream),
            upstream_model,
            load: Load::default(),
            budget: RetryBudget::default(),
            rests_until: Mutex::default(),
        };
        if target.breaker.is_some() {
            target.set_gauge(CircuitState::Closed);
        }
        target
    }

    /// The server.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// The server's own name of the model.
    #[must_use]
    pub fn upstream_model(&self) -> &str {
        &self.upstream_model
    }

    /// The same, as callers are told it.
    #[must_use]
    pub fn resolved_model(&self) -> &HeaderValue {
        &self.resolved_model
    }

    /// What its circuit does with calls.
    #[must_use]
    pub fn circuit(&self) -> CircuitState {
        self.breaker.as_ref().map_or(CircuitState::Closed, Breaker::state)
    }

    /// Lets a call through, or says why not. What is let through must come to an [`end`](Self::end).
    pub(super) fn admit(&self, now: Instant) -> Result<Pass, RouteError> {
        let pass = match &self.breaker {
            None => Pass::Usual,
            Some(breaker) => breaker.admit(now).map_err(|wait| RouteError::CircuitOpen { wait })?,
        };
        if let Some(daily) = self.upstream.daily()
            && let Err(wait) = daily.take(since_1970())
        {
            self.said_nothing(pass, now);
            return Err(RouteError::DailySpent { wait });
        }
        self.load.begin();
        self.budget.deposit();
        if pass == Pass::Trial {
            self.tell(CircuitState::HalfOpen);
        }
        Ok(pass)
    }

    /// Whether a call may be sent once more that it has seen.
    pub(super) fn takes_again(&self) -> bool {
        self.budget.withdraw() && self.upstream.daily().is_none_or(|daily| daily.take(since_1970()).is_ok())
    }

    /// A call is no longer in flight.
    pub(super) fn end(&self) {
        self.load.end();
    }

    /// A call began to be answered.
    pub(super) fn answered(&self, kind: AnswerKind, pass: Pass, latency: Duration) {
        self.load.observe(kind, latency, Instant::now());
        self.judge(|breaker| breaker.answered(pass));
    }

    /// A call came to a good end.
    pub(super) fn succeeded(&self) {
        self.judge(Breaker::succeeded);
    }

    /// A call failed after so long.
    pub(super) fn failed(&self, error: &UpstreamError, kind: AnswerKind, pass: Pass, elapsed: Duration) {
        let now = Instant::now();
        if let UpstreamError::Unreachable(_) = error
            && let Some(daily) = self.upstream.daily()
        {
            daily.give_back();
        }
        if let UpstreamError::Refused { status: 429, retry_after, .. }
        | UpstreamError::Refused { status: 503, retry_after: retry_after @ Some(_), .. } = error
        {
            self.rest(retry_after.unwrap_or(USUAL_REST), now);
        }
        if is_unwell(error) {
            self.load.observe(kind, elapsed.max(FAILURE_LATENCY), now);
            self.judge(|breaker| breaker.failed(pass, now));
        } else {
            self.said_nothing(pass, now);
        }
    }

    /// A call ended without a word about the target.
    pub(super) fn said_nothing(&self, pass: Pass, now: Instant) {
        self.judge(|breaker| breaker.said_nothing(pass, now));
    }

    /// The cost of one more call, for this share of them.
    pub(super) fn cost(&self, kind: AnswerKind, share: f64, now: Instant) -> Cost {
        self.load.cost(kind, share, now)
    }

    /// Whether it asked to be left alone, which is done as long as there is another.
    pub(super) fn rests(&self, now: Instant) -> bool {
        self.rests_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }

    fn rest(&self, wait: Duration, now: Instant) {
        let until = now + wait.clamp(REST[0], REST[1]);
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Tells the circuit of a call, and the metric what came of it.
    fn judge(&self, verdict: impl FnOnce(&Breaker) -> Option<CircuitState>) {
        if let Some(state) = self.breaker.as_ref().and_then(verdict) {
            self.tell(state);
        }
    }

    fn tell(&self, state: CircuitState) {
        self.set_gauge(state);
        let (upstream, model) = (self.upstream.name(), self.upstream_model.as_str());
        let word = match state {
            CircuitState::Closed => "closed",
            CircuitState::HalfOpen => "half open",
            CircuitState::Open => "open",
        };
        tracing::info!(upstream, model, circuit = word, "the circuit of '{model}' at upstream '{upstream}' is {word}");
    }

    fn set_gauge(&self, state: CircuitState) {
        let labels =
            [("upstream", self.upstream.name().to_owned()), ("upstream_model", model_label(&self.upstream_model))];
        metrics::gauge!("gateway_circuit_state", &labels).set(match state {
            CircuitState::Closed => 0.0,
            CircuitState::HalfOpen => 1.0,
            CircuitState::Open => 2.0,
        });
    }
}
