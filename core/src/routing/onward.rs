//! What a failure says: where a chat may go after it, and whether the target is unwell.
#![deny(clippy::wildcard_enum_match_arm)]

use crate::upstream::{RetryRule, UpstreamError};

/// Where a chat may go after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// Nowhere: it may have been answered and billed, or every server would say the same.
    Nowhere,
    /// To another target.
    Elsewhere,
    /// To another target, or to the same again, which has not seen it.
    AgainUnseen,
    /// To another target, or to the same again, which has seen it.
    AgainSeen,
}

impl Onward {
    /// After this failure of a server under this rule.
    pub(super) fn after(error: &UpstreamError, rule: RetryRule) -> Self {
        match (error, rule) {
            (UpstreamError::Unreachable(_), _) => Self::AgainUnseen,
            (UpstreamError::Refused { status: 429, .. }, _)
            | (UpstreamError::Refused { status: 503, retry_after: Some(_), .. }, _) => Self::Elsewhere,
            // The request itself is at fault.
            (UpstreamError::Refused { status: 400 | 413 | 422, .. }, _) => Self::Nowhere,
            // The server's own rules and limits stand in the way, and will the next time.
            (UpstreamError::Refused { status: 401..500, .. } | UpstreamError::TooLarge { .. }, RetryRule::Safe) => {
                Self::Elsewhere
            }
            (
                UpstreamError::Broken(_)
                | UpstreamError::TimedOut(_)
                | UpstreamError::Refused { .. }
                | UpstreamError::Malformed(_),
                RetryRule::Safe,
            ) => Self::AgainSeen,
            (
                UpstreamError::Broken(_)
                | UpstreamError::TimedOut(_)
                | UpstreamError::Refused { .. }
                | UpstreamError::Malformed(_)
                | UpstreamError::TooLarge { .. },
                RetryRule::Unanswered,
            ) => Self::Nowhere,
        }
    }
}

/// Whether a failure says that the target is unwell, and not that the request was at fault or a quota is used up.
pub(super) fn is_unwell(error: &UpstreamError) -> bool {
    match error {
        UpstreamError::Unreachable(_) | UpstreamError::Broken(_) | UpstreamError::TimedOut(_) => true,
        // Those above 504 that are in use: of proxies before the server, and "overloaded".
        UpstreamError::Refused { status, .. } => matches!(status, 500 | 502..=504 | 520..=530),
        UpstreamError::Malformed(_) | UpstreamError::TooLarge { .. } => false,
    }
}

/// What kind of failure it is, for a metric.
pub(super) fn kind(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Unreachable(_) => "unreachable",
        UpstreamError::Broken(_) => "broken",
        UpstreamError::TimedOut(_) => "timed_out",
        UpstreamError::Refused { status: 429, .. } => "quota",
        UpstreamError::Refused { .. } => "refused",
        UpstreamError::Malformed(_) => "malformed",
        UpstreamError::TooLarge { .. } => "too_large",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::upstream::Phase;

    fn refused(status: u16, retry_after: Option<Duration>) -> UpstreamError {
        UpstreamError::Refused { status, message: None, about_token_limit: false, retry_after, says_daily: false }
    }

    #[test]
    fn what_may_have_been_answered_goes_nowhere_unless_the_server_is_safe() {
        let wait = Some(Duration::from_secs(1));
        for (error, usually, safe, unwell) in [
            (UpstreamError::Unreachable("x".into()), Onward::AgainUnseen, Onward::AgainUnseen, true),
            (UpstreamError::Broken("x".into()), Onward::Nowhere, Onward::AgainSeen, true),
            (UpstreamError::TimedOut(Phase::FirstByte), Onward::Nowhere, Onward::AgainSeen, true),
            (refused(429, None), Onward::Elsewhere, Onward::Elsewhere, false),
            (refused(429, wait), Onward::Elsewhere, Onward::Elsewhere, false),
            (refused(503, wait), Onward::Elsewhere, Onward::Elsewhere, true),
            (refused(503, None), Onward::Nowhere, Onward::AgainSeen, true),
            (refused(500, wait), Onward::Nowhere, Onward::AgainSeen, true),
            (refused(529, None), Onward::Nowhere, Onward::AgainSeen, true),
            (refused(501, None), Onward::Nowhere, Onward::AgainSeen, false),
            (refused(400, None), Onward::Nowhere, Onward::Nowhere, false),
            (refused(404, None), Onward::Nowhere, Onward::Elsewhere, false),
            (refused(200, None), Onward::Nowhere, Onward::AgainSeen, false),
            (UpstreamError::Malformed(String::new()), Onward::Nowhere, Onward::AgainSeen, false),
            (UpstreamError::TooLarge { limit: 1 }, Onward::Nowhere, Onward::Elsewhere, false),
        ] {
            assert_eq!(Onward::after(&error, RetryRule::Unanswered), usually, "{error}");
            assert_eq!(Onward::after(&error, RetryRule::Safe), safe, "{error}");
            assert_eq!(is_unwell(&error), unwell, "{error}");
        }
    }
}
