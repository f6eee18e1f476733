//! Turns of stored conversations.

use axum::response::Response;
use gateway_proto::Rpc;
use gateway_proto::v1::conversation_service_client::ConversationServiceClient;
use gateway_proto::v1::{CreateTurnRequest, StreamTurnRequest, Turn};
use http::HeaderMap;

use super::Inbound;
use super::chat_answers::{StreamAsked, whole_answer};
use crate::admission::or_end_at_fields;
use crate::body::read_json;
use crate::core_client::CoreChannel;
use crate::error::Failure;
use crate::openai::turn_request;
use crate::query::Query;
use crate::state::Edge;

/// Both RPCs of the route are let in alike.
const RPC: Rpc = Rpc::CreateTurn;

/// `POST /c1/chat` and `POST /c1/chat/completions`
pub(crate) async fn create(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let Inbound { head, body, outgoing } = inbound;
    let body = read_json(&edge, &outgoing, &head, body, RPC, turn_request).await?;
    let mut turn = body.content.turn;
    let user_id = Query::of(&head.uri).user_id_beside(turn.user_id);
    turn.user_id = or_end_at_fields(&edge, &outgoing, RPC, user_id).await?;
    if body.content.stream { stream(edge, outgoing, turn).await } else { complete(&edge, outgoing, turn).await }
}

async fn complete(edge: &Edge, outgoing: HeaderMap, turn: Turn) -> Result<Response, Failure> {
    let message = CreateTurnRequest { turn: Some(turn) };
    let call =
        |mut client: ConversationServiceClient<CoreChannel>, request| async move { client.create_turn(request).await };
    let (metadata, answer, _) = edge.core.call(outgoing, message, call).await?.into_parts();
    Ok(whole_answer(metadata, answer.completion))
}

/// Answered when the core knows how the answer begins: until then an error has a status of its own.
async fn stream(edge: Edge, outgoing: HeaderMap, turn: Turn) -> Result<Response, Failure> {
    let asked = StreamAsked::in_chat(turn.chat.as_ref(), &outgoing);
    let message = StreamTurnRequest { turn: Some(turn) };
    let call =
        |mut client: ConversationServiceClient<CoreChannel>, request| async move { client.stream_turn(request).await };
    let answer = edge.core.call(outgoing, message, call).await?;
    Ok(asked.answer(edge, answer))
}
