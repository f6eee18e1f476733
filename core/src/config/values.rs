//! Values of settings, each refused with what would be right.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use url::Url;

/// A socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// TCP; port 0 picks one.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("a path must follow unix:".to_owned()),
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                "must be an address and a port, as in 127.0.0.1:50051 or [::1]:0, or unix: and a path".to_owned()
            }),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// The file that a setting names, or the usual one when it exists.
pub(super) fn existing_default(set: Option<&Path>, usual: &str) -> Option<PathBuf> {
    match set {
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(usual)).filter(|path| path.exists()),
    }
}

/// A duration in seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    const LONGEST: f64 = 365.0 * 86_400.0;
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| (0.001..=LONGEST).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "must be a number of seconds from 0.001, as in 5 or 0.5".to_owned())
}

/// A duration in seconds that may be none at all.
pub(super) fn seconds_or_zero(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { seconds(text).map_err(|reason| format!("{reason}, or 0")) }
}

/// A size in bytes.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    const LEAST: usize = 1024;
    const MOST: usize = 1 << 30;
    let bytes = text.parse().ok().filter(|bytes| (LEAST..=MOST).contains(bytes));
    bytes.ok_or_else(|| format!("must be a whole number of bytes from {LEAST} to {MOST}"))
}

/// Requests per second; 0 for no limit.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok().filter(|rate| (0.0..=1e9).contains(rate));
    rate.ok_or_else(|| "must be a number from 0 (no limit), as in 1 or 0.5".to_owned())
}

/// A number of at least one.
pub(super) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "must be a whole number of at least 1".to_owned())
}

/// A number that may be none.
pub(super) fn count_or_zero(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "must be a whole number from 0".to_owned())
}

/// The base URL of a model server.
pub(super) fn base_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.ok_or_else(|| {
        "must be an http or https URL without a user, /v1 included, as in http://127.0.0.1:4000/v1".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        for text in ["127.0.0.1:50051", "[::1]:0", "unix:/run/core.sock"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        for bad in ["", "unix:", "localhost", "127.0.0.1", "127.0.0.1:99999", ":80"] {
            assert!(bad.parse::<ListenAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_have_their_range() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds_or_zero("0"), Ok(Duration::ZERO));
        assert!(seconds("0").is_err() && seconds("-1").is_err() && seconds("NaN").is_err() && seconds("inf").is_err());
        assert_eq!(bytes("33554432"), Ok(33_554_432));
        assert!(bytes("32M").is_err() && bytes("1").is_err() && bytes("99999999999").is_err());
        assert_eq!(rate("0"), Ok(0.0));
        assert!(rate("-1").is_err() && rate("fast").is_err());
        assert!(count("0").is_err() && count("30").is_ok());
        assert!(count_or_zero("0").is_ok() && count_or_zero("-1").is_err());
    }

    #[test]
    fn base_urls_are_http() {
        assert!(base_url("https://api.example.com/v1").is_ok());
        for bad in ["", "localhost:4000", "ftp://h/v1", "http://", "http://h/v1#x", "http://user:pass@h/v1"] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }
}
