//! Holds to the caller's time: tonic's own timer runs only on a socket, and answers in its own words.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future;
use gateway_proto::{ApiError, ErrorCode, metadata};
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};
use tower::Service;

use super::{Request, Response, ResponseFuture, id_of, refuse};
use crate::call::Deadline;
use crate::shared::Shared;

/// Ours is a little earlier than the caller's, so that our answer arrives before its own timer ends the call.
const MARGIN: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(super) struct Layer<S> {
    inner: S,
    shared: Shared,
}

impl<S> Layer<S> {
    pub(super) fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
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
        let timeout = match timeout(request.headers()) {
            Ok(None) => return Box::pin(self.inner.call(request)),
            Ok(Some(timeout)) => timeout,
            Err(error) => {
                return Box::pin(future::ready(Ok(refuse(&error, &id_of(&request), self.shared.docs_url()))));
            }
        };
        let deadline = Instant::now() + timeout - MARGIN.min(timeout / 10);
        let (id, shared) = (id_of(&request), self.shared.clone());
        request.extensions_mut().insert(Deadline(deadline));
        let answer = self.inner.call(request);
        Box::pin(async move {
            match timeout_at(deadline, answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(refuse(&expired(), &id, shared.docs_url())),
            }
        })
    }
}

fn expired() -> ApiError {
    ApiError::new(ErrorCode::UpstreamTimeout, "The time that the caller set ran out before the answer was there.")
}

/// `grpc-timeout`: up to eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get(metadata::GRPC_TIMEOUT) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let has_form = (1..=8).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        let number: u64 = digits.parse().ok().filter(|_| has_form)?;
        match unit {
            "H" => Some(Duration::from_secs(number * 3600)),
            "M" => Some(Duration::from_secs(number * 60)),
            "S" => Some(Duration::from_secs(number)),
            "m" => Some(Duration::from_millis(number)),
            "u" => Some(Duration::from_micros(number)),
            "n" => Some(Duration::from_nanos(number)),
            _ => None,
        }
    });
    parsed.map(Some).ok_or_else(|| {
        ApiError::invalid_field(
            "headers.grpc-timeout",
            "'headers.grpc-timeout' must be one to eight digits and one of the units H, M, S, m, u, n.",
        )
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn timeout_of(value: &'static str) -> Result<Option<Duration>, ApiError> {
        timeout(&HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-timeout"),
            HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn timeouts_are_read() {
        assert_eq!(timeout(&HeaderMap::new()).unwrap(), None);
        assert_eq!(timeout_of("2S").unwrap(), Some(Duration::from_secs(2)));
        assert_eq!(timeout_of("99999999H").unwrap(), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(timeout_of("250m").unwrap(), Some(Duration::from_millis(250)));
        for bad in ["", "S", "2", "2s", "-1S", "+1S", "123456789S", "1.5S"] {
            assert_eq!(timeout_of(bad).unwrap_err().param(), Some("headers.grpc-timeout"), "{bad}");
        }
    }
}
