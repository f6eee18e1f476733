//! Answers of models, whole and as streams, whatever route they were asked for on.

use axum::body::Body;
use axum::response::Response;
use gateway_proto::metadata;
use gateway_proto::v1::{ChatCompletion, ChatRequest};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::Streaming;
use tonic::metadata::MetadataMap;

use super::json;
use crate::core_client::incoming;
use crate::events::{ChatEvents, HoldsChunks};
use crate::openai::{UsageMember, chat_completion};
use crate::state::Edge;

/// Asks proxies of the nginx family not to hold back what they are sent.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A whole answer.
pub(super) fn whole_answer(metadata: MetadataMap, completion: Option<ChatCompletion>) -> Response {
    json(incoming(metadata), chat_completion(&completion.unwrap_or_default()))
}

/// What of a request the answer to it needs, once the request has gone to the core.
#[derive(Debug)]
pub(super) struct StreamAsked {
    usage: UsageMember,
    request_id: HeaderValue,
}

impl StreamAsked {
    /// What is asked for in this chat.
    pub(super) fn in_chat(chat: Option<&ChatRequest>, outgoing: &HeaderMap) -> Self {
        let options = chat.and_then(|chat| chat.stream_options.as_ref());
        let asks_for_usage = options.and_then(|options| options.include_usage) == Some(true);
        let usage = if asks_for_usage { UsageMember::Always } else { UsageMember::WhenKnown };
        let request_id = outgoing.get(&metadata::SPASS_REQUEST_ID).cloned();
        Self { usage, request_id: request_id.unwrap_or_else(|| HeaderValue::from_static("none")) }
    }

    /// The answer as events.
    pub(super) fn answer<M>(self, edge: Edge, answer: tonic::Response<Streaming<M>>) -> Response
    where
        M: HoldsChunks + Send + 'static,
    {
        let (metadata, answer, _) = answer.into_parts();
        let mut response = Response::new(Body::new(ChatEvents::new(answer, self.usage, edge, self.request_id)));
        *response.headers_mut() = incoming(metadata);
        response.headers_mut().extend([
            (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
        ]);
        response
    }
}
