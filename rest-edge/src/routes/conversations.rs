//! Stored conversations.

use axum::response::{IntoResponse, Response};
use gateway_proto::v1::conversation_service_client::ConversationServiceClient;
use gateway_proto::v1::{
    DeleteConversationRequest, ExportConversationRequest, GetConversationRequest, ListConversationsRequest,
    ListMessagesRequest, UpdateConversationRequest,
};
use gateway_proto::{ApiError, Rpc};
use http::{StatusCode, Uri};
use percent_encoding::percent_decode_str;

use super::{Inbound, json};
use crate::admission::or_end_at_fields;
use crate::body::read_json;
use crate::conversation::{
    conversation_export, conversation_in_full, conversation_list, conversation_row, conversation_update, message_list,
};
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::query::{LIMIT_RANGE, OFFSET_RANGE, Query};
use crate::state::Edge;

type Client = ConversationServiceClient<CoreChannel>;

/// The path before a conversation's id.
const PREFIX: &str = "/c1/conversations/";

/// `GET /c1/conversations`
pub(crate) async fn list(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_list(&inbound.head.uri);
    let message = or_end_at_fields(&edge, &inbound.outgoing, Rpc::ListConversations, asked).await?;
    let call = |mut client: Client, request| async move { client.list_conversations(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), conversation_list(&answer)))
}

/// `GET /c1/conversations/{conversation_id}`
pub(crate) async fn get(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let user_id = Query::of(&inbound.head.uri).user_id();
    let user_id = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetConversation, user_id).await?;
    let message = GetConversationRequest { conversation_id: conversation_id(&inbound.head.uri), user_id };
    let call = |mut client: Client, request| async move { client.get_conversation(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), conversation_in_full(&answer.conversation.unwrap_or_default())))
}

/// `PATCH /c1/conversations/{conversation_id}`
pub(crate) async fn update(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    const RPC: Rpc = Rpc::UpdateConversation;
    let Inbound { head, body, outgoing } = inbound;
    let body = read_json(&edge, &outgoing, &head, body, RPC, conversation_update).await?;
    let update = body.content;
    let user_id = Query::of(&head.uri).user_id_beside(update.user_id);
    let user_id = or_end_at_fields(&edge, &outgoing, RPC, user_id).await?;
    let message = UpdateConversationRequest { conversation_id: conversation_id(&head.uri), user_id, ..update };
    let call = |mut client: Client, request| async move { client.update_conversation(request).await };
    let (metadata, answer, _) = edge.core.call(outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), conversation_row(&answer.conversation.unwrap_or_default())))
}

/// `DELETE /c1/conversations/{conversation_id}`
pub(crate) async fn delete(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let user_id = Query::of(&inbound.head.uri).user_id();
    let user_id = or_end_at_fields(&edge, &inbound.outgoing, Rpc::DeleteConversation, user_id).await?;
    let message = DeleteConversationRequest { conversation_id: conversation_id(&inbound.head.uri), user_id };
    let call = |mut client: Client, request| async move { client.delete_conversation(request).await };
    let (metadata, _, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok((StatusCode::NO_CONTENT, incoming(metadata)).into_response())
}

/// `GET /c1/conversations/{conversation_id}/messages`
pub(crate) async fn messages(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_messages(&inbound.head.uri);
    let message = or_end_at_fields(&edge, &inbound.outgoing, Rpc::ListMessages, asked).await?;
    let call = |mut client: Client, request| async move { client.list_messages(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), message_list(&answer)))
}

/// `GET /c1/conversations/{conversation_id}/export`
pub(crate) async fn export(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let user_id = Query::of(&inbound.head.uri).user_id();
    let user_id = or_end_at_fields(&edge, &inbound.outgoing, Rpc::ExportConversation, user_id).await?;
    let message = ExportConversationRequest { conversation_id: conversation_id(&inbound.head.uri), user_id };
    let call = |mut client: Client, request| async move { client.export_conversation(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), conversation_export(&answer)))
}

fn asked_list(uri: &Uri) -> Result<ListConversationsRequest, ApiError> {
    let query = Query::of(uri);
    Ok(ListConversationsRequest {
        limit: query.whole_number("limit", LIMIT_RANGE)?,
        offset: query.whole_number("offset", OFFSET_RANGE)?,
        after: query.text("after")?.unwrap_or_default(),
        user_id: query.user_id()?,
    })
}

fn asked_messages(uri: &Uri) -> Result<ListMessagesRequest, ApiError> {
    let query = Query::of(uri);
    Ok(ListMessagesRequest {
        conversation_id: conversation_id(uri),
        limit: query.whole_number("limit", LIMIT_RANGE)?,
        offset: query.whole_number("offset", OFFSET_RANGE)?,
        user_id: query.user_id()?,
    })
}

/// The id in the path as it is; what cannot be one is not found by the core.
fn conversation_id(uri: &Uri) -> String {
    let rest = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let id = rest.split('/').next().unwrap_or_default();
    percent_decode_str(id).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_conversations_is_asked_for_in_the_query() {
        let asked = asked_list(&Uri::from_static("/c1/conversations?limit=5&offset=-1&after=a&user_id=ann&x=%ff"));
        assert_eq!(
            asked.unwrap(),
            ListConversationsRequest {
                limit: Some(5),
                offset: Some(-1),
                after: "a".to_owned(),
                user_id: "ann".to_owned()
            }
        );
        let asked = asked_list(&Uri::from_static("/c1/conversations")).unwrap();
        assert_eq!(asked, ListConversationsRequest::default());
        let error = asked_list(&Uri::from_static("/c1/conversations?offset=x")).unwrap_err();
        assert_eq!(error.param(), Some("query.offset"));
    }

    #[test]
    fn the_id_is_the_segment_of_the_path() {
        for (path, id) in [
            ("/c1/conversations/0195", "0195"),
            ("/c1/conversations/0195/messages?limit=1", "0195"),
            ("/c1/conversations/a%2Fb%20/export", "a/b "),
        ] {
            assert_eq!(conversation_id(&Uri::from_static(path)), id);
        }
        let asked = asked_messages(&Uri::from_static("/c1/conversations/0195/messages?limit=1")).unwrap();
        assert_eq!((asked.conversation_id.as_str(), asked.limit, asked.offset), ("0195", Some(1), None));
    }
}
