//! What a tenant may use is not exceeded, and told without counts where it is spent.

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{ChatMessage, ChatRequest, CreateChatCompletionRequest};
use gateway_proto::{ApiError, ErrorCode};
use tonic_types::StatusExt;

use super::*;

const ACME: &str = "acme-token-for-tests-of-forty-characters-1";
const OTHER: &str = "other-token-for-tests-of-forty-characters1";

fn tokens() -> String {
    let token = |tenant: &str, secret: &str| {
        format!("- {{id: {tenant}, bound_tenant: {tenant}, role: tenant_admin, secrets: [{{value: {secret}}}]}}\n")
    };
    format!("tokens:\n{}{}", token("acme", ACME), token("other", OTHER))
}

#[tokio::test]
async fn of_a_hundred_at_once_ten_are_served() {
    let server = ScriptedServer::start(whole("x", Some(used(10, 5)))).await;
    let budgets = "budgets: [{name: ten, window: month, requests: 10}]";
    let stack = stack_of(&server).budgets(budgets).start().await;
    let asked = body("free", json!({}));
    let calls = (0..100).map(|_| stack.chat(&asked));
    let mut served = 0;
    for answer in futures_util::future::join_all(calls).await {
        match answer.status.as_u16() {
            200 => served += 1,
            429 => assert_eq!(answer.code_and_param().0, "model_quota_exhausted"),
            status => panic!("{status}: {}", answer.json()),
        }
    }
    assert_eq!((served, server.chats().len()), (10, 10));
    booked(&stack, "free", 10).await;
}

#[tokio::test]
async fn what_is_spent_tells_when_to_come_back_and_nothing_else() {
    let server = ScriptedServer::start(whole("x", Some(used(10, 5)))).await;
    let budgets = "budgets: [{name: secret-name, window: month, requests: 1}]";
    let stack = stack_of(&server).budgets(budgets).start().await;
    assert_eq!(stack.chat(body("free", json!({}))).await.status, 200);
    for path in ["/v1/chat/completions", "/c1/chat"] {
        for stream in [false, true] {
            let refused = post(&stack, path, BEARER, &body("free", json!({"stream": stream}))).await;
            assert_eq!((refused.status.as_u16(), refused.error()["type"].clone()), (429, json!("rate_limit_exceeded")));
            let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=86_400).contains(&wait), "{wait}");
            let should_retry = if wait > 60 { "false" } else { "true" };
            assert_eq!(refused.header("x-should-retry"), Some(should_retry));
            let text = refused.json().to_string();
            assert!(!text.contains("secret-name") && !text.contains("scripted"), "{text}");
        }
    }
    let message = ChatMessage { message_json: r#"{"role":"user","content":"x"}"#.into(), ..ChatMessage::default() };
    let chat = ChatRequest { model: "free".to_owned(), messages: vec![message], ..ChatRequest::default() };
    let mut request = tonic::Request::new(CreateChatCompletionRequest { chat: Some(chat) });
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    let status = ChatServiceClient::new(stack.grpc()).create_chat_completion(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    assert_eq!(ApiError::from_status(&status).unwrap().code(), ErrorCode::ModelQuotaExhausted);
    let details = status.get_error_details();
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "model");
    assert!(details.retry_info().unwrap().retry_delay.unwrap().as_secs() >= 1);
    assert_eq!(server.chats().len(), 1);
}

#[tokio::test]
async fn tokens_and_cost_are_reserved_and_charged_with_what_they_came_to() {
    let server = ScriptedServer::start(whole("x", Some(used(100, 100)))).await;
    let budgets = "budgets: [{name: tokens, models: [free], window: month, tokens: 1000}, {name: cost, models: [priced], window: month, cost_usd: 0.001}]";
    let stack = stack_of(&server).budgets(budgets).start().await;
    // More than there is.
    let greedy = body("free", json!({"max_tokens": 1000}));
    assert_eq!(stack.chat(greedy).await.code_and_param().0, "model_quota_exhausted");
    let many = body("free", json!({"max_tokens": 300, "n": 4}));
    assert_eq!(stack.chat(many).await.code_and_param().0, "model_quota_exhausted");
    assert!(server.chats().is_empty());
    // Each came to more than was reserved for it, which is charged all the same.
    for _ in 0..5 {
        assert_eq!(stack.chat(body("free", json!({"max_tokens": 10}))).await.status, 200);
    }
    assert_eq!(stack.chat(body("free", json!({"max_tokens": 1}))).await.code_and_param().0, "model_quota_exhausted");
    // 75,000 billionths each.
    for _ in 0..13 {
        assert_eq!(stack.chat(body("priced", json!({}))).await.status, 200);
    }
    let refused = stack.chat(body("priced", json!({}))).await;
    assert_eq!(refused.code_and_param().0, "model_quota_exhausted");
}

#[tokio::test]
async fn what_came_to_nothing_is_given_back_and_tenants_are_apart() {
    let server = ScriptedServer::answering(503, &[], "{}").await;
    let budgets = "budgets: [{name: b, window: month, requests: 1, tenants: [acme]}]";
    let stack = stack_of(&server).budgets(budgets).tokens(&tokens()).start().await;
    let chat = async |bearer: &str| post(&stack, "/v1/chat/completions", bearer, &body("free", json!({}))).await;
    for _ in 0..3 {
        assert_eq!(chat(ACME).await.code_and_param().0, "upstream_error");
    }
    server.play(whole("x", Some(used(1, 1))));
    assert_eq!(chat(ACME).await.status, 200);
    assert_eq!(chat(ACME).await.code_and_param().0, "model_quota_exhausted");
    for _ in 0..3 {
        assert_eq!(chat(OTHER).await.status, 200);
    }
}

#[tokio::test]
async fn without_the_database_what_is_leased_is_spent_and_who_has_no_budget_is_unaffected() {
    let server = ScriptedServer::start(whole("x", Some(used(100_000, 0)))).await;
    let budgets = "budgets: [{name: b, window: month, tokens: 8000000, tenants: [acme]}]";
    let stack = stack_of(&server).budgets(budgets).tokens(&tokens()).start().await;
    let chat = async |bearer: &str| post(&stack, "/v1/chat/completions", bearer, &body("free", json!({}))).await;
    assert_eq!(chat(ACME).await.status, 200);
    let file = stack.folder().join("data/gateway.db");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    let mut served = 0;
    let refused = loop {
        let answer = chat(ACME).await;
        if answer.status != 200 {
            break answer;
        }
        served += 1;
        assert!(served < 80);
    };
    // An eighth was leased, of which a call takes a tenth.
    assert!(served >= 5, "{served}");
    assert_eq!((refused.status.as_u16(), refused.code_and_param().0.as_str()), (500, "storage_error"));
    assert_eq!(chat(OTHER).await.status, 200);
    std::fs::rename(&aside, &file).unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while chat(ACME).await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "the budget does not come back");
    }
}
