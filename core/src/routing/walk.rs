//! The way of one chat along its route.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::backoff::{MAX_REPEATS, pause};
use super::onward::Onward;
use super::route::{AtRest, CandidateSet, Route};
use super::{AnswerKind, Attempt, RouteError};
use crate::causes::causes;
use crate::measures::model_label;
use crate::upstream::UpstreamError;

/// A target that took longer to fail is not asked again in the same call.
const LONGEST_REPEATED: Duration = Duration::from_secs(2);

/// The way of one chat along its route. Each candidate is asked at most once; when none is left, the last one may be asked
/// again after a pause.
#[derive(Debug)]
pub struct Walk<'a> {
    route: &'a Route,
    kind: AnswerKind,
    /// When the caller's own time runs out.
    deadline: Option<Instant>,
    /// When the chat ends at the latest.
    end: Instant,
    tried: CandidateSet,
    repeats: u32,
}

impl<'a> Walk<'a> {
    /// A walk that begins now and ends with the caller's time, or that of one call to the first server.
    #[must_use]
    pub fn new(route: &'a Route, kind: AnswerKind, deadline: Option<Instant>) -> Self {
        let end = Instant::now() + route.first().upstream().total();
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        Self { route, kind, deadline, end, tried: CandidateSet::default(), repeats: 0 }
    }

    /// When the chat ends at the latest, however many are asked.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.end
    }

    /// The first to ask, or why none can be.
    pub fn begin(&mut self) -> Result<Attempt, RouteError> {
        self.choose()
    }

    /// The next to ask after one failed; or, where there is none, why.
    pub async fn after(&mut self, mut failed: Attempt, error: UpstreamError) -> Result<Attempt, RouteError> {
        let onward = Onward::after(&error, failed.upstream().handling().retry);
        if onward == Onward::Nowhere || self.end <= Instant::now() {
            failed.failed(&error);
            return Err(failed.refusal(error));
        }
        if let Ok(next) = self.choose() {
            failed.failed(&error);
            self.tell(&failed, &next, &error);
            return Ok(next);
        }
        if let Some(pause) = self.pause(onward, &failed) {
            self.repeats += 1;
            failed.failed_for_now(&error);
            sleep(pause).await;
            return Ok(failed.restarted());
        }
        failed.failed(&error);
        Err(failed.refusal(error))
    }

    /// Takes the best candidate that was not tried: one that rests only when there is no other. Where all refuse, it tells
    /// the one that is open again first.
    fn choose(&mut self) -> Result<Attempt, RouteError> {
        let now = Instant::now();
        let mut refused: Option<RouteError> = None;
        for at_rest in [AtRest::PassedOver, AtRest::Asked] {
            while let Some(index) = self.route.draw(self.tried, at_rest, self.kind, now) {
                self.tried.insert(index);
                let candidate = &self.route.candidates()[index];
                match candidate.target.admit(now) {
                    Ok(pass) => return Ok(Attempt::new(candidate, self.route.alias(), self.kind, pass, self.deadline)),
                    Err(error) if refused.as_ref().is_none_or(|other| error.wait() < other.wait()) => {
                        refused = Some(error)
                    }
                    Err(_) => {}
                }
            }
        }
        // Where all were tried none is left to refuse, which only `after` comes to, and it tells what failed.
        Err(refused.unwrap_or(RouteError::CircuitOpen { wait: Duration::ZERO }))
    }

    /// The pause after which the same target is asked again, if it is.
    fn pause(&self, onward: Onward, failed: &Attempt) -> Option<Duration> {
        if self.repeats >= MAX_REPEATS || failed.elapsed() > LONGEST_REPEATED {
            return None;
        }
        let pause = pause(self.repeats, &self.route.dice);
        if Instant::now() + pause >= self.end {
            return None;
        }
        let may_repeat = match onward {
            Onward::Nowhere | Onward::Elsewhere => false,
            Onward::AgainUnseen => true,
            Onward::AgainSeen => failed.may_be_seen_again(),
        };
        may_repeat.then_some(pause)
    }

    fn tell(&self, failed: &Attempt, next: &Attempt, error: &UpstreamError) {
        let labels =
            [("model", model_label(self.route.alias().as_str())), ("upstream", failed.upstream().name().to_owned())];
        metrics::counter!("gateway_failovers_total", &labels).increment(1);
        let (upstream, instead, cause) = (failed.upstream().name(), next.upstream().name(), causes(error));
        tracing::info!(upstream, instead, %error, cause, "upstream '{upstream}' failed; '{instead}' is asked instead");
    }
}

#[cfg(test)]
mod tests;
