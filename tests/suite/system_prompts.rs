//! System prompts, as a client meets them over both wires.

mod places;
mod versions;

use gateway_proto::ApiError;
use gateway_proto::v1::system_prompt_service_client::SystemPromptServiceClient;
use gateway_tests::{HttpAnswer, Stack};
use http::Method;
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::caller::Caller;

fn service(stack: &Stack) -> SystemPromptServiceClient<Channel> {
    SystemPromptServiceClient::new(stack.grpc())
}

async fn put(caller: &Caller<'_>, level: &str, content: &str) -> HttpAnswer {
    caller.send(Method::PUT, &format!("/v1/system-prompts/{level}"), &json!({"content": content})).await
}

/// The current content of a level, or the code of the error.
async fn current(caller: &Caller<'_>, level: &str) -> String {
    let told = caller.get(&format!("/v1/system-prompts/{level}")).await.json();
    told["content"].as_str().or(told["error"]["code"].as_str()).unwrap().to_owned()
}

fn refused(code: &str, param: &str) -> (String, String) {
    (code.to_owned(), param.to_owned())
}

fn code_and_param(status: &tonic::Status) -> (String, String) {
    let error = ApiError::from_status(status).unwrap();
    (error.code().facts().code.to_owned(), error.param().unwrap_or_default().to_owned())
}
