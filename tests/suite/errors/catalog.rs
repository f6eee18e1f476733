//! `GET /errors` holds the published facts.

use gateway_proto::ErrorCode;
use gateway_tests::Stack;
use http::Method;
use serde_json::Value;

/// The published catalog.
const PUBLISHED: &str = include_str!("../../contract/error_catalog.json");

#[tokio::test]
async fn the_published_codes_come_first_with_their_facts() {
    let stack = Stack::demo().await;
    let answer = stack.send(Method::GET, "/errors", &[], "").await;
    let catalog = answer.json();
    let entries = catalog["entries"].as_array().unwrap();
    assert_eq!((&catalog["version"], catalog["count"].as_u64()), (&Value::from(1), Some(entries.len() as u64)));
    let published: Value = serde_json::from_str(PUBLISHED).unwrap();
    let published = published["entries"].as_array().unwrap();
    assert_eq!(published.len(), 28);
    for (entry, expected) in entries.iter().zip(published) {
        for fact in ["code", "type", "http_status", "typical_param"] {
            assert_eq!(entry[fact], expected[fact], "{}", expected["code"]);
        }
    }
    let new: Vec<_> = entries[28..].iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    assert_eq!(new, ["overloaded", "request_timeout", "idempotency_conflict", "memory_not_found"]);
    for entry in entries {
        for text in ["title", "description", "remediation", "grpc_status", "doc_url"] {
            assert!(!entry[text].as_str().unwrap().is_empty(), "{entry}");
        }
    }
}

#[tokio::test]
async fn the_retryable_codes_are_those_of_the_contract() {
    let retryable: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| code.facts())
        .filter(|facts| facts.retryable)
        .map(|facts| facts.code)
        .collect();
    assert_eq!(
        retryable,
        [
            "rate_limit_exceeded",
            "model_quota_exhausted",
            "openrouter_daily_quota_exhausted",
            "upstream_unavailable",
            "overloaded",
            "request_timeout",
            "idempotency_conflict"
        ]
    );
}

#[tokio::test]
async fn one_code_can_be_looked_up() {
    let stack = Stack::demo().await;
    let answer = stack.send(Method::GET, "/errors/memory_bucket_full", &[], "").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["http_status"]), (200, &Value::from(409)));
    let answer = stack.send(Method::GET, "/errors/no_such_code", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.code_and_param().0.as_str()), (404, "route_not_found"));
}

#[tokio::test]
async fn the_link_of_every_error_leads_to_its_place_on_the_page() {
    let stack = Stack::demo().await;
    let error = stack.get("/nowhere").await.error();
    let link = error["doc_url"].as_str().unwrap();
    assert_eq!(link, format!("{}/docs/errors#route_not_found", stack.http_url()));
    let page = stack.send(Method::GET, "/docs/errors", &[], "").await;
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    for code in ErrorCode::ALL {
        assert!(text.contains(&format!("id=\"{}\"", code.facts().code)), "{code:?}");
    }
}
