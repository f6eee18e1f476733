//! How busy and how quick a target is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::AnswerKind;

/// What was measured counts less the longer ago it was, so that a target that was slow is tried again by itself.
const MEMORY: Duration = Duration::from_secs(10);
/// However quickly measurements follow each other, a new one counts for as much.
const LEAST_NEWS: f64 = 0.1;

/// The calls that a target works on, and how long it took for those before.
#[derive(Debug, Default)]
pub(super) struct Load {
    in_flight: AtomicU32,
    /// Until a whole answer is there, and until a stream begins.
    latency: [Latency; 2],
}

/// A moving average of seconds, and when it was last measured.
#[derive(Debug, Default)]
struct Latency(Mutex<Option<(f64, Instant)>>);

/// What it costs to send a target one more call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// How many calls it would then work on, were all targets to take the same share.
    calls: f64,
    /// Its latency in seconds, once it was measured.
    latency: Option<f64>,
}

impl Load {
    pub(super) fn begin(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn observe(&self, kind: AnswerKind, latency: Duration, now: Instant) {
        self.latency[kind as usize].observe(latency.as_secs_f64(), now);
    }

    /// The cost of one more call, for a target that is to take this share of them: 1 where all are to take the same.
    pub(super) fn cost(&self, kind: AnswerKind, share: f64, now: Instant) -> Cost {
        let calls = 1.0 + f64::from(self.in_flight.load(Ordering::Relaxed)) / share;
        Cost { calls, latency: self.latency[kind as usize].at(now) }
    }
}

impl Cost {
    /// Whether this is less than half of the other: a smaller difference is chance, and the weights decide. While one of
    /// them was not measured their calls alone are compared.
    pub(super) fn is_clearly_below(self, other: Self) -> bool {
        let (own, others) = match (self.latency, other.latency) {
            (Some(own), Some(others)) => (own, others),
            _ => (1.0, 1.0),
        };
        self.calls * own < other.calls * others / 2.0
    }
}

impl Latency {
    fn observe(&self, seconds: f64, now: Instant) {
        let mut average = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = average.map_or(seconds, |(before, measured)| {
            let kept = what_is_left(measured, now).min(1.0 - LEAST_NEWS);
            before * kept + seconds * (1.0 - kept)
        });
        *average = Some((next, now));
    }

    fn at(&self, now: Instant) -> Option<f64> {
        let average = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        average.map(|(seconds, measured)| seconds * what_is_left(measured, now))
    }
}

/// How much of a measurement is left, from 1 down to 0.
fn what_is_left(measured: Instant, now: Instant) -> f64 {
    (-now.saturating_duration_since(measured).as_secs_f64() / MEMORY.as_secs_f64()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: AnswerKind = AnswerKind::Whole;

    fn measured(millis: u64, now: Instant) -> Load {
        let load = Load::default();
        load.observe(KIND, Duration::from_millis(millis), now);
        load
    }

    #[test]
    fn a_quick_target_and_an_idle_one_are_better() {
        let now = Instant::now();
        let (quick, slow) = (measured(100, now), measured(300, now));
        let is_better =
            |one: &Load, other: &Load| one.cost(KIND, 1.0, now).is_clearly_below(other.cost(KIND, 1.0, now));
        assert!(is_better(&quick, &slow) && !is_better(&slow, &quick));
        assert!(!is_better(&quick, &measured(190, now)), "a small difference is chance");
        (0..9).for_each(|_| quick.begin());
        assert!(is_better(&slow, &quick));
        (0..9).for_each(|_| quick.end());
        assert!(is_better(&quick, &slow));
    }

    #[test]
    fn one_that_was_not_measured_is_judged_by_its_calls() {
        let now = Instant::now();
        let (known, unknown) = (measured(100, now), Load::default());
        assert!(!unknown.cost(KIND, 1.0, now).is_clearly_below(known.cost(KIND, 1.0, now)));
        (0..3).for_each(|_| unknown.begin());
        assert!(known.cost(KIND, 1.0, now).is_clearly_below(unknown.cost(KIND, 1.0, now)));
        assert!(
            !known.cost(KIND, 1.0, now).is_clearly_below(unknown.cost(KIND, 3.0, now)),
            "for its share it is as busy"
        );
    }

    #[test]
    fn a_slow_moment_is_forgotten() {
        let now = Instant::now();
        let (slow, quick) = (measured(1000, now), measured(100, now));
        let later = now + Duration::from_secs(40);
        quick.observe(KIND, Duration::from_millis(100), later);
        assert!(slow.cost(KIND, 1.0, later).is_clearly_below(quick.cost(KIND, 1.0, later)));
        assert_eq!(slow.cost(AnswerKind::Stream, 1.0, later).latency, None);
    }

    #[test]
    fn news_count_however_quickly_they_come() {
        let now = Instant::now();
        let load = measured(1000, now);
        (0..50).for_each(|_| load.observe(KIND, Duration::from_millis(10), now));
        assert!(load.cost(KIND, 1.0, now).latency.unwrap() < 0.02);
    }
}
