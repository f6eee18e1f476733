//! Of several things that are wrong, the first in the order of checks is told: route, authorization, tenant binding, rate
//! limit, body size, JSON, identity, scope, fields, model, constraints, quota, upstream.

use gateway_tests::{HttpAnswer, Stack};
use http::Method;

const TOKENS: &str = "
tokens:
  - {id: full, bound_tenant: acme, role: tenant_admin, secrets: [{value: full-secret-of-more-than-32-characters}]}
  - {id: reads, bound_tenant: acme, role: readonly, secrets: [{value: reads-secret-of-more-than-32-characters}]}
  - {id: free, role: user, secrets: [{value: free-secret-of-more-than-32-characters}]}
";
const CHAT: &str = "/v1/chat/completions";
const GOOD: &str = r#"{"model":"demo","messages":[{"role":"user","content":"x"}]}"#;

async fn stack(burst: u32) -> Stack {
    let builder = Stack::builder().tokens(TOKENS).set("--max-body-bytes", 100_000);
    builder.set("--rate-limit-per-second", 0.001).set("--rate-limit-burst", burst).start().await
}

async fn post(
    stack: &Stack,
    path: &str,
    token: Option<&str>,
    more: &[(&str, &str)],
    body: impl Into<String>,
) -> HttpAnswer {
    let bearer = token.map(|token| format!("Bearer {token}-secret-of-more-than-32-characters"));
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    headers.extend(more);
    stack.send(Method::POST, path, &headers, body.into()).await
}

fn found(answer: &HttpAnswer) -> (u16, String, String) {
    let (code, param) = answer.code_and_param();
    (answer.status.as_u16(), code, param)
}

fn expected(status: u16, code: &str, param: &str) -> (u16, String, String) {
    (status, code.to_owned(), param.to_owned())
}

#[tokio::test]
async fn each_check_comes_before_the_next() {
    let stack = stack(1000).await;
    let (oversize, broken) = ("x".repeat(100_001), "{\"model\":");
    let bad_user = ("spass-user-id", "a b");
    let wrong_kind = r#"{"model":"demo","temperature":"hot"}"#;
    let wrong_value = r#"{"model":"unknown","messages":[{"role":"user","content":"x"}],"n":0}"#;
    let unknown = r#"{"model":"unknown","messages":[{"role":"user","content":"x"}]}"#;
    let other_tenant = ("x-tenant-id", "other");

    let found_by =
        async |path, token, more: &[(&str, &str)], body: &str| found(&post(&stack, path, token, more, body).await);
    assert_eq!(found_by("/v1/nothing", None, &[], &oversize).await, expected(404, "route_not_found", ""));
    assert_eq!(
        found_by(CHAT, None, &[], &oversize).await,
        expected(401, "missing_authorization", "headers.authorization")
    );
    assert_eq!(
        found_by(CHAT, None, &[], broken).await,
        expected(401, "missing_authorization", "headers.authorization")
    );
    assert_eq!(
        found_by(CHAT, Some("bad"), &[], broken).await,
        expected(401, "invalid_authorization", "headers.authorization")
    );
    assert_eq!(
        found_by(CHAT, Some("full"), &[other_tenant], &oversize).await,
        expected(401, "invalid_authorization", "headers.authorization")
    );
    assert_eq!(found_by(CHAT, Some("free"), &[], broken).await, expected(400, "missing_field", "headers.x-tenant-id"));
    assert_eq!(found_by(CHAT, Some("reads"), &[bad_user], &oversize).await, expected(413, "body_too_large", ""));
    assert_eq!(found_by(CHAT, Some("reads"), &[bad_user], broken).await, expected(400, "invalid_json", ""));
    assert_eq!(
        found_by(CHAT, Some("reads"), &[bad_user], wrong_kind).await,
        expected(400, "invalid_field", "headers.spass-user-id")
    );
    assert_eq!(
        found_by(CHAT, Some("reads"), &[bad_user], wrong_value).await,
        expected(400, "invalid_field", "headers.spass-user-id")
    );
    assert_eq!(found_by(CHAT, Some("reads"), &[], wrong_kind).await, expected(403, "forbidden", ""));
    assert_eq!(found_by(CHAT, Some("reads"), &[], wrong_value).await, expected(403, "forbidden", ""));
    assert_eq!(found_by(CHAT, Some("full"), &[], wrong_kind).await, expected(400, "invalid_field", "temperature"));
    assert_eq!(found_by(CHAT, Some("full"), &[], wrong_value).await, expected(400, "invalid_field", "n"));
    assert_eq!(found_by(CHAT, Some("full"), &[], unknown).await, expected(400, "model_not_in_allowlist", "model"));
    assert_eq!(found_by(CHAT, Some("free"), &[other_tenant], GOOD).await.0, 200);
}

#[tokio::test]
async fn an_empty_bucket_comes_before_the_body() {
    let stack = stack(1).await;
    assert_eq!(post(&stack, CHAT, Some("full"), &[], GOOD).await.status, 200);
    for body in [GOOD.to_owned(), "{".to_owned(), "x".repeat(100_001), format!("{GOOD}{}", " ".repeat(70_000))] {
        let answer = post(&stack, CHAT, Some("full"), &[], body).await;
        assert_eq!(found(&answer), expected(429, "rate_limit_exceeded", ""));
        assert_eq!(answer.header("retry-after"), Some("1000"));
        assert_eq!(
            (answer.header("x-ratelimit-limit-requests"), answer.header("x-ratelimit-remaining-requests")),
            (Some("1"), Some("0"))
        );
        assert_eq!(answer.header("x-ratelimit-reset-requests"), Some("16m40s"));
    }
    // Another token has a bucket of its own.
    assert_eq!(found(&post(&stack, CHAT, Some("reads"), &[], GOOD).await), expected(403, "forbidden", ""));
}

#[tokio::test]
async fn every_request_is_charged_once_wherever_it_ends() {
    let stack = stack(100).await;
    let mut left = 100;
    for body in [
        GOOD.to_owned(),
        "{".to_owned(),
        r#"{"model":7}"#.to_owned(),
        r#"{"model":"unknown"}"#.to_owned(),
        "x".repeat(100_001),
        format!("{GOOD}{}", " ".repeat(70_000)),
        format!("{{{}", " ".repeat(70_000)),
    ] {
        let answer = post(&stack, CHAT, Some("full"), &[], body).await;
        left -= 1;
        assert_eq!(
            answer.header("x-ratelimit-remaining-requests"),
            Some(left.to_string().as_str()),
            "{}",
            answer.json()
        );
    }
    // What is not let in is not charged, and has no bucket to tell of.
    let answer = post(&stack, CHAT, Some("bad"), &[], GOOD).await;
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), None);
    let answer = post(&stack, CHAT, Some("full"), &[], GOOD).await;
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some((left - 1).to_string().as_str()));
}
