//! One call to one target, from its admission to its verdict.

use std::sync::Arc;
use std::time::Duration;

use gateway_proto::TraceContext;
use http::HeaderValue;
use tokio::time::Instant;

use super::AnswerKind;
use super::RouteError;
use super::breaker::Pass;
use super::onward::kind as kind_of_failure;
use super::route::Candidate;
use crate::domain::alias::ModelAlias;
use crate::measures::model_label;
use crate::trace::ChatSpan;
use crate::upstream::{Phase, Upstream, UpstreamError};

/// A quota that begins anew only after longer than this is one for the day.
const LONGEST_SHORT_QUOTA: Duration = Duration::from_secs(3600);

/// A call that a target is to be sent, or that it works on. One that is dropped without a verdict was left by its caller,
/// which says nothing about the target.
#[derive(Debug)]
pub struct Attempt {
    candidate: Arc<Candidate>,
    /// The alias that was asked for.
    asked: ModelAlias,
    kind: AnswerKind,
    pass: Pass,
    begin: Instant,
    /// When the caller's own time runs out.
    deadline: Option<Instant>,
    has_verdict: bool,
    span: ChatSpan,
}

impl Attempt {
    /// A call that was let through.
    pub(super) fn new(
        candidate: &Arc<Candidate>,
        asked: &ModelAlias,
        kind: AnswerKind,
        pass: Pass,
        deadline: Option<Instant>,
    ) -> Self {
        let (candidate, asked) = (Arc::clone(candidate), asked.clone());
        Self {
            candidate,
            asked,
            kind,
            pass,
            begin: Instant::now(),
            deadline,
            has_verdict: false,
            span: ChatSpan::default(),
        }
    }

    /// Begins the span of the call that is sent now, below the parent, and tells where the server is to go on from.
    pub(crate) fn begin_span(&mut self, parent: Option<&TraceContext>) -> Option<TraceContext> {
        let is_stream = self.kind == AnswerKind::Stream;
        let (span, trace) = ChatSpan::begin(parent, self.upstream(), self.upstream_model(), is_stream);
        self.span = span;
        trace
    }

    /// The span of the call.
    pub(crate) fn span(&mut self) -> &mut ChatSpan {
        &mut self.span
    }

    /// The alias that was asked for.
    #[must_use]
    pub fn asked(&self) -> &ModelAlias {
        &self.asked
    }

    /// The server.
    #[must_use]
    pub fn upstream(&self) -> &Arc<Upstream> {
        self.candidate.target.upstream()
    }

    /// The server's own name of the model.
    #[must_use]
    pub fn upstream_model(&self) -> &str {
        self.candidate.target.upstream_model()
    }

    /// The same, as callers are told it.
    #[must_use]
    pub fn resolved_model(&self) -> &HeaderValue {
        self.candidate.target.resolved_model()
    }

    /// The alias that stands in for what was asked for, when this is no target of the first tier: of a composite the
    /// member, else the alias itself.
    #[must_use]
    pub fn fallback(&self) -> Option<&ModelAlias> {
        (self.candidate.tier > 0).then_some(&self.candidate.alias)
    }

    /// The answer has begun: all of it, or the first event of a stream.
    pub fn answered(&mut self) {
        self.candidate.answered.increment(1);
        if self.kind == AnswerKind::Stream {
            self.span.first_chunk(self.begin.elapsed());
        }
        self.candidate.target.answered(self.kind, self.pass, self.begin.elapsed());
    }

    /// The answer is whole.
    pub fn succeeded(&mut self) {
        self.has_verdict = true;
        self.span.succeeded();
        self.upstream().observe(self.begin.elapsed(), true);
        self.candidate.target.succeeded();
    }

    /// There is no answer, or it broke off. That the caller's own time ran out says nothing about the target.
    pub fn failed(&mut self, error: &UpstreamError) {
        self.observe_failure(error);
        if matches!(error, UpstreamError::TimedOut(Phase::Total))
            && self.deadline.is_some_and(|end| end <= Instant::now())
        {
            return;
        }
        self.has_verdict = true;
        self.candidate.target.failed(error, self.kind, self.pass, self.begin.elapsed());
    }

    /// There is no answer, and the target is to be asked again before it is judged.
    pub(super) fn failed_for_now(&mut self, error: &UpstreamError) {
        self.observe_failure(error);
    }

    /// The same call, sent again now.
    pub(super) fn restarted(mut self) -> Self {
        self.begin = Instant::now();
        self
    }

    /// How long it took so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Whether the target may be sent the call once more that it has seen.
    pub(super) fn may_be_seen_again(&self) -> bool {
        self.candidate.target.takes_again()
    }

    /// A failure of this call as that of the chat.
    #[must_use]
    pub fn refusal(&self, error: UpstreamError) -> RouteError {
        let is_daily = self.upstream().daily().is_some()
            && matches!(&error, UpstreamError::Refused { status: 429, retry_after, says_daily, .. }
                if *says_daily || retry_after.is_some_and(|wait| wait > LONGEST_SHORT_QUOTA));
        RouteError::Failed { error, is_daily }
    }

    fn observe_failure(&mut self, error: &UpstreamError) {
        let status = if let UpstreamError::Refused { status, .. } = error { Some(*status) } else { None };
        self.span.failed(kind_of_failure(error), status);
        self.upstream().observe(self.begin.elapsed(), false);
        let labels = [
            ("upstream", self.upstream().name().to_owned()),
            ("model", model_label(self.asked.as_str())),
            ("outcome", kind_of_failure(error).to_owned()),
        ];
        metrics::counter!("gateway_upstream_attempts_total", &labels).increment(1);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.candidate.target.end();
        if !self.has_verdict {
            self.candidate.target.said_nothing(self.pass, Instant::now());
        }
    }
}
