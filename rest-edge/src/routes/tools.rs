//! The tools that the gateway runs itself.

use axum::response::Response;
use gateway_proto::Rpc;
use gateway_proto::v1::ListToolsRequest;
use gateway_proto::v1::tool_service_client::ToolServiceClient;

use super::{Inbound, json};
use crate::admission::or_end_at_fields;
use crate::body::read_json;
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::query::Query;
use crate::state::Edge;
use crate::tools::{execute_request, executed, tool_list};

type Client = ToolServiceClient<CoreChannel>;

/// `GET /v1/tools`
pub(crate) async fn list(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let call = |mut client: Client, request| async move { client.list_tools(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, ListToolsRequest {}, call).await?.into_parts();
    Ok(json(incoming(metadata), tool_list(&answer)))
}

/// `POST /v1/tools/execute`
pub(crate) async fn execute(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    const RPC: Rpc = Rpc::ExecuteTool;
    let Inbound { head, body, outgoing } = inbound;
    let mut message = read_json(&edge, &outgoing, &head, body, RPC, execute_request).await?.content;
    let user_id = Query::of(&head.uri).user_id_beside(message.user_id);
    message.user_id = or_end_at_fields(&edge, &outgoing, RPC, user_id).await?;
    let call = |mut client: Client, request| async move { client.execute_tool(request).await };
    let (metadata, answer, _) = edge.core.call(outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), executed(&answer)))
}
