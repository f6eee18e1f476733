//! Lets callers in: who is it, for which tenant, and not too often. All of it before the message is read.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future;
use gateway_auth::{Caller, RateState};
use gateway_proto::{Access, ApiError, Rpc, metadata};
use http::{HeaderMap, HeaderValue};
use tower::Service;

use super::{Request, Response, ResponseFuture, id_of, refuse};
use crate::api_errors;
use crate::shared::Shared;

#[derive(Clone)]
pub(super) struct Layer<S> {
    inner: S,
    shared: Shared,
}

/// A call that may go on.
#[derive(Default)]
struct Admitted {
    caller: Option<Caller>,
    /// The state of the caller's limiter.
    state: Option<RateState>,
}

/// A call that may not.
struct Refusal {
    error: ApiError,
    state: Option<RateState>,
}

impl<S> Layer<S> {
    pub(super) fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }

    /// Decides about a call; what is public, or no RPC of ours, has no caller.
    fn admit(&self, request: &Request) -> Result<Admitted, Refusal> {
        let Some(rpc) = Rpc::from_path(request.uri().path()) else { return Ok(Admitted::default()) };
        if rpc.access() == Access::Public {
            return Ok(Admitted::default());
        }
        let caller = self.authenticate(request.headers()).map_err(|error| Refusal { error, state: None })?;
        let state = match (&caller.limiter, rpc.access()) {
            (None, _) => None,
            // An RPC that needs no scope says itself whether it is to be charged, and tells the state after it.
            (Some(_), Access::Authenticated) => None,
            (Some(limiter), _) => Some(limiter.charge().map_err(|refused| {
                metrics::counter!("gateway_rate_limited_total").increment(1);
                Refusal { error: api_errors::rate_limited(&refused), state: Some(refused.state) }
            })?),
        };
        Ok(Admitted { caller: Some(caller), state })
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let credentials = headers.get_all(metadata::AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let tenants = headers.get_all(metadata::X_TENANT_ID).iter();
        let tenants = tenants.chain(headers.get_all(metadata::SPASS_TENANT_ID)).map(HeaderValue::as_bytes);
        self.shared.authenticator().authenticate(credentials, tenants).map_err(|error| api_errors::from_auth(&error))
    }
}

impl<S> Service<Request> for Layer<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> ResponseFuture {
        let Admitted { caller, state } = match self.admit(&request) {
            Ok(admitted) => admitted,
            Err(Refusal { error, state }) => {
                let mut response = refuse(&error, &id_of(&request), self.shared.docs_url());
                put_rate_state(response.headers_mut(), state);
                return Box::pin(future::ready(Ok(response)));
            }
        };
        if let Some(caller) = caller {
            request.extensions_mut().insert(caller);
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            put_rate_state(response.headers_mut(), state);
            Ok(response)
        })
    }
}

/// Puts a limiter's state on an answer, in the spelling of OpenAI's API.
pub(crate) fn put_rate_state(headers: &mut HeaderMap, state: Option<RateState>) {
    let Some(state) = state else { return };
    headers.insert(metadata::RATE_LIMIT_LIMIT, state.burst.into());
    headers.insert(metadata::RATE_LIMIT_REMAINING, state.remaining.into());
    if let Ok(reset) = HeaderValue::try_from(spell_seconds(whole_seconds(state.reset))) {
        headers.insert(metadata::RATE_LIMIT_RESET, reset);
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
