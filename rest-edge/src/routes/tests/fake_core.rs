//! A core that keeps what it was asked, and answers with little.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use gateway_proto::metadata;
use gateway_proto::v1::conversation_service_server::{ConversationService, ConversationServiceServer};
use gateway_proto::v1::identity_service_server::{IdentityService, IdentityServiceServer};
use gateway_proto::v1::{
    ChatCompletionChunk, Conversation, CreateTurnRequest, CreateTurnResponse, DeleteConversationRequest,
    DeleteConversationResponse, ExportConversationRequest, ExportConversationResponse, GetConversationRequest,
    GetConversationResponse, ListConversationsRequest, ListConversationsResponse, ListMessagesRequest,
    ListMessagesResponse, StreamTurnRequest, StreamTurnResponse, UpdateConversationRequest, UpdateConversationResponse,
    WhoAmIRequest, WhoAmIResponse,
};
use http::HeaderMap;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};
use tower::{Service, service_fn};

use crate::core_client::{CoreChannel, CoreClient};
use crate::state::{Edge, Parts};

#[derive(Clone, Default)]
pub(super) struct FakeCore(Arc<Mutex<Option<Asked>>>);

struct Asked {
    headers: HeaderMap,
    message: Box<dyn Any + Send>,
}

/// An edge before this core.
pub(super) fn edge_over(core: &FakeCore) -> Edge {
    let conversations = ConversationServiceServer::new(core.clone());
    let identity = IdentityServiceServer::new(core.clone());
    let service = service_fn(move |request: http::Request<tonic::body::Body>| {
        let (mut conversations, mut identity) = (conversations.clone(), identity.clone());
        async move {
            let is_identity = request.uri().path().contains("IdentityService");
            let answer: Result<_, Infallible> =
                if is_identity { identity.call(request).await } else { conversations.call(request).await };
            answer
        }
    });
    Edge::new(Parts {
        core: CoreClient::new(CoreChannel::in_process(service)),
        scheme: "http",
        public_url: String::new(),
        max_body_bytes: 1 << 20,
        body_timeout: Duration::from_secs(10),
        keep_alive: Duration::from_secs(10),
        body_room: Arc::new(Semaphore::new(1 << 20)),
        ends: CancellationToken::new(),
        openapi: Bytes::new(),
        error_page: crate::pages::error_page(""),
    })
}

impl FakeCore {
    /// The last request, which must be of this kind.
    pub(super) fn asked<M: Clone + 'static>(&self) -> M {
        let kept = self.0.lock().unwrap();
        kept.as_ref().and_then(|asked| asked.message.downcast_ref::<M>()).unwrap().clone()
    }

    /// The key that the last request came with.
    pub(super) fn idempotency_key(&self) -> Option<String> {
        let kept = self.0.lock().unwrap();
        kept.as_ref()?.headers.get(metadata::IDEMPOTENCY_KEY)?.to_str().ok().map(str::to_owned)
    }

    fn answer<M: Clone + Send + 'static, R>(
        &self,
        request: Request<M>,
        answer: impl FnOnce(M) -> R,
    ) -> Result<Response<R>, Status> {
        let (headers, _, message) = request.into_parts();
        *self.0.lock().unwrap() = Some(Asked { headers: headers.into_headers(), message: Box::new(message.clone()) });
        let mut headers = HeaderMap::new();
        headers.insert(metadata::X_CONVERSATION_ID, http::HeaderValue::from_static("c"));
        Ok(Response::from_parts(MetadataMap::from_headers(headers), answer(message), http::Extensions::new()))
    }
}

fn conversation() -> Option<Conversation> {
    Some(Conversation { id: "c".to_owned(), ..Conversation::default() })
}

#[async_trait]
impl ConversationService for FakeCore {
    type StreamTurnStream = Pin<Box<dyn Stream<Item = Result<StreamTurnResponse, Status>> + Send>>;

    async fn create_turn(&self, request: Request<CreateTurnRequest>) -> Result<Response<CreateTurnResponse>, Status> {
        self.answer(request, |_| CreateTurnResponse::default())
    }

    async fn stream_turn(
        &self,
        request: Request<StreamTurnRequest>,
    ) -> Result<Response<Self::StreamTurnStream>, Status> {
        let message = StreamTurnResponse { chunks: vec![ChatCompletionChunk::default(); 2] };
        self.answer(request, |_| -> Self::StreamTurnStream { Box::pin(futures_util::stream::iter([Ok(message)])) })
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        let items = conversation().into_iter().collect();
        self.answer(request, |_| ListConversationsResponse { items, total: 7, ..Default::default() })
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Result<Response<GetConversationResponse>, Status> {
        self.answer(request, |_| GetConversationResponse { conversation: conversation() })
    }

    async fn update_conversation(
        &self,
        request: Request<UpdateConversationRequest>,
    ) -> Result<Response<UpdateConversationResponse>, Status> {
        self.answer(request, |_| UpdateConversationResponse { conversation: conversation() })
    }

    async fn delete_conversation(
        &self,
        request: Request<DeleteConversationRequest>,
    ) -> Result<Response<DeleteConversationResponse>, Status> {
        self.answer(request, |_| DeleteConversationResponse {})
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        self.answer(request, |asked| ListMessagesResponse {
            offset: asked.offset.unwrap_or_default(),
            ..ListMessagesResponse::default()
        })
    }

    async fn export_conversation(
        &self,
        request: Request<ExportConversationRequest>,
    ) -> Result<Response<ExportConversationResponse>, Status> {
        self.answer(request, |_| ExportConversationResponse { conversation: conversation(), exported_at: None })
    }
}

#[async_trait]
impl IdentityService for FakeCore {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        self.answer(request, |_| WhoAmIResponse::default())
    }
}
