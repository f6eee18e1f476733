//! A tool that a caller runs by itself.

use std::sync::Arc;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::v1::ExecuteToolResponse;
use gateway_storage::KeyClaim;
use prost::Message;

use super::{Tool, ToolContext, run};
use crate::domain::fields::json_field;
use crate::turn::once;

/// Runs a tool; under a key once.
pub async fn execute(
    context: ToolContext,
    name: &str,
    arguments: Bytes,
    key: Option<KeyClaim>,
) -> Result<ExecuteToolResponse, ApiError> {
    if name.is_empty() {
        return Err(ApiError::missing_field("name"));
    }
    let tool = context.shared.tools().find(context.call.caller.token(), name).ok_or_else(|| not_found(name))?;
    json_field("arguments", &arguments, |reader| reader.object_value().map(drop))?;
    let Some(key) = key else { return executed(&*tool, &context, &arguments).await };
    let (shared, owner) = (context.shared.clone(), context.owner.clone());
    let work = async move { executed_bytes(tool, context, arguments).await };
    let stored = once(&shared, &owner, key, work).await?;
    ExecuteToolResponse::decode(stored).map_err(ApiError::internal)
}

async fn executed_bytes(tool: Arc<dyn Tool>, context: ToolContext, arguments: Bytes) -> Result<Bytes, ApiError> {
    executed(&*tool, &context, &arguments).await.map(|executed| executed.encode_to_vec().into())
}

async fn executed(tool: &dyn Tool, context: &ToolContext, arguments: &[u8]) -> Result<ExecuteToolResponse, ApiError> {
    let output = run(tool, context, None, arguments).await?;
    Ok(ExecuteToolResponse { name: tool.facts().name.clone(), result_json: output.json, is_error: output.is_error })
}

fn not_found(name: &str) -> ApiError {
    let name: String = name.chars().take(64).collect();
    ApiError::invalid_field("name", format!("There is no tool '{name}'; GET /v1/tools lists those that you may use."))
        .with_resource("tool", name)
}
