//! The errors of memory and system prompts.

use gateway_proto::v1::memory_service_client::MemoryServiceClient;
use gateway_proto::v1::system_prompt_service_client::SystemPromptServiceClient;
use gateway_proto::v1::{
    DeleteSystemPromptVersionRequest, GetMemoryRequest, GetSystemPromptVersionRequest, PutMemoryRequest,
    PutSystemPromptRequest,
};
use tonic_types::StatusExt;

use super::*;

/// The codes that are provoked here.
pub(super) const CODES: [&str; 5] = [
    "memory_bucket_full",
    "memory_not_found",
    "system_prompt_too_large",
    "system_prompt_version_not_found",
    "system_prompt_current_locked",
];

fn asked<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", FULL.parse().unwrap());
    request
}

/// The error of a call over HTTP, with its status as the catalog has it.
async fn http(stack: &Stack, method: Method, path: &str, body: Value) -> Told {
    let headers = [("authorization", FULL), ("content-type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = stack.send(method, path, &headers, body).await;
    let told = told_over_http(&answer);
    let facts = ErrorCode::from_code(&told.0).unwrap().facts();
    assert_eq!((answer.status.as_u16(), answer.header("x-error-code")), (facts.http_status, Some(facts.code)));
    told
}

/// What a code is told as over both wires.
async fn provoked(stack: &Stack, code: &str) -> (Told, Status) {
    let mut memory = MemoryServiceClient::new(stack.grpc());
    let mut prompts = SystemPromptServiceClient::new(stack.grpc());
    let (key, level) = ("k".to_owned(), "user".to_owned());
    let visibility = "private".to_owned();
    match code {
        "memory_bucket_full" => {
            let value = "x".repeat(17_000);
            let body = json!({"visibility": visibility, "key": key, "value": value});
            let message = PutMemoryRequest { visibility, key, value: Some(value), ..PutMemoryRequest::default() };
            let told = http(stack, Method::POST, "/v1/memory", body).await;
            (told, memory.put_memory(asked(message)).await.unwrap_err())
        }
        "memory_not_found" => {
            let told = http(stack, Method::GET, "/v1/memory/entry?visibility=private&key=k", Value::Null).await;
            let message = GetMemoryRequest { visibility, key, ..GetMemoryRequest::default() };
            (told, memory.get_memory(asked(message)).await.unwrap_err())
        }
        "system_prompt_too_large" => {
            let content = "ä".repeat(4097);
            let told = http(stack, Method::PUT, "/v1/system-prompts/user", json!({"content": content})).await;
            let message = PutSystemPromptRequest { level, content, ..PutSystemPromptRequest::default() };
            (told, prompts.put_system_prompt(asked(message)).await.unwrap_err())
        }
        "system_prompt_version_not_found" => {
            let told = http(stack, Method::GET, "/v1/system-prompts/user/v/7", Value::Null).await;
            let message = GetSystemPromptVersionRequest { level, version: 7, ..Default::default() };
            (told, prompts.get_system_prompt_version(asked(message)).await.unwrap_err())
        }
        _ => {
            let content = "x".to_owned();
            let message = PutSystemPromptRequest { level: level.clone(), content, ..PutSystemPromptRequest::default() };
            prompts.put_system_prompt(asked(message)).await.unwrap();
            let told = http(stack, Method::DELETE, "/v1/system-prompts/user/v/1", Value::Null).await;
            let message = DeleteSystemPromptVersionRequest { level, version: 1, ..Default::default() };
            (told, prompts.delete_system_prompt_version(asked(message)).await.unwrap_err())
        }
    }
}

#[tokio::test]
async fn memory_and_prompts_fail_alike_over_both_wires() {
    for joined in Joined::ALL {
        let stack = Stack::builder().tokens(TOKENS).joined(joined).start().await;
        for code in CODES {
            let (over_http, status) = provoked(&stack, code).await;
            assert_eq!(over_http.0, code);
            assert_eq!(over_http, told_over_grpc(&status));
            let details = status.get_error_details();
            // A thing that is not there is named by its kind, and a bucket that is full is a quota.
            assert_eq!(details.resource_info().is_some(), code.ends_with("not_found"), "{code}");
            assert_eq!(details.quota_failure().is_some(), code == "memory_bucket_full", "{code}");
        }
    }
}
