//! ChatService.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::{FutureExt, Stream, stream};
use gateway_proto::v1::chat_service_server::ChatService;
use gateway_proto::v1::{
    ChatRequest, CreateChatCompletionRequest, CreateChatCompletionResponse, StreamChatCompletionRequest,
    StreamChatCompletionResponse,
};
use gateway_proto::{ApiError, Rpc, metadata};
use http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use super::{Adapter, convert};
use crate::call::RequestId;
use crate::chat::{self, Answered, ChatStream};
use crate::domain::chat::JsonRequest;
use crate::layers;

#[async_trait]
impl ChatService for Adapter {
    type StreamChatCompletionStream = Pin<Box<dyn Stream<Item = Result<StreamChatCompletionResponse, Status>> + Send>>;

    async fn create_chat_completion(
        &self,
        request: Request<CreateChatCompletionRequest>,
    ) -> Result<Response<CreateChatCompletionResponse>, Status> {
        let (call, _, message) = self.open(request, Rpc::CreateChatCompletion)?;
        let request = message.chat.map(without_stream_options).transpose().and_then(json_request);
        let answered = match request {
            Ok(request) => chat::complete(&self.shared, &call, request).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(respond(answered, |completion| CreateChatCompletionResponse { completion: Some(completion) }))
    }

    async fn stream_chat_completion(
        &self,
        request: Request<StreamChatCompletionRequest>,
    ) -> Result<Response<Self::StreamChatCompletionStream>, Status> {
        let (call, _, message) = self.open(request, Rpc::StreamChatCompletion)?;
        let answered = match json_request(message.chat) {
            Ok(request) => chat::stream(&self.shared, &call, request).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(respond(answered, |chunks| messages(self.clone(), call.request_id, chunks)))
    }
}

fn without_stream_options(chat: ChatRequest) -> Result<ChatRequest, ApiError> {
    match chat.stream_options {
        None => Ok(chat),
        Some(_) => Err(ApiError::invalid_field("stream_options", "'stream_options' is only for a stream.")),
    }
}

fn json_request(chat: Option<ChatRequest>) -> Result<JsonRequest, ApiError> {
    chat.ok_or_else(|| ApiError::missing_field("chat")).and_then(convert::json_request)
}

/// The chunks as messages. The end of the call is the end of the answer, or why there is none.
fn messages(
    adapter: Adapter,
    id: RequestId,
    chunks: ChatStream,
) -> <Adapter as ChatService>::StreamChatCompletionStream {
    // The layers guard the call only until its head is sent.
    let cut = Box::pin(adapter.shared.in_flight().cut_token().clone().cancelled_owned());
    Box::pin(stream::unfold(Some((chunks, cut)), move |state| {
        let (adapter, id) = (adapter.clone(), id.clone());
        async move {
            let (mut chunks, mut cut) = state?;
            let next = tokio::select! {
                biased;
                next = AssertUnwindSafe(chunks.next()).catch_unwind() => next,
                () = &mut cut => Ok(Some(Err(layers::cut()))),
            };
            match next.unwrap_or_else(|_| Some(Err(ApiError::internal("panic in a stream")))) {
                Some(Ok(batch)) => Some((Ok(StreamChatCompletionResponse { chunks: batch }), Some((chunks, cut)))),
                Some(Err(error)) => Some((Err(adapter.fail(&id, error)), None)),
                None => None,
            }
        }
    }))
}

/// The response, which tells who served and what was changed.
fn respond<T, M>(answered: Answered<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let mut headers = HeaderMap::new();
    headers.insert(metadata::SPASS_RESOLVED_MODEL, answered.resolved_model);
    headers.insert(metadata::SPASS_RESOLVED_BACKEND, answered.resolved_backend);
    if let Some(floored) = answered.applied.floored {
        let applied = format!("max_tokens_floored={}", floored.floor);
        if let Ok(applied) = HeaderValue::try_from(applied) {
            headers.insert(metadata::SPASS_APPLIED, applied.clone());
            headers.insert(metadata::X_RUST_API_APPLIED, applied);
        }
    }
    Response::from_parts(MetadataMap::from_headers(headers), message(answered.answer), http::Extensions::new())
}
