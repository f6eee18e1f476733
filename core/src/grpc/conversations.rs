//! ConversationService.

use bytes::Bytes;
use gateway_proto::v1::conversation_service_server::ConversationService;
use gateway_proto::v1::{
    CreateTurnRequest, CreateTurnResponse, DeleteConversationRequest, DeleteConversationResponse,
    ExportConversationRequest, ExportConversationResponse, GetConversationRequest, GetConversationResponse,
    ListConversationsRequest, ListConversationsResponse, ListMessagesRequest, ListMessagesResponse, StreamTurnRequest,
    StreamTurnResponse, Turn, UpdateConversationRequest, UpdateConversationResponse,
};
use gateway_proto::{ApiError, Rpc};
use gateway_storage::{ConversationRecord, MessageRecord};
use prost::Message;
use tonic::{Request, Response, Status, async_trait};

use super::chat::{MessageStream, messages, respond};
use super::convert::{conversation, conversation_message, kept_turn, now};
use super::{Adapter, Opened};
use crate::conversations::{self, Changed, Paging};
use crate::gate::{acting, idempotency_key, owner, reader};
use crate::turn::{self, Kept};

#[async_trait]
impl ConversationService for Adapter {
    type StreamTurnStream = MessageStream<StreamTurnResponse>;

    async fn create_turn(&self, request: Request<CreateTurnRequest>) -> Result<Response<CreateTurnResponse>, Status> {
        let opened = self.open(request, Rpc::CreateTurn)?;
        let id = opened.call.request_id.clone();
        let answered = async {
            let kept = kept(&opened, Rpc::CreateTurn, opened.message.turn.clone())?;
            if kept.request.parameters.stream_options.is_some() {
                return Err(ApiError::invalid_field("stream_options", "'stream_options' is only for a stream."));
            }
            turn::complete(&self.shared, &opened.call, kept).await
        };
        let answered = answered.await.map_err(|error| self.fail(&id, error))?;
        let conversation_id = answered.told.conversation.as_ref().and_then(|id| id.to_str().ok());
        let conversation_id = conversation_id.unwrap_or_default().to_owned();
        Ok(respond(answered, |completion| CreateTurnResponse { completion: Some(completion), conversation_id }))
    }

    async fn stream_turn(
        &self,
        request: Request<StreamTurnRequest>,
    ) -> Result<Response<Self::StreamTurnStream>, Status> {
        let opened = self.open(request, Rpc::StreamTurn)?;
        let answered = match kept(&opened, Rpc::StreamTurn, opened.message.turn.clone()) {
            Ok(kept) => turn::stream(&self.shared, &opened.call, kept).await,
            Err(error) => Err(error),
        };
        let answered = answered.map_err(|error| self.fail(&opened.call.request_id, error))?;
        let wrap = |chunks| StreamTurnResponse { chunks };
        Ok(respond(answered, |chunks| messages(self.clone(), &opened.call, chunks, wrap)))
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        let Opened { call, identity, message, .. } = self.open(request, Rpc::ListConversations)?;
        let listed = async {
            let reader = reader(&call, &identity);
            let paging = Paging { limit: message.limit, offset: message.offset };
            conversations::list(&self.shared, &reader, paging, &message.after).await
        };
        let (listed, slice) = listed.await.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Response::new(ListConversationsResponse {
            items: listed.items.iter().map(conversation).collect(),
            total: i64::try_from(listed.total).unwrap_or(i64::MAX),
            limit: slice.limit.into(),
            offset: slice.offset.into(),
        }))
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Result<Response<GetConversationResponse>, Status> {
        let Opened { call, identity, message, .. } = self.open(request, Rpc::GetConversation)?;
        let found = async {
            let reader = reader(&call, &identity);
            conversations::get(&self.shared, &reader, &message.conversation_id).await
        };
        let found = found.await.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Response::new(GetConversationResponse { conversation: Some(whole(found)) }))
    }

    async fn update_conversation(
        &self,
        request: Request<UpdateConversationRequest>,
    ) -> Result<Response<UpdateConversationResponse>, Status> {
        let opened = self.open(request, Rpc::UpdateConversation)?;
        let id = opened.call.request_id.clone();
        let updated = async {
            let key = idempotency_key(&opened.headers, Rpc::UpdateConversation, &opened.message)?;
            let message = opened.message;
            let owner = owner(&opened.call, &opened.identity);
            let changes = conversations::changes(message.update_mask, message.title, message.metadata_json)?;
            let asked = message.conversation_id;
            match conversations::update(&self.shared, &owner, &asked, changes, key, answer_of_update).await? {
                Changed::Now(record) => Ok(updated(&record)),
                Changed::Before(answer) => UpdateConversationResponse::decode(answer).map_err(ApiError::internal),
            }
        };
        updated.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }

    async fn delete_conversation(
        &self,
        request: Request<DeleteConversationRequest>,
    ) -> Result<Response<DeleteConversationResponse>, Status> {
        let Opened { call, identity, headers, message } = self.open(request, Rpc::DeleteConversation)?;
        let deleted = async {
            let key = idempotency_key(&headers, Rpc::DeleteConversation, &message)?;
            let owner = owner(&call, &identity);
            conversations::delete(&self.shared, &call, &owner, &message.conversation_id, key).await
        };
        deleted.await.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Response::new(DeleteConversationResponse {}))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let Opened { call, identity, message, .. } = self.open(request, Rpc::ListMessages)?;
        let found = async {
            let reader = reader(&call, &identity);
            let paging = Paging { limit: message.limit, offset: message.offset };
            conversations::messages(&self.shared, &reader, &message.conversation_id, paging).await
        };
        let (record, messages, slice) = found.await.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Response::new(ListMessagesResponse {
            items: messages.into_iter().map(conversation_message).collect(),
            total: record.message_count.into(),
            limit: slice.limit.into(),
            offset: slice.offset.into(),
        }))
    }

    async fn export_conversation(
        &self,
        request: Request<ExportConversationRequest>,
    ) -> Result<Response<ExportConversationResponse>, Status> {
        let Opened { call, identity, message, .. } = self.open(request, Rpc::ExportConversation)?;
        let found = async {
            let reader = reader(&call, &identity);
            conversations::get(&self.shared, &reader, &message.conversation_id).await
        };
        let found = found.await.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Response::new(ExportConversationResponse { conversation: Some(whole(found)), exported_at: Some(now()) }))
    }
}

/// What is asked in a turn, and whose it is.
fn kept<M: Message>(opened: &Opened<M>, rpc: Rpc, turn: Option<Turn>) -> Result<Kept, ApiError> {
    let turn = turn.ok_or_else(|| ApiError::missing_field("turn"))?;
    let key = idempotency_key(&opened.headers, rpc, &opened.message)?;
    let acting = acting(&opened.call, &opened.identity, &opened.headers)?;
    kept_turn(turn, acting, key)
}

fn whole((record, messages): (ConversationRecord, Vec<MessageRecord>)) -> gateway_proto::v1::Conversation {
    let messages = messages.into_iter().map(conversation_message).collect();
    gateway_proto::v1::Conversation { messages, ..conversation(&record) }
}

fn updated(record: &ConversationRecord) -> UpdateConversationResponse {
    UpdateConversationResponse { conversation: Some(conversation(record)) }
}

/// What the same change gets when it is sent again.
fn answer_of_update(record: &ConversationRecord) -> Bytes {
    updated(record).encode_to_vec().into()
}
