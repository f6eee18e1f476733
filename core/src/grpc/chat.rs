//! ChatService.

use gateway_proto::v1::chat_service_server::ChatService;
use gateway_proto::v1::{CreateChatCompletionRequest, CreateChatCompletionResponse};
use gateway_proto::{ApiError, Rpc, metadata};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use super::{Adapter, convert};
use crate::chat::{self, Answered};

#[async_trait]
impl ChatService for Adapter {
    async fn create_chat_completion(
        &self,
        request: Request<CreateChatCompletionRequest>,
    ) -> Result<Response<CreateChatCompletionResponse>, Status> {
        let (call, _, message) = self.open(request, Rpc::CreateChatCompletion)?;
        let request = message.chat.ok_or_else(|| ApiError::missing_field("chat")).and_then(convert::json_request);
        let answered = match request {
            Ok(request) => chat::complete(&self.shared, &call, request).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| self.fail(&call.request_id, error))?;
        let mut response_metadata = MetadataMap::new();
        put_served(&mut response_metadata, &answered);
        let response = CreateChatCompletionResponse { completion: Some(answered.completion) };
        Ok(Response::from_parts(response_metadata, response, http::Extensions::new()))
    }
}

/// Tells who served and what was changed.
fn put_served(response: &mut MetadataMap, answered: &Answered) {
    // Aliases and names are visible ASCII, so that none of these can fail.
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = value.parse() {
            response.insert(name, value);
        }
    };
    put(metadata::SPASS_RESOLVED_MODEL, &answered.resolved_model);
    put(metadata::SPASS_RESOLVED_BACKEND, &answered.resolved_backend);
    if let Some(floored) = answered.applied.floored {
        let applied = format!("max_tokens_floored={}", floored.floor);
        put(metadata::SPASS_APPLIED, &applied);
        put(metadata::X_RUST_API_APPLIED, &applied);
    }
}
