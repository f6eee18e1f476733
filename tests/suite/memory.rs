//! Memory, as a client meets it over both wires.

mod caps;
mod entries;
mod origins;
mod places;

use gateway_proto::ApiError;
use gateway_proto::v1::memory_service_client::MemoryServiceClient;
use gateway_tests::{HttpAnswer, Stack};
use http::Method;
use serde_json::{Value, json};
use tonic::transport::Channel;

use crate::caller::Caller;

fn service(stack: &Stack) -> MemoryServiceClient<Channel> {
    MemoryServiceClient::new(stack.grpc())
}

async fn put(caller: &Caller<'_>, visibility: &str, key: &str, value: &str) -> HttpAnswer {
    let body = json!({"visibility": visibility, "key": key, "value": value});
    caller.send(Method::POST, "/v1/memory", &body).await
}

/// The value of a key, or the code of the error.
async fn value(caller: &Caller<'_>, visibility: &str, key: &str) -> String {
    let answer = caller.get(&format!("/v1/memory/entry?visibility={visibility}&key={key}")).await;
    let told = answer.json();
    told["value"].as_str().or(told["error"]["code"].as_str()).unwrap().to_owned()
}

async fn used_bytes(caller: &Caller<'_>, visibility: &str) -> u64 {
    caller.get(&format!("/v1/memory/usage?visibility={visibility}")).await.json()["used_bytes"].as_u64().unwrap()
}

fn refused(code: &str, param: &str) -> (String, String) {
    (code.to_owned(), param.to_owned())
}

fn code_and_param(status: &tonic::Status) -> (String, String) {
    let error = ApiError::from_status(status).unwrap();
    (error.code().facts().code.to_owned(), error.param().unwrap_or_default().to_owned())
}
