//! The error catalog.

use axum::response::Response;
use gateway_proto::v1::error_catalog_service_client::ErrorCatalogServiceClient;
use gateway_proto::v1::{ErrorEntry, GetErrorRequest, ListErrorsRequest};
use serde::Serialize;

use super::{Inbound, json_of};
use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::state::Edge;

/// The path before a code.
const PREFIX: &str = "/errors/";

#[derive(Serialize)]
struct Catalog<'a> {
    version: u32,
    count: usize,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    r#type: &'a str,
    http_status: u32,
    title: &'a str,
    description: &'a str,
    remediation: &'a str,
    typical_param: Option<&'a str>,
    grpc_status: &'a str,
    retryable: bool,
    wires: &'a [String],
    doc_url: String,
}

/// `GET /errors`
pub(crate) async fn list(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let call =
        |mut client: ErrorCatalogServiceClient<CoreChannel>, request| async move { client.list_errors(request).await };
    let answer = edge.core.call(inbound.outgoing, ListErrorsRequest {}, call).await?;
    let (metadata, catalog, _) = answer.into_parts();
    let entries: Vec<_> = catalog.entries.iter().map(|facts| entry(facts, &edge.public_url)).collect();
    json_of(incoming(metadata), &Catalog { version: catalog.version, count: entries.len(), entries })
}

/// `GET /errors/{code}`
pub(crate) async fn get(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let code = inbound.head.uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let call =
        |mut client: ErrorCatalogServiceClient<CoreChannel>, request| async move { client.get_error(request).await };
    let answer = edge.core.call(inbound.outgoing, GetErrorRequest { code }, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    json_of(incoming(metadata), &entry(&answer.entry.unwrap_or_default(), &edge.public_url))
}

fn entry<'a>(facts: &'a ErrorEntry, public_url: &str) -> Entry<'a> {
    Entry {
        code: &facts.code,
        r#type: &facts.r#type,
        http_status: facts.http_status,
        title: &facts.title,
        description: &facts.description,
        remediation: &facts.remediation,
        typical_param: facts.typical_param.as_deref(),
        grpc_status: &facts.grpc_status,
        retryable: facts.retryable,
        wires: &facts.wires,
        doc_url: format!("{public_url}/docs/errors#{}", facts.code),
    }
}
