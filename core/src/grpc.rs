//! The services on offer. Each adapter converts in, calls, converts out, and decides nothing.

mod chat;
mod conversations;
mod convert;
mod error_catalog;
mod identity;
mod memory;
mod models;
mod readiness;
mod system_prompts;
mod tools;
mod usage;
mod users;

use std::error::Error;
use std::sync::Arc;

use gateway_auth::ScopeId;
use gateway_proto::v1::chat_service_server::ChatServiceServer;
use gateway_proto::v1::conversation_service_server::ConversationServiceServer;
use gateway_proto::v1::error_catalog_service_server::ErrorCatalogServiceServer;
use gateway_proto::v1::identity_service_server::IdentityServiceServer;
use gateway_proto::v1::memory_service_server::MemoryServiceServer;
use gateway_proto::v1::model_service_server::ModelServiceServer;
use gateway_proto::v1::readiness_service_server::ReadinessServiceServer;
use gateway_proto::v1::system_prompt_service_server::SystemPromptServiceServer;
use gateway_proto::v1::tool_service_server::ToolServiceServer;
use gateway_proto::v1::usage_service_server::UsageServiceServer;
use gateway_proto::{ApiError, Rpc};
use gateway_storage::KeyedAnswer;
use prost::Message;
use tonic::body::Body;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tonic::{Request, Status};
use tower::Service;

use crate::api_errors;
use crate::audit;
use crate::call::{Call, CallParts, RequestId};
use crate::causes::causes;
use crate::conversations::Changed;
use crate::gate::{Identity, Named, Withheld, identify, permit, permit_kind, require_user, scope};
use crate::layers::ResponseFuture;
use crate::measures::Stopwatch;
use crate::shared::Shared;
use users::names_user;

/// What each adapter is made of.
#[derive(Clone, Debug)]
struct Adapter {
    shared: Shared,
}

/// A call whose identity and scope hold.
#[derive(Debug)]
struct Opened<M> {
    call: Call,
    identity: Identity,
    headers: http::HeaderMap,
    message: M,
}

/// A message that may say for which user it speaks, and in which scope of memory and prompts.
trait NamesUser {
    /// The user.
    fn named_user(&self) -> Named<'_> {
        Named::default()
    }

    /// The scope.
    fn named_scope(&self) -> Named<'_> {
        Named::default()
    }

    /// What stands in it for the variable of the scopes that its call needs.
    fn kind(&self) -> Result<Option<&'static str>, ApiError> {
        Ok(None)
    }
}

/// All services on offer; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    chat: ChatServiceServer<Adapter>,
    conversations: ConversationServiceServer<Adapter>,
    models: ModelServiceServer<Adapter>,
    errors: ErrorCatalogServiceServer<Adapter>,
    identity: IdentityServiceServer<Adapter>,
    readiness: ReadinessServiceServer<Adapter>,
    memory: MemoryServiceServer<Adapter>,
    system_prompts: SystemPromptServiceServer<Adapter>,
    tools: ToolServiceServer<Adapter>,
    usage: UsageServiceServer<Adapter>,
    /// Health, reflection, and the answer to what is not there.
    others: Routes,
}

impl Services {
    /// The services of the contract, and others besides.
    pub(crate) fn new(shared: &Shared, others: Routes) -> Self {
        let adapter = || Adapter { shared: shared.clone() };
        let limit = shared.max_message_bytes();
        // A macro, since the generated servers share these methods and no trait.
        macro_rules! with_limits {
            ($Server:ident) => {
                $Server::new(adapter())
                    .max_decoding_message_size(limit)
                    .max_encoding_message_size(usize::MAX)
                    .accept_compressed(Gzip)
            };
        }
        Self {
            chat: with_limits!(ChatServiceServer),
            conversations: with_limits!(ConversationServiceServer),
            models: with_limits!(ModelServiceServer),
            errors: with_limits!(ErrorCatalogServiceServer),
            identity: with_limits!(IdentityServiceServer),
            readiness: with_limits!(ReadinessServiceServer),
            memory: with_limits!(MemoryServiceServer),
            system_prompts: with_limits!(SystemPromptServiceServer),
            tools: with_limits!(ToolServiceServer),
            usage: with_limits!(UsageServiceServer),
            others: others.prepare(),
        }
    }

