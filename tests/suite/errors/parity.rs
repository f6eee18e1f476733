//! The same error raised over HTTP and over gRPC carries the same code, param and message; and every code is provoked
//! here, or stands in the ledger of those that cannot be provoked yet.

mod stacks;

use std::collections::BTreeSet;

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::error_catalog_service_client::ErrorCatalogServiceClient;
use gateway_proto::v1::{ChatMessage, ChatRequest, CreateChatCompletionRequest, GetErrorRequest};
use gateway_proto::{ApiError, ErrorCode};
use gateway_tests::{HttpAnswer, Joined, Stack};
use http::Method;
use serde_json::{Value, json};
use tonic::{Request, Status};

const LEDGER: &str = include_str!("../../contract/unreachable_codes.txt");
const TOKENS: &str = "
tokens:
  - {id: full, bound_tenant: acme, role: tenant_admin, secrets: [{value: full-secret-of-more-than-32-characters}]}
  - {id: reads, bound_tenant: acme, role: readonly, secrets: [{value: reads-secret-of-more-than-32-characters}]}
";
const FULL: &str = "Bearer full-secret-of-more-than-32-characters";
const READS: &str = "Bearer reads-secret-of-more-than-32-characters";
/// Provoked by tests of their own, since they are no answer to a chat or not on both wires.
const ELSEWHERE: [&str; 12] = [
    "rate_limit_exceeded",
    "body_too_large",
    "route_not_found",
    "openrouter_daily_quota_exhausted",
    "overloaded",
    "request_timeout",
    "conversation_not_found",
    "idempotency_conflict",
    "storage_error",
    "memory_confirm_required",
    "tool_loop_max_iterations",
    "tool_loop_anti_loop_synthesised",
];

/// Code, param and message.
type Told = (String, String, String);

fn told_over_http(answer: &HttpAnswer) -> Told {
    let error = answer.error();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("param"), text("message"))
}

fn told_over_grpc(status: &Status) -> Told {
    let error = ApiError::from_status(status).expect("a status of ours");
    let facts = error.code().facts();
    assert_eq!(status.code(), facts.grpc_code, "{status:?}");
    assert!(error.request_id().is_some(), "{status:?}");
    (facts.code.to_owned(), error.param().unwrap_or_default().to_owned(), error.message().to_owned())
}

/// The same chat for gRPC: messages as JSON, scalars in their fields.
fn chat_request(body: &Value) -> ChatRequest {
    let message = |message: &Value| ChatMessage { message_json: message.to_string().into(), ..ChatMessage::default() };
    ChatRequest {
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        messages: body["messages"].as_array().into_iter().flatten().map(message).collect(),
        n: body["n"].as_i64(),
        max_tokens: body["max_tokens"].as_i64(),
        ..ChatRequest::default()
    }
}

async fn over_http(stack: &Stack, headers: &[(&str, &str)], body: &Value) -> HttpAnswer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    stack.send(Method::POST, "/v1/chat/completions", &all, body.to_string()).await
}

