//! System prompts.

use axum::response::{IntoResponse, Response};
use gateway_proto::Rpc;
use gateway_proto::v1::system_prompt_service_client::SystemPromptServiceClient;
use gateway_proto::v1::{
    DeleteSystemPromptVersionRequest, GetEffectiveSystemPromptRequest, GetSystemPromptRequest,
    GetSystemPromptVersionRequest, PutSystemPromptRequest, SetCurrentSystemPromptVersionRequest,
    UnsetSystemPromptRequest,
};
use http::StatusCode;

use super::{Inbound, json};
use crate::admission::or_end_at_fields;
use crate::body::read_json;
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::query::Query;
use crate::state::Edge;
use crate::system_prompts::{
    AskedPrompt, asked_prompt, asked_version, asked_versions, effective_system_prompt, level, new_prompt,
    system_prompt, system_prompt_list,
};

type Client = SystemPromptServiceClient<CoreChannel>;

/// `PUT /v1/system-prompts/{level}`
pub(crate) async fn put(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    const RPC: Rpc = Rpc::PutSystemPrompt;
    let Inbound { head, body, outgoing } = inbound;
    let body = read_json(&edge, &outgoing, &head, body, RPC, new_prompt).await?;
    let asked = body.content;
    let query = Query::of(&head.uri);
    let user_id = or_end_at_fields(&edge, &outgoing, RPC, query.user_id_beside(asked.user_id)).await?;
    let scope_id = or_end_at_fields(&edge, &outgoing, RPC, query.scope_beside(asked.scope_id)).await?;
    let message = PutSystemPromptRequest { level: level(&head.uri), user_id, scope_id, ..asked };
    let call = |mut client: Client, request| async move { client.put_system_prompt(request).await };
    let (metadata, answer, _) = edge.core.call(outgoing, message, call).await?.into_parts();
    let mut response = json(incoming(metadata), system_prompt(&answer.prompt.unwrap_or_default()));
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// `GET /v1/system-prompts/{level}`
pub(crate) async fn get(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_prompt(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetSystemPrompt, asked).await?;
    let AskedPrompt { level, scope_id, user_id } = asked;
    let message = GetSystemPromptRequest { level, scope_id, user_id };
    let call = |mut client: Client, request| async move { client.get_system_prompt(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), system_prompt(&answer.prompt.unwrap_or_default())))
}

/// `DELETE /v1/system-prompts/{level}`
pub(crate) async fn unset(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_prompt(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::UnsetSystemPrompt, asked).await?;
    let AskedPrompt { level, scope_id, user_id } = asked;
    let message = UnsetSystemPromptRequest { level, scope_id, user_id };
    let call = |mut client: Client, request| async move { client.unset_system_prompt(request).await };
    let (metadata, _, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok((StatusCode::NO_CONTENT, incoming(metadata)).into_response())
}

/// `GET /v1/system-prompts/{level}/versions`
pub(crate) async fn list(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_versions(&inbound.head.uri);
    let message = or_end_at_fields(&edge, &inbound.outgoing, Rpc::ListSystemPromptVersions, asked).await?;
    let call = |mut client: Client, request| async move { client.list_system_prompt_versions(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), system_prompt_list(&answer)))
}

/// `GET /v1/system-prompts/{level}/v/{version}`
pub(crate) async fn get_version(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_version(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetSystemPromptVersion, asked).await?;
    let (AskedPrompt { level, scope_id, user_id }, version) = asked;
    let message = GetSystemPromptVersionRequest { level, version, scope_id, user_id };
    let call = |mut client: Client, request| async move { client.get_system_prompt_version(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), system_prompt(&answer.prompt.unwrap_or_default())))
}

/// `PUT /v1/system-prompts/{level}/current/{version}`
pub(crate) async fn set_current(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_version(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::SetCurrentSystemPromptVersion, asked).await?;
    let (AskedPrompt { level, scope_id, user_id }, version) = asked;
    let message = SetCurrentSystemPromptVersionRequest { level, version, scope_id, user_id };
    let call = |mut client: Client, request| async move { client.set_current_system_prompt_version(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), system_prompt(&answer.prompt.unwrap_or_default())))
}

/// `DELETE /v1/system-prompts/{level}/v/{version}`
pub(crate) async fn delete(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_version(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::DeleteSystemPromptVersion, asked).await?;
    let (AskedPrompt { level, scope_id, user_id }, version) = asked;
    let message = DeleteSystemPromptVersionRequest { level, version, scope_id, user_id };
    let call = |mut client: Client, request| async move { client.delete_system_prompt_version(request).await };
    let (metadata, _, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok((StatusCode::NO_CONTENT, incoming(metadata)).into_response())
}

/// `GET /v1/system-prompts/effective`
pub(crate) async fn effective(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let asked = asked_prompt(&inbound.head.uri);
    let asked = or_end_at_fields(&edge, &inbound.outgoing, Rpc::GetEffectiveSystemPrompt, asked).await?;
    let message = GetEffectiveSystemPromptRequest { scope_id: asked.scope_id, user_id: asked.user_id };
    let call = |mut client: Client, request| async move { client.get_effective_system_prompt(request).await };
    let (metadata, answer, _) = edge.core.call(inbound.outgoing, message, call).await?.into_parts();
    Ok(json(incoming(metadata), effective_system_prompt(&answer.effective.unwrap_or_default())))
}