    /// Who answers an RPC.
    pub(crate) fn call(mut self, rpc: Option<Rpc>, request: http::Request<Body>) -> ResponseFuture {
        match rpc {
            Some(Rpc::CreateChatCompletion | Rpc::StreamChatCompletion) => self.chat.call(request),
            Some(
                Rpc::CreateTurn
                | Rpc::StreamTurn
                | Rpc::ListConversations
                | Rpc::GetConversation
                | Rpc::UpdateConversation
                | Rpc::DeleteConversation
                | Rpc::ListMessages
                | Rpc::ExportConversation,
            ) => self.conversations.call(request),
            Some(Rpc::ListModels | Rpc::GetModel) => self.models.call(request),
            Some(Rpc::ListErrors | Rpc::GetError) => self.errors.call(request),
            Some(Rpc::WhoAmI) => self.identity.call(request),
            Some(Rpc::GetReadiness) => self.readiness.call(request),
            Some(
                Rpc::PutMemory
                | Rpc::GetMemory
                | Rpc::ListMemory
                | Rpc::DeleteMemory
                | Rpc::DeleteMemoryByOrigin
                | Rpc::GetMemoryUsage,
            ) => self.memory.call(request),
            Some(
                Rpc::PutSystemPrompt
                | Rpc::GetSystemPrompt
                | Rpc::UnsetSystemPrompt
                | Rpc::ListSystemPromptVersions
                | Rpc::GetSystemPromptVersion
                | Rpc::SetCurrentSystemPromptVersion
                | Rpc::DeleteSystemPromptVersion
                | Rpc::GetEffectiveSystemPrompt,
            ) => self.system_prompts.call(request),
            Some(Rpc::ListTools | Rpc::ExecuteTool) => self.tools.call(request),
            Some(Rpc::GetUsage) => self.usage.call(request),
            None => Box::pin(self.others.call(request)),
        }
    }
}

/// The refusal of a call that its token may not make. What is missing stays in the log.
fn forbidden(call: &Call, rpc: Rpc, withheld: Withheld) -> ApiError {
    audit::refused(call, rpc, withheld);
    api_errors::forbidden()
}

/// The answer to a change: made of what it gave, now or when the same request came before.
fn answered<T, M: Message + Default>(changed: Changed<T>, make: impl Fn(&T) -> M) -> Result<M, ApiError> {
    match changed {
        Changed::Now(done) => Ok(make(&done)),
        Changed::Before(answer) => M::decode(answer).map_err(ApiError::internal),
    }
}

/// What is kept of the answer to a change, for when the same request comes again.
fn kept<T, M: Message>(make: impl Fn(&T) -> M + Send + Sync + 'static) -> KeyedAnswer<T> {
    Arc::new(move |done| make(done).encode_to_vec().into())
}

/// The scope of memory and prompts that a call acts in, which its token must be allowed to act in.
fn acting_scope<M>(opened: &Opened<M>, rpc: Rpc) -> Result<ScopeId, ApiError> {
    let scope = scope(&opened.call.caller, &opened.identity);
    scope.ok_or_else(|| forbidden(&opened.call, rpc, Withheld::ScopeId))
}

impl Adapter {
    /// The call behind a request that the layers let in, once its identity and scope hold.
    fn open<M: NamesUser>(&self, request: Request<M>, rpc: Rpc) -> Result<Opened<M>, Status> {
        let (call, headers, message) = self.admitted(request)?;
        let identified = identify(&headers, message.named_user(), message.named_scope());
        let identity = identified.and_then(|identity| {
            require_user(&call.caller, rpc, &identity)?;
            let permitted = permit(&call.caller, rpc, identity.scope.as_ref());
            permitted.map_err(|withheld| forbidden(&call, rpc, withheld))?;
            if let Some(kind) = message.kind()? {
                permit_kind(&call.caller, rpc, kind).map_err(|withheld| forbidden(&call, rpc, withheld))?;
            }
            Ok(identity)
        });
        let identity = identity.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Opened { call, identity, headers, message })
    }

    /// The call behind a request that the layers let in, its identity and scope not yet looked at.
    fn admitted<M>(&self, request: Request<M>) -> Result<(Call, http::HeaderMap, M), Status> {
        let (metadata, mut extensions, message) = request.into_parts();
        let headers = metadata.into_headers();
        let parts = extensions.remove::<CallParts>();
        let (request_id, deadline, caller, stopwatch) = match parts {
            Some(parts) => (parts.request_id, parts.deadline, parts.caller, parts.stopwatch),
            None => (RequestId::of(&headers), None, None, Stopwatch::start()),
        };
        let Some(caller) = caller else {
            let error = ApiError::internal("an RPC that needs a caller was reached without one");
            return Err(self.fail(&request_id, error));
        };
        Ok((Call { request_id, caller, deadline, stopwatch }, headers, message))
    }

    /// The status of an error. This is where a failure of our own is logged, once.
    fn fail(&self, request_id: &RequestId, error: ApiError) -> Status {
        let facts = error.code().facts();
        let id = request_id.as_str();
        let trace_id = request_id.trace_id();
        metrics::counter!("gateway_errors_total", "code" => facts.code).increment(1);
        match error.source() {
            Some(_) if facts.http_status == 500 => {
                tracing::error!(
                    request_id = id,
                    trace_id,
                    code = facts.code,
                    cause = causes(&error),
                    "request {id} failed"
                );
            }
            Some(_) => {
                tracing::warn!(
                    request_id = id,
                    trace_id,
                    code = facts.code,
                    cause = causes(&error),
                    "request {id} failed"
                )
            }
            None => tracing::debug!(request_id = id, code = facts.code, "request {id} refused"),
        }
        error.to_status(id, self.shared.docs_url())
    }
}
