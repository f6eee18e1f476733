//! Which model server answers a chat, and which one after it.
//!
//! A [`Route`] is what an alias stands for: candidates in tiers, each a [`Target`] with its weight. A [`Walk`] goes along
//! it for one chat: it draws two candidates of the first tier that has any and takes the better one, and goes on to the
//! others, then to the next tier, where that is safe. It is the only layer that sends anything again. What is learned of a
//! target on the way (its latency, its circuit, its rest, its budget of repetitions) is shared by all aliases that lead to
//! it. No lock is held across an await, and a route of one target allocates nothing.

mod attempt;
mod backoff;
mod breaker;
mod dice;
mod load;
mod onward;
mod route;
mod target;
mod walk;

use std::time::Duration;

use crate::upstream::UpstreamError;

pub use attempt::Attempt;
pub use breaker::CircuitState;
pub use route::{Candidate, MAX_CANDIDATES, Route};
pub use target::Target;
pub use walk::Walk;

/// How an answer comes, since the time until its begin means something else each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerKind {
    /// In one piece.
    Whole,
    /// As a stream.
    Stream,
}

/// Why no model server answered.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// The last one that was asked failed.
    #[error("{error}")]
    Failed {
        /// How.
        #[source]
        error: UpstreamError,
        /// Whether its allowance for the day is used up.
        is_daily: bool,
    },
    /// None was asked, since its circuit is open.
    #[error("the circuit is open")]
    CircuitOpen {
        /// How long it is until it is tried.
        wait: Duration,
    },
    /// None was asked, since its allowance for the day is used up.
    #[error("the allowance for the day is used up")]
    DailySpent {
        /// How long it is until there is another.
        wait: Duration,
    },
}

impl RouteError {
    /// How long it is until one is asked again.
    fn wait(&self) -> Duration {
        match self {
            Self::Failed { .. } => Duration::ZERO,
            Self::CircuitOpen { wait } | Self::DailySpent { wait } => *wait,
        }
    }
}
