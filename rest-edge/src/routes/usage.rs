//! Usage.

use axum::response::Response;
use gateway_proto::Rpc;
use gateway_proto::v1::usage_service_client::UsageServiceClient;

use super::{Inbound, json};
use crate::admission::or_end_at_fields;
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::state::Edge;
use crate::usage::{asked_usage, usage};

/// `GET /v1/usage`
pub(crate) async fn get(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_usage(&inbound.head.uri);
    let message = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetUsage, asked).await?;
    let call = |mut client: UsageServiceClient<CoreChannel>, request| async move { client.get_usage(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), usage(&answer)))
}
