//! Every inner error as the error that a client sees. No other file of the core chooses a code for them, and none of
//! these matches has an arm for everything else.
#![deny(clippy::wildcard_enum_match_arm)]

mod routing;
mod stacks;
mod storage;

use std::num::NonZeroU32;
use std::time::Duration;

use gateway_auth::{AuthError, Refused};
use gateway_proto::{ApiError, ErrorCode};

use crate::budget::BudgetError;
use crate::catalog::Discovery;
use crate::domain::alias::ModelAlias;
use crate::layers::whole_seconds;
use crate::upstream::{Phase, UpstreamError};

pub(crate) use routing::from_route;
pub(crate) use stacks::*;
pub(crate) use storage::*;

/// The bounds of a wait that a model server asks for.
const MIN_QUOTA_WAIT: Duration = Duration::from_secs(1);
const MAX_QUOTA_WAIT: Duration = Duration::from_secs(24 * 3600);
/// The wait when a model server that has no quota left names none.
const USUAL_QUOTA_WAIT: Duration = Duration::from_secs(60);
/// The wait before a server without a connection is worth trying again.
const UNREACHABLE_WAIT: Duration = Duration::from_secs(5);
/// The wait before a token may be able to open one more stream.
const STREAM_WAIT: Duration = Duration::from_secs(1);
/// A longer wait is not one that a client should sit out by itself.
const MAX_RETRYABLE_WAIT: Duration = Duration::from_secs(60);

/// Why a caller was not let in.
pub(crate) fn from_auth(error: &AuthError) -> ApiError {
    match error {
        AuthError::Missing => ApiError::new(
            ErrorCode::MissingAuthorization,
            "There is no Authorization header; send 'Authorization: Bearer' with your token.",
        )
        .with_param("headers.authorization"),
        // The reason is for the log alone: the cases must not be told apart.
        AuthError::NotAccepted(reason) => {
            tracing::debug!(reason, "credential not accepted: {reason}");
            ApiError::new(ErrorCode::InvalidAuthorization, "The token is not accepted.")
                .with_param("headers.authorization")
        }
        AuthError::TenantNotChosen => ApiError::new(
            ErrorCode::MissingField,
            "'headers.x-tenant-id' is required: the token is bound to no tenant, so each request must name one.",
        )
        .with_param("headers.x-tenant-id"),
    }
}

/// A request that came too early.
pub(crate) fn rate_limited(refused: &Refused) -> ApiError {
    let seconds = whole_seconds(refused.retry_after).max(1);
    let message = format!("The token's rate limit is used up; try again in {seconds} s.");
    ApiError::new(ErrorCode::RateLimitExceeded, message)
        .with_metadata("retry_after_seconds", seconds.to_string())
        .with_retry_after(Duration::from_secs(seconds))
}

/// A stream beyond those that the token may have open. Nobody knows when one of them ends.
pub(crate) fn too_many_streams(most: NonZeroU32) -> ApiError {
    let message = format!("The token has {most} streams open, which is the most it may; end one, or try again later.");
    ApiError::new(ErrorCode::RateLimitExceeded, message)
        .with_metadata("maximum_streams", most.to_string())
        .with_retry_after(STREAM_WAIT)
}

/// A caller whose secret was taken back, or expired, while its answer came.
pub(crate) fn revoked() -> ApiError {
    ApiError::new(ErrorCode::InvalidAuthorization, "The token is not accepted any more.")
        .with_param("headers.authorization")
}

/// A token that lacks the scope of what it asked for. Which scope that is stays in the log.
pub(crate) fn forbidden() -> ApiError {
    ApiError::new(ErrorCode::Forbidden, "The token does not allow this operation.")
}

/// An alias that is not in the catalog.
pub(crate) fn model_not_found(alias: &str, discovery: Discovery) -> ApiError {
    match discovery {
        Discovery::Complete => model_not_available(alias),
        Discovery::Unreachable => unreachable_server(
            "The model server could not be reached yet, so its models are not known; GET /readyz shows its state.",
        ),
        Discovery::Refused => upstream_error(
            "The model server does not give the list of its models, so they are not known; GET /readyz shows its state.",
        ),
    }
}

/// An alias that is unknown, or not for this tenant.
fn model_not_available(alias: &str) -> ApiError {
    let alias: String = alias.chars().take(256).collect();
    ApiError::new(
        ErrorCode::ModelNotInAllowlist,
        format!("The model '{alias}' is not available; GET /v1/models lists those that are."),
    )
    .with_param("model")
    .with_resource("model", alias.clone())
    .with_metadata("model", alias)
}

/// A provider that the gateway knows nothing of.
pub(crate) fn provider_not_found(provider: &str) -> ApiError {
    let provider: String = provider.chars().take(64).collect();
    ApiError::new(
        ErrorCode::ModelNotInAllowlist,
        format!("The provider '{provider}' is not available; leave 'provider' out, or send 'ollama'."),
    )
    .with_param("provider")
    .with_resource("provider", provider)
}

