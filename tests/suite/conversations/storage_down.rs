//! A database that fails takes what is stored with it, and nothing else.

use gateway_proto::v1::ListConversationsRequest;
use gateway_proto::v1::conversation_service_client::ConversationServiceClient;
use gateway_proto::{ApiError, ErrorCode};
use gateway_tests::BEARER;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::*;

/// Waits until health says that the database works, or that it does not.
pub(crate) async fn storage_works(stack: &Stack, works: bool) {
    let wanted = if works { ServingStatus::Serving } else { ServingStatus::NotServing };
    health(stack, "chatgateway.v1.ConversationService", wanted).await;
}

async fn health(stack: &Stack, service: &str, wanted: ServingStatus) {
    let request = HealthCheckRequest { service: service.to_owned() };
    let mut watch = HealthClient::new(stack.grpc()).watch(request).await.unwrap().into_inner();
    while watch.message().await.unwrap().unwrap().status() != wanted {}
}

#[tokio::test]
async fn stateless_chat_goes_on_without_its_file() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack);
    let id = client.say(None, "one").await;
    let file = stack.folder().join("data/gateway.db");
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    let calls = server.chats().len();
    let refused = client.turn(say(Some(&id), "two")).await;
    assert_eq!((refused.status.as_u16(), refused.code_and_param().0.as_str()), (500, "storage_error"));
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    let keyed = Client::new(&stack).with("idempotency-key", "k");
    let body = json!({"model": "scripted", "messages": [{"role": "user", "content": "x"}]});
    assert_eq!(keyed.send(Method::POST, "/v1/chat/completions", &body).await.code_and_param().0, "storage_error");
    assert_eq!(server.chats().len(), calls);
    assert_eq!(client.send(Method::POST, "/v1/chat/completions", &body).await.status, 200);
    assert!(!file.exists());

    storage_works(&stack, false).await;
    health(&stack, "chatgateway.v1.ChatService", ServingStatus::Serving).await;
    let ready = client.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.json()["status"].as_str()), (200, Some("degraded")));
    assert_eq!(
        (&ready.json()["parts"][1]["name"], &ready.json()["parts"][1]["ok"]),
        (&json!("storage"), &json!(false))
    );

    std::fs::rename(&aside, &file).unwrap();
    storage_works(&stack, true).await;
    client.say(Some(&id), "three").await;
    assert_eq!(client.told(&id).await[2..], ["user: three", "assistant: [three]"]);
}

#[tokio::test]
async fn over_grpc_the_same_is_told() {
    let stack = Stack::demo().await;
    let mut service = ConversationServiceClient::new(stack.grpc());
    let mut request =
        tonic::Request::new(ListConversationsRequest { limit: Some(0), ..ListConversationsRequest::default() });
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    let status = service.list_conversations(request).await.unwrap_err();
    let told = ApiError::from_status(&status).unwrap();
    let http = Client::new(&stack).get("/c1/conversations?limit=0").await;
    assert_eq!((told.code(), told.param()), (ErrorCode::InvalidField, Some("query.limit")));
    assert_eq!(http.error()["message"], told.message());
}
