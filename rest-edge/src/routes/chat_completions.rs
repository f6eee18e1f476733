//! Chat.

use axum::body::Body;
use axum::response::Response;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{ChatRequest, CreateChatCompletionRequest, StreamChatCompletionRequest};
use gateway_proto::{Rpc, metadata};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Inbound, json};
use crate::body::{end_at_body, end_at_fields, read_json};
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::events::ChatEvents;
use crate::openai::{BodyFault, UsageMember, chat_completion, chat_request};
use crate::state::Edge;

/// Both RPCs of the route are let in alike.
const RPC: Rpc = Rpc::CreateChatCompletion;

/// Asks proxies of the nginx family not to hold back what they are sent.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// `POST /v1/chat/completions`
pub(crate) async fn create(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let Inbound { head, body, outgoing } = inbound;
    let body = read_json(&edge, &outgoing, &head, body, RPC).await?;
    let request = match chat_request(&body.bytes) {
        Ok(request) => request,
        Err(BodyFault::Json(error)) => return Err(end_at_body(&edge, &outgoing, error).await),
        Err(BodyFault::Field(error)) => return Err(end_at_fields(&edge, &outgoing, RPC, error).await),
    };
    if request.stream {
        stream(edge, outgoing, request.chat).await
    } else {
        complete(&edge, outgoing, request.chat).await
    }
}

async fn complete(edge: &Edge, outgoing: HeaderMap, chat: ChatRequest) -> Result<Response, Failure> {
    let message = CreateChatCompletionRequest { chat: Some(chat) };
    let call = |mut client: ChatServiceClient<CoreChannel>, request| async move {
        client.create_chat_completion(request).await
    };
    let answer = edge.core.call(outgoing, message, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    Ok(json(incoming(metadata), chat_completion(&answer.completion.unwrap_or_default())))
}

/// Answered when the core knows how the answer begins: until then an error has a status of its own.
async fn stream(edge: Edge, outgoing: HeaderMap, chat: ChatRequest) -> Result<Response, Failure> {
    let asks_for_usage = chat.stream_options.as_ref().and_then(|options| options.include_usage) == Some(true);
    let usage = if asks_for_usage { UsageMember::Always } else { UsageMember::WhenKnown };
    let request_id = outgoing.get(&metadata::SPASS_REQUEST_ID).cloned();
    let request_id = request_id.unwrap_or_else(|| HeaderValue::from_static("none"));
    let message = StreamChatCompletionRequest { chat: Some(chat) };
    let call = |mut client: ChatServiceClient<CoreChannel>, request| async move {
        client.stream_chat_completion(request).await
    };
    let answer = edge.core.call(outgoing, message, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    let mut response = Response::new(Body::new(ChatEvents::new(answer, usage, edge, request_id)));
    *response.headers_mut() = incoming(metadata);
    response.headers_mut().extend([
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ]);
    Ok(response)
}