async fn over_grpc(stack: &Stack, headers: &[(&'static str, &str)], chat: ChatRequest) -> Status {
    let mut request = Request::new(CreateChatCompletionRequest { chat: Some(chat) });
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let mut client = ChatServiceClient::new(stack.grpc()).max_encoding_message_size(usize::MAX);
    client.create_chat_completion(request).await.expect_err("an error")
}

fn say(text: &str) -> Value {
    json!({"model": "demo", "messages": [{"role": "user", "content": text}]})
}

fn see(url: &str) -> Value {
    json!({"model": "demo", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]})
}

/// A code, and the headers and the body of a chat that provokes it.
type Provocation = (&'static str, Vec<(&'static str, &'static str)>, Value);

fn provocations() -> Vec<Provocation> {
    let full = || vec![("authorization", FULL)];
    vec![
        ("missing_authorization", vec![], say("x")),
        ("invalid_authorization", vec![("authorization", "Bearer unknown")], say("x")),
        ("invalid_authorization", vec![("authorization", FULL), ("x-tenant-id", "other")], say("x")),
        ("forbidden", vec![("authorization", READS)], say("x")),
        (
            "invalid_json",
            full(),
            json!({"model": "demo", "messages": [{"role": "user", "content": "x", "y": nested(140)}]}),
        ),
        ("missing_field", full(), json!({"model": "demo", "messages": [{"role": "user"}]})),
        ("missing_field", full(), json!({"messages": [{"role": "user", "content": "x"}]})),
        ("invalid_field", full(), json!({"model": "demo", "n": 0, "messages": [{"role": "user", "content": "x"}]})),
        ("invalid_field", full(), json!({"model": "demo", "messages": [{"role": "boss", "content": "x"}]})),
        ("invalid_field", vec![("authorization", FULL), ("spass-user-id", "a b")], say("x")),
        ("model_not_in_allowlist", full(), json!({"model": "unknown", "messages": [{"role": "user", "content": "x"}]})),
        (
            "max_tokens_below_minimum",
            full(),
            json!({"model": "demo", "max_tokens": 0, "messages": [{"role": "user", "content": "x"}]}),
        ),
        (
            "max_tokens_below_minimum",
            full(),
            json!({"model": "demo", "max_tokens": 5, "messages": [{"role": "user", "content": "/floor"}]}),
        ),
        ("image_url_not_supported", full(), see("https://example.com/a.png")),
        ("image_decode_error", full(), see("data:image/png;base64,AAAA")),
        ("model_quota_exhausted", full(), say("/error model_quota_exhausted")),
        ("upstream_error", full(), say("/error upstream_error")),
        ("upstream_error", full(), say("/error unauthorized")),
        ("upstream_error", full(), say("/error garbage")),
        ("upstream_timeout", full(), say("/error upstream_timeout")),
        ("upstream_unavailable", full(), say("/error upstream_unavailable")),
        ("internal_error", full(), say("/error internal_error")),
    ]
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inner, _| json!([inner]))
}

#[tokio::test]
async fn a_chat_fails_alike_over_both_wires() {
    for joined in Joined::ALL {
        let stack = Stack::builder().tokens(TOKENS).joined(joined).start().await;
        for (code, headers, body) in provocations() {
            let http = over_http(&stack, &headers, &body).await;
            let grpc = over_grpc(&stack, &headers, chat_request(&body)).await;
            let (http_told, grpc_told) = (told_over_http(&http), told_over_grpc(&grpc));
            assert_eq!(http_told.0, code, "{body}: {}", http.json());
            let facts = ErrorCode::from_code(code).unwrap().facts();
            assert_eq!((http.status.as_u16(), http.header("x-error-code")), (facts.http_status, Some(code)));
            // A depth beyond the limit is found by the edge in the body and by the core in the message.
            if code != "invalid_json" {
                assert_eq!(http_told, grpc_told, "{body}");
            }
            assert_eq!(grpc_told.0, code);
        }
    }
}

#[tokio::test]
async fn a_message_that_no_reader_agrees_on_is_refused_alike() {
    let stack = Stack::builder().tokens(TOKENS).start().await;
    let twice = r#"{"role":"user","content":"x","role":"system"}"#;
    let bearer = [("authorization", FULL), ("content-type", "application/json")];
    let body = format!(r#"{{"model":"demo","messages":[{twice}]}}"#);
    let http = stack.send(Method::POST, "/v1/chat/completions", &bearer, body).await;
    let message = ChatMessage { message_json: twice.into(), ..ChatMessage::default() };
    let chat = ChatRequest { model: "demo".to_owned(), messages: vec![message], ..ChatRequest::default() };
    let grpc = over_grpc(&stack, &[("authorization", FULL)], chat).await;
    assert_eq!(told_over_http(&http), told_over_grpc(&grpc));
    assert_eq!(told_over_http(&http).0, "invalid_json");
}

#[tokio::test]
async fn a_spent_rate_is_told_alike() {
    let builder = Stack::builder().tokens(TOKENS).set("--rate-limit-per-second", 0.001).set("--rate-limit-burst", 1);
    let stack = builder.start().await;
    assert_eq!(over_http(&stack, &[("authorization", FULL)], &say("x")).await.status, 200);
    let http = over_http(&stack, &[("authorization", FULL)], &say("x")).await;
    let grpc = over_grpc(&stack, &[("authorization", FULL)], chat_request(&say("x"))).await;
    assert_eq!(told_over_http(&http), told_over_grpc(&grpc));
    assert_eq!(told_over_http(&http).0, "rate_limit_exceeded");
    let wait = ApiError::from_status(&grpc).unwrap().retry_after().unwrap();
    assert_eq!(http.header("retry-after"), Some(wait.as_secs().to_string().as_str()));
    let remaining = grpc.metadata().get("x-ratelimit-remaining-requests").unwrap();
    assert_eq!(remaining, "0");
}

#[tokio::test]
async fn a_request_too_large_is_told_alike() {
    for joined in Joined::ALL {
        let stack = Stack::builder().tokens(TOKENS).joined(joined).set("--max-body-bytes", 100_000).start().await;
        let big = say(&"x".repeat(1_300_000));
        let http = over_http(&stack, &[("authorization", FULL)], &big).await;
        let grpc = over_grpc(&stack, &[("authorization", FULL)], chat_request(&big)).await;
        assert_eq!(told_over_http(&http), told_over_grpc(&grpc));
        assert_eq!(told_over_http(&http).0, "body_too_large");
    }
}

#[tokio::test]
async fn what_is_not_there_is_told_alike() {
    let stack = Stack::demo().await;
    let http = stack.send(Method::GET, "/errors/nothing", &[], "").await;
    let request = GetErrorRequest { code: "nothing".to_owned() };
    let grpc = ErrorCatalogServiceClient::new(stack.grpc()).get_error(request).await.unwrap_err();
    assert_eq!(told_over_http(&http), told_over_grpc(&grpc));
    assert_eq!(told_over_http(&http).0, "route_not_found");
}

#[tokio::test]
async fn a_core_that_closes_refuses_alike() {
    for joined in Joined::ALL {
        let stack = Stack::builder().tokens(TOKENS).joined(joined).start().await;
        stack.core.drain().await;
        let http = over_http(&stack, &[("authorization", FULL)], &say("x")).await;
        let grpc = over_grpc(&stack, &[("authorization", FULL)], chat_request(&say("x"))).await;
        assert_eq!(told_over_http(&http), told_over_grpc(&grpc));
        assert_eq!((http.status.as_u16(), told_over_http(&http).0.as_str()), (503, "overloaded"));
        assert_eq!((http.header("retry-after"), http.header("x-should-retry")), (Some("1"), Some("true")));
    }
}

#[test]
fn every_code_is_provoked_or_in_the_ledger() {
    let provoked: BTreeSet<_> =
        provocations().into_iter().map(|(code, ..)| code).chain(stacks::CODES).chain(ELSEWHERE).collect();
    let entries = LEDGER.lines().filter(|line| !line.starts_with('#'));
    let ledger: BTreeSet<_> = entries.map(|line| line.split_once(": ").expect("a code and its reason").0).collect();
    let all: BTreeSet<_> = ErrorCode::ALL.iter().map(|code| code.facts().code).collect();
    assert_eq!(provoked.intersection(&ledger).count(), 0);
    assert_eq!(provoked.union(&ledger).copied().collect::<BTreeSet<_>>(), all);
}
