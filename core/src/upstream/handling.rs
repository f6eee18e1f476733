//! What the operator says of a model server besides where it is.

use std::time::Duration;

/// How a model server is to be handled. The default is that of a server of which nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Handling {
    /// How requests are written for it.
    pub rules: RequestRules,
    /// What may be sent a second time.
    pub retry: RetryRule,
    /// That it has an allowance for the day.
    pub daily_limit: Option<DailyLimit>,
    /// When its circuits open; none: never.
    pub breaker: Option<BreakerSettings>,
}

/// How requests are written for a model server.
#[derive(Clone, Debug, Default)]
pub struct RequestRules {
    /// Parameters that it is not sent.
    pub drop_params: Vec<String>,
    /// The name under which it is sent the token limit; none: as the caller wrote it.
    pub token_limit: Option<TokenLimitName>,
    /// What becomes of several leading system messages.
    pub system_messages: SystemMessages,
}

/// The two names of the token limit, the older and the newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimitName {
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
}

/// What becomes of several system or developer messages at the begin of a chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemMessages {
    /// They stay as they are.
    #[default]
    Keep,
    /// They become one, since many chat templates refuse a second.
    Merge,
}

/// What may be sent a second time, to this server or to another in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetryRule {
    /// Only what it cannot have begun to answer: a chat that was answered twice is billed twice.
    #[default]
    Unanswered,
    /// Whatever failed.
    Safe,
}

/// An allowance for the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyLimit {
    /// How many requests it has from one 00:00 UTC to the next, counted by this process; none: only the server counts.
    pub requests: Option<u32>,
}

/// When a circuit opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// How many calls in a row must fail.
    pub failures: u32,
    /// The longest that a circuit stays open until it is tried; the first times are shorter.
    pub longest_open: Duration,
}

impl RequestRules {
    /// Whether the server is not sent this parameter.
    pub(super) fn drops(&self, name: &str) -> bool {
        self.drop_params.iter().any(|dropped| dropped == name)
    }
}
