//! The pages for people, and what they load: built from `web` by npm, committed in `assets`, compiled in.
//!
//! A page loads nothing from elsewhere and runs nothing but its own scripts, which its policy says to the browser.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY};
use http::header::{HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use crate::routes;
use crate::state::Edge;

static ASSETS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets");

/// What a page may do: run and load what the edge serves, show pictures that the reader gave it, ask the edge.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file as it is served.
struct Asset {
    content: Bytes,
    kind: &'static str,
    tag: HeaderValue,
}

/// All files by their paths below `assets`, made once.
static FILES: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    gather(&ASSETS, &mut files);
    files
});

fn gather(folder: &'static Dir<'static>, files: &mut HashMap<String, Asset>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().into_owned();
        let content = Bytes::from_static(file.contents());
        let kind = kind(&path);
        files.insert(path, Asset::new(content, kind));
    }
    for folder in folder.dirs() {
        gather(folder, files);
    }
}

impl Asset {
    fn new(content: Bytes, kind: &'static str) -> Self {
        let digest = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(&content)[..12]);
        let tag = HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Self { content, kind, tag }
    }

    /// The file, or that the reader's copy of it is current.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let headers = [
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
            (ETAG, self.tag.clone()),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        if asked.get(IF_NONE_MATCH) == Some(&self.tag) {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(CONTENT_TYPE, self.kind)], self.content.clone()).into_response()
    }
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

async fn file(edge: Edge, request: axum::extract::Request, path: &str) -> Response {
    match FILES.get(path) {
        Some(asset) => asset.answer(request.headers()),
        None => routes::not_found::answer(State(edge), request).await,
    }
}

/// `GET /`
pub(crate) async fn home(State(edge): State<Edge>, request: axum::extract::Request) -> Response {
    file(edge, request, "index.html").await
}

/// `GET /openapi`
pub(crate) async fn openapi(State(edge): State<Edge>, request: axum::extract::Request) -> Response {
    file(edge, request, "openapi.html").await
}

/// `GET /playground`
pub(crate) async fn playground(State(edge): State<Edge>, request: axum::extract::Request) -> Response {
    file(edge, request, "playground.html").await
}

/// `GET /docs`
pub(crate) async fn docs(State(edge): State<Edge>, request: axum::extract::Request) -> Response {
    file(edge, request, "docs/quickstart.html").await
}

/// `GET /docs/{page}`
pub(crate) async fn document(
    State(edge): State<Edge>,
    Path(page): Path<String>,
    request: axum::extract::Request,
) -> Response {
    file(edge, request, &format!("docs/{page}.html")).await
}

/// `GET /assets/{file}`: what the pages load.
pub(crate) async fn asset(
    State(edge): State<Edge>,
    Path(name): Path<String>,
    request: axum::extract::Request,
) -> Response {
    file(edge, request, &name).await
}
