//! ChatService.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use futures_util::{FutureExt, Stream, stream};
use gateway_proto::v1::chat_service_server::ChatService;
use gateway_proto::v1::{
    ChatCompletionChunk, ChatRequest, CreateChatCompletionRequest, CreateChatCompletionResponse,
    StreamChatCompletionRequest, StreamChatCompletionResponse,
};
use gateway_proto::{ApiError, Rpc, metadata};
use gateway_storage::KeyClaim;
use http::HeaderMap;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use super::{Adapter, Opened, convert};
use crate::api_errors;
use crate::augment;
use crate::call::Call;
use crate::chat::{self, Answered, StreamedAnswer, Told};
use crate::domain::chat::JsonRequest;
use crate::gate::{Acting, acting, idempotency_key};
use crate::layers;
use crate::turn::{self, Kept, KeptStream};

/// A stream of messages.
pub(super) type MessageStream<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

#[async_trait]
impl ChatService for Adapter {
    type StreamChatCompletionStream = MessageStream<StreamChatCompletionResponse>;

    async fn create_chat_completion(
        &self,
        request: Request<CreateChatCompletionRequest>,
    ) -> Result<Response<CreateChatCompletionResponse>, Status> {
        let opened = self.open(request, Rpc::CreateChatCompletion)?;
        let asked = asked(&opened, Rpc::CreateChatCompletion);
        let Opened { call, message, .. } = opened;
        let request = message.chat.map(without_stream_options).transpose().and_then(json_request);
        let answered = match (request, asked) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(request), Ok((acting, None))) => chat::complete(&self.shared, &call, &acting, request).await,
            (Ok(request), Ok((acting, key))) => {
                turn::complete(&self.shared, &call, Kept { acting, request, key, turn: None }).await
            }
        };
        let answered = answered.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(respond(answered, |completion| CreateChatCompletionResponse { completion: Some(completion) }))
    }

    async fn stream_chat_completion(
        &self,
        request: Request<StreamChatCompletionRequest>,
    ) -> Result<Response<Self::StreamChatCompletionStream>, Status> {
        let opened = self.open(request, Rpc::StreamChatCompletion)?;
        let asked = asked(&opened, Rpc::StreamChatCompletion);
        let Opened { call, message, .. } = opened;
        let wrap = |chunks| StreamChatCompletionResponse { chunks };
        let id = call.request_id.clone();
        let fail = |error| self.fail(&id, error);
        let request = json_request(message.chat).map_err(fail)?;
        match asked.map_err(fail)? {
            (acting, None) => {
                let answered = chat::stream(&self.shared, &call, &acting, request).await.map_err(fail)?;
                Ok(respond(answered, |chunks| messages(self.clone(), &call, chunks, wrap)))
            }
            (acting, key) => {
                let kept = Kept { acting, request, key, turn: None };
                let answered = turn::stream(&self.shared, &call, kept).await.map_err(fail)?;
                Ok(respond(answered, |chunks| messages(self.clone(), &call, chunks, wrap)))
            }
        }
    }
}

/// For whom a chat is answered, and the key under which its answer is kept, where it was asked for under one.
fn asked<M: Message>(opened: &Opened<M>, rpc: Rpc) -> Result<(Acting, Option<KeyClaim>), ApiError> {
    let acting = acting(&opened.call, &opened.identity, &opened.headers)?;
    Ok((acting, idempotency_key(&opened.headers, rpc, &opened.message)?))
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

/// A streamed answer.
pub(super) trait AnswerStream: Send + 'static {
    /// The next chunks; `None` once the answer is whole.
    fn next(&mut self) -> impl Future<Output = Option<Result<Vec<ChatCompletionChunk>, ApiError>>> + Send;
}

impl AnswerStream for StreamedAnswer {
    async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        StreamedAnswer::next(self).await
    }
}

impl AnswerStream for KeptStream {
    async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        KeptStream::next(self).await
    }
}

/// The chunks as messages. The end of the call is the end of the answer, or why there is none.
pub(super) fn messages<M: 'static>(
    adapter: Adapter,
    call: &Call,
    chunks: impl AnswerStream,
    wrap: impl Fn(Vec<ChatCompletionChunk>) -> M + Copy + Send + 'static,
) -> MessageStream<M> {
    // The layers guard the call only until its head is sent.
    let cut = Box::pin(adapter.shared.in_flight().cut_token().clone().cancelled_owned());
    let revoked = Box::pin(call.caller.revoked().clone().cancelled_owned());
    let id = call.request_id.clone();
    Box::pin(stream::unfold(Some((chunks, cut, revoked)), move |state| {
        let (adapter, id) = (adapter.clone(), id.clone());
        async move {
            let (mut chunks, mut cut, mut revoked) = state?;
            let next = tokio::select! {
                biased;
                // First, so that not even a stream that never pauses outlives its secret.
                () = &mut revoked => Ok(Some(Err(api_errors::revoked()))),
                next = AssertUnwindSafe(chunks.next()).catch_unwind() => next,
                () = &mut cut => Ok(Some(Err(layers::cut()))),
            };
            match next.unwrap_or_else(|_| Some(Err(ApiError::internal("panic in a stream")))) {
                Some(Ok(batch)) => Some((Ok(wrap(batch)), Some((chunks, cut, revoked)))),
                Some(Err(error)) => Some((Err(adapter.fail(&id, error)), None)),
                None => None,
            }
        }
    }))
}

/// The response, which tells who served and what was changed.
pub(super) fn respond<T, M>(answered: Answered<T>, message: impl FnOnce(T) -> M) -> Response<M> {
    let mut headers = HeaderMap::new();
    let Told { applied, augmented, resolved_model, resolved_backend, conversation, cost } = answered.told;
    headers.insert(metadata::SPASS_AUGMENT_APPLIED, augment::header_value(augmented));
    headers.insert(metadata::SPASS_RESOLVED_MODEL, resolved_model);
    headers.insert(metadata::SPASS_RESOLVED_BACKEND, resolved_backend);
    if let Some(applied) = applied {
        headers.insert(metadata::SPASS_APPLIED, applied.clone());
        headers.insert(metadata::X_RUST_API_APPLIED, applied);
    }
    if let Some(conversation) = conversation {
        headers.insert(metadata::X_CONVERSATION_ID, conversation);
    }
    if let Some(cost) = cost {
        headers.insert(metadata::SPASS_COST_USD, cost);
    }
    Response::from_parts(MetadataMap::from_headers(headers), message(answered.answer), http::Extensions::new())
}
