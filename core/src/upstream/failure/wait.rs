//! The wait that a model server asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

/// When a quota begins anew: the name that OpenRouter and others use.
const RATE_LIMIT_RESET: &str = "x-ratelimit-reset";
/// A number from here on is a time in seconds since 1970 and no wait.
const LEAST_TIME_SECS: f64 = 1e9;
/// A number from here on is such a time in milliseconds.
const LEAST_TIME_MILLIS: f64 = 1e11;

/// How long a failed answer asks to wait. When a quota begins anew counts only where one is used up; `told_reset` is the
/// body's word for it.
pub(super) fn asked(status: StatusCode, headers: &HeaderMap, told_reset: Option<&str>) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(RETRY_AFTER.as_str()).and_then(|value| until(value, now));
    if status != StatusCode::TOO_MANY_REQUESTS {
        return retry_after;
    }
    retry_after.or_else(|| until(header(RATE_LIMIT_RESET).or(told_reset)?, now))
}

/// A wait in seconds, or that until a time: an HTTP date, or a number since 1970. A time that has passed is no wait.
fn until(value: &str, now: Duration) -> Option<Duration> {
    let value = value.trim();
    let time = match value.parse::<f64>() {
        Ok(millis) if millis >= LEAST_TIME_MILLIS => Duration::try_from_secs_f64(millis / 1000.0).ok()?,
        Ok(seconds) if seconds >= LEAST_TIME_SECS => Duration::try_from_secs_f64(seconds).ok()?,
        Ok(seconds) => return Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?,
    };
    Some(time.saturating_sub(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_760_000_000);

    #[test]
    fn a_wait_has_several_spellings() {
        for (value, expected) in [
            ("7", Some(7_000)),
            ("0.5", Some(500)),
            ("99999999", Some(99_999_999_000)),
            ("1760000060", Some(60_000)),
            ("1760003600000", Some(3_600_000)),
            ("Thu, 09 Oct 2025 08:54:20 GMT", Some(60_000)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)),
            ("1e300", None),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
        ] {
            assert_eq!(until(value, NOW), expected.map(Duration::from_millis), "{value}");
        }
    }

    #[test]
    fn a_reset_counts_only_where_a_quota_is_used_up() {
        let headers = HeaderMap::from_iter([(RATE_LIMIT_RESET.parse().unwrap(), "30".parse().unwrap())]);
        assert_eq!(asked(StatusCode::TOO_MANY_REQUESTS, &headers, Some("40")), Some(Duration::from_secs(30)));
        assert_eq!(asked(StatusCode::SERVICE_UNAVAILABLE, &headers, None), None);
        assert_eq!(asked(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), Some("40")), Some(Duration::from_secs(40)));
    }
}
