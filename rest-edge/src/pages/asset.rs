//! A file as it is served.

use async_compression::tokio::write::GzipEncoder;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

/// What a page may do: run and load what the edge serves, show pictures that the reader gave it, ask the edge.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file as it is served.
#[derive(Debug)]
pub(crate) struct Asset {
    content: Bytes,
    /// The same packed, made when somebody first takes it.
    packed: OnceCell<Option<Bytes>>,
    media_type: &'static str,
    /// Weak, since it is one for both.
    tag: HeaderValue,
}

impl Asset {
    /// A file of this path, which tells its type.
    pub(super) fn new(path: &str, content: Bytes) -> Self {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&content)[..12]);
        let tag = HeaderValue::try_from(format!("W/\"{digest}\"")).unwrap_or(HeaderValue::from_static("W/\"\""));
        Self { content, packed: OnceCell::new(), media_type: media_type(path), tag }
    }

    /// The file, or that the reader's copy of it is current.
    pub(super) async fn answer(&self, asked: &HeaderMap) -> Response {
        let headers = [
            // Asked for again each time, so that a new version shows at once.
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (ETAG, self.tag.clone()),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (VARY, HeaderValue::from_static("accept-encoding")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        if members(asked, &IF_NONE_MATCH).any(|tag| tag == "*" || tag.as_bytes() == self.tag.as_bytes()) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        let media_type = [(CONTENT_TYPE, self.media_type)];
        let packed =
            if takes_gzip(asked) { self.packed.get_or_init(|| gzip(&self.content)).await.clone() } else { None };
        match packed {
            Some(packed) => (headers, media_type, [(CONTENT_ENCODING, "gzip")], packed).into_response(),
            None => (headers, media_type, self.content.clone()).into_response(),
        }
    }

    #[cfg(test)]
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// The members of a header that is a list.
fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim))
}

/// Whether the reader names gzip, and not in order to refuse it.
fn takes_gzip(asked: &HeaderMap) -> bool {
    members(asked, &ACCEPT_ENCODING).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = weight.trim().trim_start_matches("q=").parse::<f32>().is_ok_and(|weight| weight <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// The content packed; nothing where that is no gain.
async fn gzip(content: &Bytes) -> Option<Bytes> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(content).await.ok()?;
    encoder.shutdown().await.ok()?;
    let packed = encoder.into_inner();
    (packed.len() < content.len()).then(|| packed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn gzip_is_for_those_who_name_it() {
        for (asked, takes) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip; q=0", false),
            ("gzip;q=0.0, br", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(&asking(ACCEPT_ENCODING, asked)), takes, "{asked}");
        }
    }

    #[tokio::test]
    async fn a_copy_that_is_current_is_not_sent_again() {
        let asset = Asset::new("site.css", Bytes::from_static(b"a {}"));
        let tag = asset.tag.to_str().unwrap().to_owned();
        for (copies, status) in [(tag.as_str(), 304), (&format!("\"x\", {tag}"), 304), ("*", 304), ("W/\"x\"", 200)] {
            let answer = asset.answer(&asking(IF_NONE_MATCH, copies)).await;
            assert_eq!((answer.status().as_u16(), answer.headers().get(ETAG)), (status, Some(&asset.tag)), "{copies}");
        }
    }
}
