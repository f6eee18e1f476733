//! What can go wrong with a model server.

use std::error::Error;
use std::time::Duration;

/// Why a model server gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// No connection could be made; nothing was sent.
    #[error("no connection to the model server")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// A connection was made and broke before the answer was whole.
    #[error("the connection to the model server broke")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// Time ran out.
    #[error("the model server ran out of time: {0}")]
    TimedOut(Phase),
    /// It answered with an error.
    #[error("the model server answered with status {status}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said, scrubbed for clients; none when nothing of it may be told.
        message: Option<String>,
        /// Whether its message is about a token limit.
        about_token_limit: bool,
        /// The wait that it asks for.
        retry_after: Option<Duration>,
        /// Whether it says that an allowance for the day is used up.
        says_daily: bool,
    },
    /// It answered with something that is not a chat completion; the text says what, in our own words.
    #[error("the model server's answer is not a chat completion: {0}")]
    Malformed(String),
    /// Its answer is larger than the gateway takes.
    #[error("the model server's answer is over {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

/// What a model server was given time for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The first byte of the answer.
    FirstByte,
    /// The next bytes of the answer.
    Idle,
    /// The whole call, by the gateway's limit or the caller's deadline.
    Total,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::FirstByte => "it did not begin to answer in time",
            Self::Idle => "it fell silent in mid-answer",
            Self::Total => "it did not finish its answer in time",
        })
    }
}
