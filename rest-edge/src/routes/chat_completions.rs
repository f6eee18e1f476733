//! Chat.

use axum::response::Response;
use gateway_proto::v1::CreateChatCompletionRequest;
use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::{ApiError, Rpc};

use super::{Inbound, json};
use crate::body::{end_at_body, end_at_fields, read_json};
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::openai::{BodyFault, chat_completion, chat_request};
use crate::state::Edge;

const RPC: Rpc = Rpc::CreateChatCompletion;

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
        let error = ApiError::invalid_field("stream", "'stream' must be false: streams are not offered yet.");
        return Err(end_at_fields(&edge, &outgoing, RPC, error).await);
    }
    let message = CreateChatCompletionRequest { chat: Some(request.chat) };
    let call = |mut client: ChatServiceClient<CoreChannel>, request| async move {
        client.create_chat_completion(request).await
    };
    let answer = edge.core.call(outgoing, message, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    Ok(json(incoming(metadata), chat_completion(&answer.completion.unwrap_or_default())))
}
