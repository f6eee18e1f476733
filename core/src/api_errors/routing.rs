//! Why no model server answered.

use std::time::Duration;

use gateway_proto::json::Writer;
use gateway_proto::{ApiError, ErrorCode};

use super::{MAX_QUOTA_WAIT, MAX_RETRYABLE_WAIT, MIN_QUOTA_WAIT, from_upstream};
use crate::domain::alias::ModelAlias;
use crate::layers::whole_seconds;
use crate::routing::RouteError;
use crate::upstream::{UpstreamError, since_1970, until_midnight};

/// The most bytes of the list of fallbacks: the metadata of an error is cut beyond, and JSON must not be.
const MAX_FALLBACKS_BYTES: usize = 512;

/// Why no model server answered. The fallbacks are the aliases that the caller may use in place of this one.
pub(crate) fn from_route<'a>(
    error: RouteError,
    alias: &ModelAlias,
    fallbacks: impl Iterator<Item = &'a ModelAlias>,
) -> ApiError {
    match error {
        RouteError::Failed { error, is_daily: false } => from_upstream(error, alias),
        RouteError::Failed { error, is_daily: true } => {
            daily_quota_exhausted(alias, fallbacks, asked_wait(&error)).with_source(error)
        }
        RouteError::CircuitOpen { wait } => circuit_open(alias, wait).with_source(error),
        RouteError::DailySpent { wait } => daily_quota_exhausted(alias, fallbacks, Some(wait)).with_source(error),
    }
}

fn asked_wait(error: &UpstreamError) -> Option<Duration> {
    match error {
        UpstreamError::Refused { retry_after, .. } => *retry_after,
        UpstreamError::Unreachable(_)
        | UpstreamError::Broken(_)
        | UpstreamError::TimedOut(_)
        | UpstreamError::Malformed(_)
        | UpstreamError::TooLarge { .. } => None,
    }
}

fn circuit_open(alias: &ModelAlias, wait: Duration) -> ApiError {
    let seconds = whole_seconds(wait).max(1);
    let message =
        "The model server failed several times in a row and is left alone for a moment; GET /readyz shows its state.";
    ApiError::new(ErrorCode::UpstreamUnavailable, message)
        .with_metadata("model", alias.as_str())
        .with_metadata("retry_after_seconds", seconds.to_string())
        .with_retry_after(Duration::from_secs(seconds))
}

/// `asked` is the time until the allowance begins anew, where it is known; else that is the next 00:00 UTC.
fn daily_quota_exhausted<'a>(
    alias: &ModelAlias,
    fallbacks: impl Iterator<Item = &'a ModelAlias>,
    asked: Option<Duration>,
) -> ApiError {
    let wait = asked.unwrap_or_else(|| until_midnight(since_1970())).clamp(MIN_QUOTA_WAIT, MAX_QUOTA_WAIT);
    let seconds = whole_seconds(wait);
    let (fallbacks, has_any) = list(fallbacks);
    let instead = if has_any { "one of available_fallbacks" } else { "another model" };
    let message =
        format!("The quota of the model '{alias}' for the day is used up; use {instead}, or try again in {seconds} s.");
    let error = ApiError::new(ErrorCode::OpenrouterDailyQuotaExhausted, message)
        .with_param("model")
        .with_metadata("model", alias.as_str())
        .with_metadata("available_fallbacks", fallbacks)
        .with_metadata("retry_after_seconds", seconds.to_string())
        .with_retry_after(Duration::from_secs(seconds));
    if wait > MAX_RETRYABLE_WAIT { error.not_retryable() } else { error }
}

/// Aliases as JSON, since one may hold any visible character; and whether there are any.
fn list<'a>(aliases: impl Iterator<Item = &'a ModelAlias>) -> (String, bool) {
    let mut writer = Writer::default();
    let mut has_any = false;
    writer.begin_array();
    for alias in aliases {
        // With its quotes, its comma and at most twice its bytes for escapes, and the bracket after it.
        if writer.len() + 2 * alias.as_str().len() + 4 > MAX_FALLBACKS_BYTES {
            break;
        }
        writer.string(alias.as_str());
        has_any = true;
    }
    writer.end_array();
    (String::from_utf8(writer.finish()).unwrap_or_default(), has_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_would_be_cut_is_shorter() {
        let aliases: Vec<_> =
            (0..9).map(|number| ModelAlias::parse(&format!("\"{number}{}", "x".repeat(100))).unwrap()).collect();
        let (text, has_any) = list(aliases.iter());
        let listed: Vec<String> = serde_json::from_str(&text).unwrap();
        assert!(has_any && text.len() <= MAX_FALLBACKS_BYTES && (2..5).contains(&listed.len()), "{text}");
        assert!(listed.iter().zip(&aliases).all(|(listed, alias)| listed == alias.as_str()));
        assert_eq!(list(std::iter::empty()), ("[]".to_owned(), false));
    }
}
