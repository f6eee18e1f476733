//! ChatService.

use gateway_proto::v1::chat_service_server::ChatService;
use gateway_proto::v1::{CreateChatCompletionRequest, CreateChatCompletionResponse};
use gateway_proto::{ApiError, Rpc, metadata};
use http::{HeaderMap, HeaderValue};
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
        let mut headers = HeaderMap::new();
        put_served(&mut headers, &answered);
        let response = CreateChatCompletionResponse { completion: Some(answered.completion) };
        Ok(Response::from_parts(MetadataMap::from_headers(headers), response, http::Extensions::new()))
    }
}

/// Tells who served and what was changed.
fn put_served(headers: &mut HeaderMap, answered: &Answered) {
    headers.insert(metadata::SPASS_RESOLVED_MODEL, answered.resolved_model.clone());
    headers.insert(metadata::SPASS_RESOLVED_BACKEND, answered.resolved_backend.clone());
    if let Some(floored) = answered.applied.floored {
        let applied = format!("max_tokens_floored={}", floored.floor);
        if let Ok(applied) = HeaderValue::try_from(applied) {
            headers.insert(metadata::SPASS_APPLIED, applied.clone());
            headers.insert(metadata::X_RUST_API_APPLIED, applied);
        }
    }
}
