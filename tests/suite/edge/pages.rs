//! The pages for people: what they come with, and what is no page.

use gateway_tests::{HttpAnswer, Stack};
use http::Method;

const PAGES: [&str; 6] = ["/", "/docs", "/docs/quickstart", "/docs/errors", "/openapi", "/playground"];

fn text(answer: &HttpAnswer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// What a page names as its own, in `src="..."` and in the `href="..."` of its head.
fn loaded(page: &str) -> Vec<String> {
    let quoted = page.split('"').filter(|part| part.starts_with("/assets/"));
    quoted.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_page_may_run_and_load_what_the_edge_serves_and_nothing_else() {
    let stack = Stack::demo().await;
    for path in PAGES {
        let answer = stack.send(Method::GET, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let page = text(&answer);
        assert!(page.starts_with("<!doctype html>") && !page.contains("<!--"), "{path}");
    }
}

#[tokio::test]
async fn what_a_page_loads_is_there_as_what_it_is() {
    let stack = Stack::demo().await;
    for path in PAGES {
        let files = loaded(&text(&stack.send(Method::GET, path, &[], "").await));
        assert!(files.len() > 3, "{path}: {files:?}");
        for file in files {
            let answer = stack.send(Method::GET, &file, &[], "").await;
            let media_type = match file.rsplit_once('.').unwrap().1 {
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                other => panic!("{file}: what is {other}?"),
            };
            assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(media_type)), "{file}");
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{file}");
        }
    }
}

#[tokio::test]
async fn a_current_copy_is_kept_and_gzip_is_sent_to_those_who_take_it() {
    let stack = Stack::demo().await;
    for path in ["/docs/errors", "/assets/site.css"] {
        let plain = stack.send(Method::GET, path, &[], "").await;
        let tag = plain.header("etag").unwrap();
        let packed = stack.send(Method::GET, path, &[("accept-encoding", "br, gzip")], "").await;
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
        assert!(packed.body.len() < plain.body.len() && packed.body.starts_with(&[0x1f, 0x8b]), "{path}");
        assert_eq!((packed.header("etag"), packed.header("vary")), (Some(tag), Some("accept-encoding")), "{path}");
        for method in [Method::GET, Method::HEAD] {
            let again = stack.send(method, path, &[("if-none-match", tag)], "").await;
            assert_eq!((again.status.as_u16(), again.body.len(), again.header("etag")), (304, 0, Some(tag)), "{path}");
        }
    }
}

#[tokio::test]
async fn head_works_on_every_page() {
    let stack = Stack::demo().await;
    for path in PAGES.into_iter().chain(["/assets/site.css"]) {
        let answer = stack.send(Method::HEAD, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0), "{path}");
        assert!(answer.header("etag").is_some(), "{path}");
    }
}

#[tokio::test]
async fn what_is_no_page_is_an_envelope() {
    let stack = Stack::demo().await;
    for (method, path, hint) in [
        (Method::GET, "/docs/nothing", "GET /openapi.json"),
        (Method::GET, "/docs/quickstart/", "try /docs/quickstart."),
        (Method::GET, "/docs/", "try /docs."),
        (Method::GET, "/openapi/", "try /openapi."),
        (Method::GET, "/docs/quickstart.html", "GET /openapi.json"),
        (Method::GET, "/docs/%2e%2e%2fsite", "GET /openapi.json"),
        (Method::GET, "/docs/%ff", "GET /openapi.json"),
        (Method::GET, "/assets/index.html", "GET /openapi.json"),
        (Method::GET, "/assets/docs/errors.html", "GET /openapi.json"),
        (Method::POST, "/playground", "GET /openapi.json"),
    ] {
        let answer = stack.send(method, path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.code_and_param().0.as_str()), (404, "route_not_found"), "{path}");
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(hint), "{path}: {message}");
    }
}

#[tokio::test]
async fn the_samples_of_errors_are_of_this_gateway() {
    let stack = Stack::demo().await;
    let page = text(&stack.send(Method::GET, "/docs/errors", &[], "").await);
    assert!(page.contains(&format!("&quot;doc_url&quot;: &quot;{}/docs/errors#forbidden&quot;", stack.http_url())));
    assert!(page.contains("reason: FORBIDDEN\n  domain: chat-gateway"));
    assert!(page.contains("x-should-retry: true\nretry-after: 2\n"));
}