/// Why a model server gave no usable answer.
pub(crate) fn from_upstream(error: UpstreamError, alias: &ModelAlias) -> ApiError {
    let about_model = |error: ApiError| error.with_metadata("model", alias.as_str());
    match &error {
        UpstreamError::Unreachable(_) => about_model(unreachable_server(
            "No connection to the model server could be made; GET /readyz shows its state.",
        )),
        UpstreamError::TimedOut(phase) => {
            about_model(ApiError::new(ErrorCode::UpstreamTimeout, timeout_message(*phase)))
        }
        UpstreamError::Refused { status: 429, retry_after, .. } => about_model(quota_exhausted(alias, *retry_after)),
        UpstreamError::Refused { status, message: None, .. } => {
            about_model(upstream_error(&format!("The model server answered with status {status}.")))
                .with_metadata("upstream_status", status.to_string())
        }
        UpstreamError::Refused { status: 200..300, message: Some(message), .. } => {
            about_model(upstream_error(&format!("The model server answered with an error: {message}")))
        }
        UpstreamError::Refused { status, message: Some(message), .. } => {
            about_model(upstream_error(&format!("The model server answered with status {status}: {message}")))
                .with_metadata("upstream_status", status.to_string())
        }
        UpstreamError::Broken(_) => {
            about_model(upstream_error("The connection to the model server broke before its answer was whole."))
        }
        UpstreamError::Malformed(_) => {
            about_model(upstream_error("The model server's answer is not a chat completion."))
        }
        UpstreamError::TooLarge { limit } => about_model(answer_too_large(*limit)),
    }
    .with_source(error)
}

/// An answer that is larger than the gateway keeps.
pub(crate) fn answer_too_large(limit: usize) -> ApiError {
    upstream_error(&format!("The model server's answer is larger than {limit} bytes."))
}

fn upstream_error(message: &str) -> ApiError {
    ApiError::new(ErrorCode::UpstreamError, message)
}

fn unreachable_server(message: &str) -> ApiError {
    ApiError::new(ErrorCode::UpstreamUnavailable, message).with_retry_after(UNREACHABLE_WAIT)
}

fn timeout_message(phase: Phase) -> &'static str {
    match phase {
        Phase::FirstByte => "The model server did not begin to answer in time.",
        Phase::Idle => "The model server fell silent in the middle of its answer.",
        Phase::Total => "The model server did not finish its answer in time.",
    }
}

/// A call that a budget of its tenant has no room for. Which budget that is stays in the log.
pub(crate) fn from_budget(error: BudgetError, alias: &ModelAlias) -> ApiError {
    match error {
        BudgetError::Spent { wait } => {
            let wait = Duration::from_millis(wait.max(0).unsigned_abs());
            quota_exhausted(alias, Some(wait)).with_metadata("model", alias.as_str())
        }
        BudgetError::Storage(error) => from_store(error),
    }
}

fn quota_exhausted(alias: &ModelAlias, retry_after: Option<Duration>) -> ApiError {
    let wait = retry_after.unwrap_or(USUAL_QUOTA_WAIT).clamp(MIN_QUOTA_WAIT, MAX_QUOTA_WAIT);
    let seconds = whole_seconds(wait);
    let message =
        format!("The quota of the model '{alias}' is used up; try again in {seconds} s or use another model.");
    let error = ApiError::new(ErrorCode::ModelQuotaExhausted, message)
        .with_metadata("retry_after_seconds", seconds.to_string())
        .with_retry_after(Duration::from_secs(seconds));
    if wait > MAX_RETRYABLE_WAIT { error.not_retryable() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(seconds: Option<u64>) -> ApiError {
        let error = UpstreamError::Refused {
            status: 429,
            message: Some("Provider X: 12,345 tokens used".to_owned()),
            about_token_limit: false,
            retry_after: seconds.map(Duration::from_secs),
            says_daily: false,
        };
        from_upstream(error, &ModelAlias::parse("demo").unwrap())
    }

    #[test]
    fn waits_for_a_quota_are_clamped() {
        for (asked, told, retryable) in [
            (None, 60, true),
            (Some(0), 1, true),
            (Some(7), 7, true),
            (Some(61), 61, false),
            (Some(1 << 40), 86_400, false),
        ] {
            let error = quota(asked);
            assert_eq!(error.retry_after(), Some(Duration::from_secs(told)), "{asked:?}");
            assert_eq!(error.retryable(), retryable, "{asked:?}");
        }
    }

    #[test]
    fn a_budget_that_is_spent_tells_when_there_is_a_new_one() {
        for (wait, told, retryable) in [(0, 1, true), (1500, 2, true), (61_000, 61, false), (1 << 40, 86_400, false)] {
            let error = from_budget(BudgetError::Spent { wait }, &ModelAlias::parse("demo").unwrap());
            assert_eq!(error.code(), ErrorCode::ModelQuotaExhausted);
            assert_eq!((error.retry_after(), error.retryable()), (Some(Duration::from_secs(told)), retryable));
        }
    }

    #[test]
    fn a_quota_names_neither_provider_nor_counts() {
        assert!(!quota(Some(7)).message().contains("Provider") && !quota(Some(7)).message().contains("12,345"));
    }
}
