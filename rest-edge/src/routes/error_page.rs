//! The page that the link in every error leads to.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::response::{Html, IntoResponse};
use gateway_proto::ErrorCode;

/// Made of the catalog once.
static PAGE: LazyLock<String> = LazyLock::new(|| {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Errors - chat gateway</title><style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui;max-width:46rem;\
         margin:2rem auto;padding:0 1rem}section{border-top:1px solid #8886;padding:.5rem 0}section:target{outline:2px solid \
         #48f}h2{font-size:1.1rem}dt{font-weight:600}dd{margin:0 0 .5rem}</style><h1>Errors</h1><p>Every error of the gateway, \
         as <a href=\"/errors\">data</a> too. The same code, param and message come over HTTP and gRPC.</p>",
    );
    for code in ErrorCode::ALL {
        let facts = code.facts();
        let retry = if facts.retryable { "yes, after the time in Retry-After where there is one" } else { "no" };
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "<section id=\"{code}\"><h2><code>{code}</code> {title}</h2><p>{description}</p><dl><dt>What to do</dt>\
             <dd>{remediation}</dd><dt>May be sent again unchanged</dt><dd>{retry}</dd><dt>Wire</dt><dd>HTTP {status}, type \
             <code>{error_type}</code>; gRPC {grpc}, reason <code>{reason}</code></dd></dl></section>",
            code = facts.code,
            title = escape(facts.title),
            description = escape(facts.description),
            remediation = escape(facts.remediation),
            status = facts.http_status,
            error_type = facts.error_type,
            grpc = facts.grpc_status,
            reason = facts.reason,
        );
    }
    page.push_str("</html>");
    page
});

/// `GET /docs/errors`
pub(crate) async fn page() -> impl IntoResponse {
    let headers = [
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("x-content-type-options", "nosniff"),
    ];
    (headers, Html(PAGE.as_str()))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
