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

impl<S> Layer<S> {
    pub(super) fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }

    /// The caller and its limiter's state; neither for what is public or no RPC of ours.
    fn admit(&self, request: &Request) -> Result<Option<(Caller, Option<RateState>)>, Box<(ApiError, Option<RateState>)>> {
        let Some(rpc) = Rpc::from_path(request.uri().path()) else { return Ok(None) };
        if rpc.access() == Access::Public {
            return Ok(None);
        }
        let caller = self.authenticate(request.headers()).map_err(|error| Box::new((error, None)))?;
        let Some(limiter) = &caller.limiter else { return Ok(Some((caller, None))) };
        // An RPC that needs no scope says itself whether it is to be charged.
        let decision = if rpc.access() == Access::Authenticated { limiter.peek() } else { limiter.charge() };
        match decision {
            Ok(state) => Ok(Some((caller, Some(state)))),
            Err(refused) if rpc.access() == Access::Authenticated => Ok(Some((caller, Some(refused.state)))),
            Err(refused) => {
                metrics::counter!("gateway_rate_limited_total").increment(1);
                Err(Box::new((api_errors::rate_limited(&refused), Some(refused.state))))
            }
        }
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
        let state = match self.admit(&request) {
            Ok(None) => None,
            Ok(Some((caller, state))) => {
                request.extensions_mut().insert(caller);
                state
            }
            Err(refusal) => {
                let (error, state) = *refusal;
                let mut response = refuse(&error, &id_of(&request), self.shared.docs_url());
                put_rate_state(response.headers_mut(), state);
                return Box::pin(future::ready(Ok(response)));
            }
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            put_rate_state(response.headers_mut(), state);
            Ok(response)
        })
    }
}

/// Puts a limiter's state on an answer, in the spelling of OpenAI's API.
fn put_rate_state(headers: &mut HeaderMap, state: Option<RateState>) {
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
