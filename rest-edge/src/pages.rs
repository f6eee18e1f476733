//! The pages for people, and what they load: built from `web` by npm, committed in `assets`, compiled in.
//!
//! A page loads nothing from elsewhere and runs nothing but its own scripts, which its policy says to the browser.

mod asset;
mod error_page;

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use include_dir::{Dir, include_dir};

pub(crate) use asset::Asset;

use crate::routes;
use crate::state::Edge;

static ASSETS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets");

/// The file whose frame is filled in from the error catalog.
const ERROR_PAGE: &str = "docs/errors.html";

/// All files by their paths below `assets`, made once.
static FILES: LazyLock<HashMap<String, Asset>> = LazyLock::new(|| {
    let mut files = HashMap::new();
    gather(&ASSETS, &mut files);
    files
});

fn gather(folder: &'static Dir<'static>, files: &mut HashMap<String, Asset>) {
    for file in folder.files() {
        let path = file.path().to_string_lossy().into_owned();
        let asset = Asset::new(&path, Bytes::from_static(file.contents()));
        files.insert(path, asset);
    }
    for folder in folder.dirs() {
        gather(folder, files);
    }
}

/// The page of the errors. `public_url` is the address under which clients reach the edge, without a slash at its end.
pub(crate) fn error_page(public_url: &str) -> Asset {
    let frame = ASSETS.get_file(ERROR_PAGE).and_then(|file| file.contents_utf8()).unwrap_or_default();
    Asset::new(ERROR_PAGE, error_page::fill(frame, public_url).into())
}

/// `GET /`
pub(crate) async fn home(State(edge): State<Edge>, request: Request) -> Response {
    file(edge, request, "index.html").await
}

/// `GET /docs`: the first page.
pub(crate) async fn docs(State(edge): State<Edge>, request: Request) -> Response {
    file(edge, request, "docs/quickstart.html").await
}

/// `GET /docs/errors`
pub(crate) async fn errors(State(edge): State<Edge>, request: Request) -> Response {
    edge.error_page.answer(request.headers()).await
}

/// `GET /docs/{page}`
pub(crate) async fn document(State(edge): State<Edge>, request: Request) -> Response {
    let path = format!("{}.html", request.uri().path().trim_start_matches('/'));
    file(edge, request, &path).await
}

/// `GET /openapi`
pub(crate) async fn openapi(State(edge): State<Edge>, request: Request) -> Response {
    file(edge, request, "openapi.html").await
}

/// `GET /playground`
pub(crate) async fn playground(State(edge): State<Edge>, request: Request) -> Response {
    file(edge, request, "playground.html").await
}

/// `GET /assets/{file}`: what the pages load.
pub(crate) async fn asset(State(edge): State<Edge>, request: Request) -> Response {
    let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    if name.ends_with(".html") {
        // A page has one address.
        return routes::not_found::answer(State(edge), request).await;
    }
    file(edge, request, &name).await
}

async fn file(edge: Edge, request: Request, path: &str) -> Response {
    match FILES.get(path) {
        Some(asset) => asset.answer(request.headers()).await,
        None => routes::not_found::answer(State(edge), request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_page_is_filled_in() {
        let frame = ASSETS.get_file(ERROR_PAGE).and_then(|file| file.contents_utf8()).unwrap();
        assert!(frame.contains("<!--errors-->") && frame.contains("<!--codes-->"));
        let page = error_page::fill(frame, "https://g.example");
        assert!(!page.contains("<!--"), "a placeholder was left");
        assert!(page.contains("https://g.example/docs/errors#invalid_field"));
        assert!(page.contains("google.rpc.ErrorInfo\n  reason: INVALID_FIELD"));
        assert!(page.contains("retry-after: 2"));
    }

    #[test]
    fn no_page_holds_what_its_policy_forbids() {
        let pages: Vec<_> = FILES.iter().filter(|(path, _)| path.ends_with(".html")).collect();
        assert!(pages.len() > 4);
        for (path, asset) in pages {
            let text = std::str::from_utf8(asset.content()).unwrap();
            for forbidden in ["<style", " style=\"", " onclick=", "javascript:", "src=\"http", "<script>"] {
                assert!(!text.contains(forbidden), "{path} holds {forbidden}");
            }
        }
    }
}
