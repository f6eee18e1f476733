//! Pages of other origins.

use gateway_tests::Stack;
use http::Method;

const ORIGIN: &str = "https://app.example.com";

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_call() {
    let stack = Stack::builder().set("--cors-allowed-origins", format!("{ORIGIN},http://localhost:3000")).start().await;
    let preflight = [
        ("origin", ORIGIN),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let answer = stack.send(Method::OPTIONS, "/v1/chat/completions", &preflight, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, Some(ORIGIN)));
    // A wildcard would not allow this header.
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization"));
    let answer = stack.send(Method::GET, "/v1/models", &[("origin", ORIGIN)], "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (401, Some(ORIGIN)));
    assert!(answer.header("access-control-expose-headers").is_some());
    let answer = stack.send(Method::GET, "/healthz", &[("origin", "https://evil.example.com")], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn without_the_setting_no_page_may() {
    let stack = Stack::demo().await;
    let answer = stack.send(Method::GET, "/healthz", &[("origin", ORIGIN)], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = stack.send(Method::OPTIONS, "/v1/chat/completions", &[("origin", ORIGIN)], "").await;
    assert_eq!(answer.code_and_param().0, "route_not_found");
}
