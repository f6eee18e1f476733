//! Values of settings, each refused with what would be right.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderValue, Uri};

/// Where an edge of its own finds the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CoreAddress {
    /// One address.
    Url(Uri),
    /// A name that stands for any number of cores, which are balanced over.
    Dns {
        /// The name.
        name: String,
        /// The port of each.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for CoreAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = if let Some(path) = text.strip_prefix("unix:") {
            path.starts_with('/').then(|| Self::Unix(path.into()))
        } else if let Some(target) = text.strip_prefix("dns:///") {
            let parts = target.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?)));
            parts.filter(|(name, _)| !name.is_empty()).map(|(name, port)| Self::Dns { name: name.to_owned(), port })
        } else {
            let url = text
                .parse::<Uri>()
                .ok()
                .filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some());
            url.map(Self::Url)
        };
        address.ok_or_else(|| "must be http://host:port, https://host:port, dns:///name:port or unix:/path".to_owned())
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
    const MOST: usize = 1 << 40;
    let bytes = text.parse().ok().filter(|bytes| (LEAST..=MOST).contains(bytes));
    bytes.ok_or_else(|| format!("must be a whole number of bytes from {LEAST} to {MOST}"))
}

/// A number of at least one.
pub(super) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "must be a whole number of at least 1".to_owned())
}

/// The origin of a page, or `*`.
pub(super) fn origin(text: &str) -> Result<HeaderValue, String> {
    let text = text.trim();
    let has_form = text == "*"
        || text.parse::<Uri>().is_ok_and(|url| {
            url.scheme().is_some() && url.host().is_some() && url.path_and_query().is_none_or(|path| path == "/")
        }) && !text.ends_with('/');
    let value = HeaderValue::from_str(text).ok().filter(|_| has_form);
    value.ok_or_else(|| "must be an origin, as in https://app.example.com, or *".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_addresses_are_read() {
        for url in ["http://127.0.0.1:50051", "https://core.internal:50051"] {
            assert!(matches!(url.parse(), Ok(CoreAddress::Url(_))));
        }
        assert_eq!("unix:/run/core.sock".parse(), Ok(CoreAddress::Unix("/run/core.sock".into())));
        assert_eq!(
            "dns:///cores.svc:50051".parse(),
            Ok(CoreAddress::Dns { name: "cores.svc".to_owned(), port: 50051 })
        );
        for bad in ["", "127.0.0.1:1", "ftp://h:1", "unix:", "unix:relative", "dns:///h", "dns:///:1", "dns://h:1"] {
            assert!(bad.parse::<CoreAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn origins_have_no_path() {
        for good in ["*", "https://app.example.com", "http://localhost:3000"] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for bad in ["", "app.example.com", "https://app.example.com/", "https://app.example.com/x"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
