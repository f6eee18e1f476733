//! Lets callers in: who is it, for which tenant, and not too often. All of it before the message is read.

use gateway_auth::{Caller, RateState, StreamPermit};
use gateway_proto::{Access, ApiError, Rpc, metadata};
use http::{HeaderMap, HeaderValue};

use crate::api_errors;
use crate::shared::Shared;

/// A call that may go on.
#[derive(Default)]
pub(super) struct Admitted {
    /// Who makes it; none for what is public.
    pub(super) caller: Option<Caller>,
    /// The state of the caller's limiter.
    pub(super) state: Option<RateState>,
    /// Held while the answer streams.
    pub(super) stream: Option<StreamPermit>,
}

/// A call that may not.
pub(super) struct Refusal {
    pub(super) error: ApiError,
    pub(super) state: Option<RateState>,
}

/// Decides about a call; what is public, or no RPC of ours, has no caller.
pub(super) fn admit(shared: &Shared, rpc: Option<Rpc>, headers: &HeaderMap) -> Result<Admitted, Refusal> {
    let Some(access) = rpc.map(Rpc::access).filter(|access| *access != Access::Public) else {
        return Ok(Admitted::default());
    };
    let caller = authenticate(shared, headers).map_err(|error| Refusal { error, state: None })?;
    let state = match (caller.limiter(), access) {
        (None, _) => None,
        // An RPC that needs no scope says itself whether it is to be charged, and tells the state after it.
        (Some(_), Access::Authenticated) => None,
        (Some(limiter), _) => Some(limiter.charge().map_err(|refused| {
            count("rate");
            Refusal { error: api_errors::rate_limited(&refused), state: Some(refused.state) }
        })?),
    };
    let stream = if rpc.is_some_and(Rpc::streams) { Some(caller.open_stream()) } else { None };
    let stream = stream.transpose().map_err(|most| {
        count("streams");
        Refusal { error: api_errors::too_many_streams(most), state }
    })?;
    Ok(Admitted { caller: Some(caller), state, stream })
}

/// Counts a refusal, by what was used up.
fn count(limit: &'static str) {
    metrics::counter!("gateway_rate_limited_total", "limit" => limit).increment(1);
}

fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let credentials = headers.get_all(&metadata::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let tenants = headers.get_all(&metadata::X_TENANT_ID).iter();
    let tenants = tenants.chain(headers.get_all(&metadata::SPASS_TENANT_ID)).map(HeaderValue::as_bytes);
    shared.authenticator().authenticate(credentials, tenants).map_err(|error| api_errors::from_auth(&error))
}

/// Puts a limiter's state on an answer, in the spelling of OpenAI's API.
pub(crate) fn put_rate_state(headers: &mut HeaderMap, state: Option<RateState>) {
    let Some(state) = state else { return };
    headers.insert(&metadata::RATE_LIMIT_LIMIT, state.burst.into());
    headers.insert(&metadata::RATE_LIMIT_REMAINING, state.remaining.into());
    if let Ok(reset) = HeaderValue::try_from(spell_seconds(whole_seconds(state.reset))) {
        headers.insert(&metadata::RATE_LIMIT_RESET, reset);
    }
}

/// A duration in whole seconds, rounded up.
pub(crate) fn whole_seconds(duration: std::time::Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// `90` becomes `1m30s`.
fn spell_seconds(seconds: u64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_are_spelled_as_openai_spells_them() {
        assert_eq!(spell_seconds(0), "0s");
        assert_eq!(spell_seconds(59), "59s");
        assert_eq!(spell_seconds(90), "1m30s");
        assert_eq!(whole_seconds(Duration::from_millis(1)), 1);
        assert_eq!(whole_seconds(Duration::from_secs(2)), 2);
    }
}
