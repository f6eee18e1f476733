//! Chat.

use axum::response::Response;
use gateway_proto::Rpc;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{ChatRequest, CreateChatCompletionRequest, StreamChatCompletionRequest};
use http::HeaderMap;

use super::Inbound;
use super::chat_answers::{StreamAsked, whole_answer};
use crate::body::read_json;
use crate::core_client::CoreChannel;
use crate::error::Failure;
use crate::openai::chat_request;
use crate::state::Edge;

/// Both RPCs of the route are let in alike.
const RPC: Rpc = Rpc::CreateChatCompletion;

/// `POST /v1/chat/completions`
pub(crate) async fn create(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let Inbound { head, body, outgoing } = inbound;
    let body = read_json(&edge, &outgoing, &head, body, RPC, chat_request).await?;
    if body.content.stream {
        stream(edge, outgoing, body.content.chat).await
    } else {
        complete(&edge, outgoing, body.content.chat).await
    }
}

async fn complete(edge: &Edge, outgoing: HeaderMap, chat: ChatRequest) -> Result<Response, Failure> {
    let message = CreateChatCompletionRequest { chat: Some(chat) };
    let call = |mut client: ChatServiceClient<CoreChannel>, request| async move {
        client.create_chat_completion(request).await
    };
    let (metadata, answer, _) = edge.core.call(outgoing, message, call).await?.into_parts();
    Ok(whole_answer(metadata, answer.completion))
}

/// Answered when the core knows how the answer begins: until then an error has a status of its own.
async fn stream(edge: Edge, outgoing: HeaderMap, chat: ChatRequest) -> Result<Response, Failure> {
    let asked = StreamAsked::in_chat(Some(&chat), &outgoing);
    let message = StreamChatCompletionRequest { chat: Some(chat) };
    let call = |mut client: ChatServiceClient<CoreChannel>, request| async move {
        client.stream_chat_completion(request).await
    };
    let answer = edge.core.call(outgoing, message, call).await?;
    Ok(asked.answer(edge, answer))
}
