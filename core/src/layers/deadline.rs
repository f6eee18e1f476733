//! Holds to the caller's time: tonic's own timer runs only on a socket, and answers in its own words.

use std::future::Future;
use std::time::Duration;

use gateway_proto::{ApiError, ErrorCode, metadata};
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

/// Ours is a little earlier than the caller's, so that our answer arrives before its own timer ends the call.
const MARGIN: Duration = Duration::from_millis(5);

/// When the caller's time runs out, where it set one.
pub(super) fn of(headers: &HeaderMap) -> Result<Option<Instant>, ApiError> {
    let timeout = timeout(headers)?;
    // A time beyond what the clock can hold is none.
    Ok(timeout.and_then(|timeout| Instant::now().checked_add(timeout - MARGIN.min(timeout / 10))))
}

/// Runs a call until then.
pub(super) async fn within<T>(deadline: Option<Instant>, call: impl Future<Output = T>) -> Result<T, ApiError> {
    match deadline {
        None => Ok(call.await),
        Some(deadline) => timeout_at(deadline, call).await.map_err(|_| expired()),
    }
}

fn expired() -> ApiError {
    ApiError::new(ErrorCode::UpstreamTimeout, "The time that the caller set ran out before the answer was there.")
}

/// `grpc-timeout`: up to eight digits and a unit.
fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, ApiError> {
    let Some(value) = headers.get(&metadata::GRPC_TIMEOUT) else { return Ok(None) };
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
