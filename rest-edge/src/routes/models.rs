//! Models.

use axum::response::Response;
use gateway_proto::ErrorCode;
use gateway_proto::v1::model_service_client::ModelServiceClient;
use gateway_proto::v1::{GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse};
use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::{Inbound, json_of};
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::openai;
use crate::state::Edge;

/// The path before a model's alias.
const PREFIX: &str = "/v1/models/";

/// `GET /v1/models`
pub(crate) async fn list(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let (models, headers) = all(&edge, &inbound.outgoing).await?;
    json_of(headers, &openai::model_list(&models.models))
}

/// `GET /v1/info`
pub(crate) async fn info(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let (models, headers) = all(&edge, &inbound.outgoing).await?;
    json_of(headers, &openai::info(&models.models))
}

/// `GET /v1/models/{alias}`: the alias is the rest of the path.
pub(crate) async fn get(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let path = inbound.head.uri.path();
    let written = path.strip_prefix(PREFIX).unwrap_or_default();
    // Official SDKs escape a slash within an alias, people do not.
    let unescaped = percent_decode_str(written).decode_utf8_lossy();
    let (found, headers) = match one(&edge, &inbound.outgoing, &unescaped).await {
        Err(failure) if failure.error.code() == ErrorCode::ModelNotInAllowlist && unescaped != written => {
            one(&edge, &inbound.outgoing, written).await?
        }
        answer => answer?,
    };
    json_of(headers, &openai::model(&found.model.unwrap_or_default()))
}

async fn all(edge: &Edge, outgoing: &HeaderMap) -> Result<(ListModelsResponse, HeaderMap), Failure> {
    let call = |mut client: ModelServiceClient<CoreChannel>, request| async move { client.list_models(request).await };
    let answer = edge.core.call(outgoing.clone(), ListModelsRequest {}, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    Ok((answer, incoming(metadata)))
}

async fn one(edge: &Edge, outgoing: &HeaderMap, alias: &str) -> Result<(GetModelResponse, HeaderMap), Failure> {
    let call = |mut client: ModelServiceClient<CoreChannel>, request| async move { client.get_model(request).await };
    let question = GetModelRequest { alias: alias.to_owned() };
    let answer = edge.core.call(outgoing.clone(), question, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    Ok((answer, incoming(metadata)))
}
