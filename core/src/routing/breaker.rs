//! A circuit breaker: a target that failed several times in a row is left alone for a while, then tried with one call.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::upstream::BreakerSettings;

/// How long a circuit stays open the first time; each time after a failed trial it is twice as long. A server that merely
/// starts anew is missed for a moment only.
const FIRST_OPEN: Duration = Duration::from_secs(1);

/// Counts failures in a row, and opens the circuit.
#[derive(Debug)]
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        until: Instant,
        openings: u32,
    },
    /// One call tries whether the target is well again.
    HalfOpen {
        since: Instant,
        openings: u32,
    },
}

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// They go through.
    Closed,
    /// One of them is tried.
    HalfOpen,
    /// None goes through.
    Open,
}

/// As what a call goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Usual,
    /// As the one that tries whether the target is well again.
    Trial,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Lets a call through, or says how long it is until one is tried.
    pub(super) fn admit(&self, now: Instant) -> Result<Pass, Duration> {
        self.change(|state| {
            let (until, openings) = match *state {
                State::Closed { .. } => return Ok(Pass::Usual),
                State::Open { until, openings } => (until, openings),
                // A trial that takes as long as that is not waited for.
                State::HalfOpen { since, openings } => (since + self.open_for(openings), openings),
            };
            if now < until {
                return Err(until - now);
            }
            *state = State::HalfOpen { since: now, openings };
            Ok(Pass::Trial)
        })
    }

    /// The target began to answer: enough for a trial, not enough for what counts in a row. Like each verdict it tells the
    /// state when it changed.
    pub(super) fn answered(&self, pass: Pass) -> Option<CircuitState> {
        match pass {
            Pass::Usual => None,
            Pass::Trial => self.succeeded(),
        }
    }

    /// A call came to a good end.
    pub(super) fn succeeded(&self) -> Option<CircuitState> {
        self.judge(|state| match *state {
            State::Closed { .. } | State::HalfOpen { .. } => *state = State::Closed { failures: 0 },
            // A call of before; the trial will tell.
            State::Open { .. } => {}
        })
    }

    /// A call failed in a way that says that the target is unwell.
    pub(super) fn failed(&self, pass: Pass, now: Instant) -> Option<CircuitState> {
        self.judge(|state| match (*state, pass) {
            (State::Closed { failures }, _) => {
                let failures = failures + 1;
                *state = if failures < self.settings.failures { State::Closed { failures } } else { self.open(1, now) };
            }
            (State::HalfOpen { openings, .. }, Pass::Trial) => *state = self.open(openings.saturating_add(1), now),
            // A call of before says nothing new.
            (State::HalfOpen { .. }, Pass::Usual) | (State::Open { .. }, _) => {}
        })
    }

    /// A call ended without a word about the target: its caller left, or was at fault itself.
    pub(super) fn said_nothing(&self, pass: Pass, now: Instant) -> Option<CircuitState> {
        self.judge(|state| match (*state, pass) {
            // The next one is the trial.
            (State::HalfOpen { openings, .. }, Pass::Trial) => *state = State::Open { until: now, openings },
            (State::HalfOpen { .. }, Pass::Usual) | (State::Closed { .. } | State::Open { .. }, _) => {}
        })
    }

    /// What the circuit does with calls now.
    pub(super) fn state(&self) -> CircuitState {
        self.change(|state| state.told())
    }

    fn open(&self, openings: u32, now: Instant) -> State {
        State::Open { until: now + self.open_for(openings), openings }
    }

    fn open_for(&self, openings: u32) -> Duration {
        let doublings = openings.saturating_sub(1).min(16);
        (FIRST_OPEN * (1 << doublings)).min(self.settings.longest_open)
    }

    fn judge(&self, judge: impl FnOnce(&mut State)) -> Option<CircuitState> {
        self.change(|state| {
            let before = state.told();
            judge(state);
            Some(state.told()).filter(|told| *told != before)
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn told(self) -> CircuitState {
        match self {
            Self::Closed { .. } => CircuitState::Closed,
            Self::HalfOpen { .. } => CircuitState::HalfOpen,
            Self::Open { .. } => CircuitState::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(BreakerSettings { failures: 3, longest_open: SECOND * 3 });
        let verdicts: Vec<_> = (0..3).map(|_| breaker.failed(Pass::Usual, now)).collect();
        assert_eq!(verdicts, [None, None, Some(CircuitState::Open)]);
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerSettings { failures: 3, longest_open: SECOND });
        for _ in 0..10 {
            breaker.failed(Pass::Usual, now);
            breaker.failed(Pass::Usual, now);
            breaker.said_nothing(Pass::Usual, now);
            breaker.succeeded();
        }
        assert_eq!((breaker.admit(now), breaker.state()), (Ok(Pass::Usual), CircuitState::Closed));
        let breaker = opened(now);
        assert_eq!((breaker.admit(now), breaker.state()), (Err(SECOND), CircuitState::Open));
    }

    #[test]
    fn one_call_is_tried_and_closes_it() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.admit(now + SECOND), Ok(Pass::Trial));
        assert_eq!((breaker.admit(now + SECOND), breaker.state()), (Err(SECOND), CircuitState::HalfOpen));
        // Calls of before have no say.
        breaker.failed(Pass::Usual, now + SECOND);
        breaker.answered(Pass::Usual);
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
        breaker.answered(Pass::Trial);
        assert_eq!(breaker.admit(now + SECOND), Ok(Pass::Usual));
    }

    #[test]
    fn a_failed_trial_opens_it_for_longer_up_to_a_bound() {
        let mut now = Instant::now();
        let breaker = opened(now);
        for wait in [SECOND, SECOND * 2, SECOND * 3, SECOND * 3] {
            assert_eq!(breaker.admit(now), Err(wait));
            now += wait;
            assert_eq!(breaker.admit(now), Ok(Pass::Trial));
            breaker.failed(Pass::Trial, now);
        }
        now += SECOND * 3;
        assert_eq!(breaker.admit(now), Ok(Pass::Trial));
        breaker.succeeded();
        (0..3).for_each(|_| assert_ne!(breaker.failed(Pass::Usual, now), Some(CircuitState::HalfOpen)));
        assert_eq!(breaker.admit(now), Err(SECOND), "it begins anew");
    }

    #[test]
    fn a_trial_that_is_left_or_hangs_gives_way_to_another() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.admit(now + SECOND), Ok(Pass::Trial));
        breaker.said_nothing(Pass::Trial, now + SECOND);
        assert_eq!(breaker.admit(now + SECOND), Ok(Pass::Trial));
        assert_eq!(breaker.admit(now + SECOND * 2), Ok(Pass::Trial));
    }
}
