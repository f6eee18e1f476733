//! Memory.

use axum::response::Response;
use gateway_proto::Rpc;
use gateway_proto::v1::memory_service_client::MemoryServiceClient;
use gateway_proto::v1::{
    DeleteMemoryByOriginRequest, DeleteMemoryRequest, GetMemoryRequest, GetMemoryUsageRequest, PutMemoryRequest,
};
use http::Uri;
use percent_encoding::percent_decode_str;

use super::{Inbound, json};
use crate::admission::or_end_at_fields;
use crate::body::read_json;
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::memory::{
    AskedMemory, asked_memory, asked_memory_page, memories_deleted, memory_deleted, memory_entry, memory_list,
    memory_usage, new_memory,
};
use crate::query::Query;
use crate::state::Edge;

type Client = MemoryServiceClient<CoreChannel>;

/// The path before the ids of a conversation and of its turn.
const ORIGIN_PREFIX: &str = "/v1/memory/origin/";

/// `POST /v1/memory`
pub(crate) async fn put(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    const RPC: Rpc = Rpc::PutMemory;
    let Inbound { head, body, outgoing } = inbound;
    let body = read_json(&edge, &outgoing, &head, body, RPC, new_memory).await?;
    let asked = body.content;
    let query = Query::of(&head.uri);
    let user_id = or_end_at_fields(&edge, &outgoing, RPC, query.user_id_beside(asked.user_id)).await?;
    let scope_id = or_end_at_fields(&edge, &outgoing, RPC, query.scope_beside(asked.scope_id)).await?;
    let message = PutMemoryRequest { user_id, scope_id, ..asked };
    let call = |mut client: Client, request| async move { client.put_memory(request).await };
    let (metadata, answer, _) = edge.core.call(outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), memory_entry(&answer.entry.unwrap_or_default())))
}

/// `GET /v1/memory/entry`
pub(crate) async fn get(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_memory(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetMemory, asked).await?;
    let AskedMemory { visibility, scope_id, user_id, key } = asked;
    let message = GetMemoryRequest { visibility, scope_id, key, user_id };
    let call = |mut client: Client, request| async move { client.get_memory(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), memory_entry(&answer.entry.unwrap_or_default())))
}

/// `GET /v1/memory`
pub(crate) async fn list(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_memory_page(&inbound.head.uri);
    let message = or_end_at_fields(&edge, &inbound.outgoing, Rpc::ListMemory, asked).await?;
    let call = |mut client: Client, request| async move { client.list_memory(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), memory_list(&answer)))
}

/// `DELETE /v1/memory`
pub(crate) async fn delete(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_memory(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::DeleteMemory, asked).await?;
    let AskedMemory { visibility, scope_id, user_id, key } = asked;
    let message = DeleteMemoryRequest { visibility, scope_id, key, user_id };
    let call = |mut client: Client, request| async move { client.delete_memory(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), memory_deleted(answer.deleted)))
}

/// `DELETE /v1/memory/origin/{conversation_id}/{turn_id}`
pub(crate) async fn delete_by_origin(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let uri = &inbound.head.uri;
    let user_id = Query::of(uri).user_id();
    let user_id = or_end_at_fields(&edge, &inbound.outgoing, Rpc::DeleteMemoryByOrigin, user_id).await?;
    let (conversation_id, turn_id) = origin(uri);
    let message = DeleteMemoryByOriginRequest { conversation_id, turn_id, user_id };
    let call = |mut client: Client, request| async move { client.delete_memory_by_origin(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), memories_deleted(answer.deleted)))
}

/// `GET /v1/memory/usage`
pub(crate) async fn usage(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_memory(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetMemoryUsage, asked).await?;
    let AskedMemory { visibility, scope_id, user_id, .. } = asked;
    let message = GetMemoryUsageRequest { visibility, scope_id, user_id };
    let call = |mut client: Client, request| async move { client.get_memory_usage(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), memory_usage(&answer.usage.unwrap_or_default())))
}

/// The conversation and the turn in the path as they are; what cannot be their ids wrote nothing.
fn origin(uri: &Uri) -> (String, String) {
    let rest = uri.path().strip_prefix(ORIGIN_PREFIX).unwrap_or_default();
    let mut ids = rest.split('/').map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned());
    (ids.next().unwrap_or_default(), ids.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_two_segments_of_the_path() {
        let found = origin(&Uri::from_static("/v1/memory/origin/0195/a%2Fb?user_id=ann"));
        assert_eq!(found, ("0195".to_owned(), "a/b".to_owned()));
    }
}
