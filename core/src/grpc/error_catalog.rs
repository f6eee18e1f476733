//! ErrorCatalogService.

use gateway_proto::v1::error_catalog_service_server::ErrorCatalogService;
use gateway_proto::v1::{ErrorEntry, GetErrorRequest, GetErrorResponse, ListErrorsRequest, ListErrorsResponse};
use gateway_proto::{ApiError, ErrorCode};
use tonic::{Request, Response, Status, async_trait};

use super::Adapter;
use crate::call::{CallParts, RequestId};

/// The version of the catalog's form.
const VERSION: u32 = 1;

#[async_trait]
impl ErrorCatalogService for Adapter {
    async fn list_errors(&self, _: Request<ListErrorsRequest>) -> Result<Response<ListErrorsResponse>, Status> {
        let entries = ErrorCode::ALL.iter().copied().map(entry).collect();
        Ok(Response::new(ListErrorsResponse { version: VERSION, entries }))
    }

    async fn get_error(&self, request: Request<GetErrorRequest>) -> Result<Response<GetErrorResponse>, Status> {
        match ErrorCode::from_code(&request.get_ref().code) {
            Some(code) => Ok(Response::new(GetErrorResponse { entry: Some(entry(code)) })),
            None => {
                let id = request.extensions().get::<CallParts>().map(|parts| parts.request_id.clone());
                let id = id.unwrap_or_else(|| RequestId::of(&http::HeaderMap::new()));
                let error =
                    ApiError::new(ErrorCode::RouteNotFound, "There is no such error code; GET /errors lists all.");
                Err(self.fail(&id, error))
            }
        }
    }
}

fn entry(code: ErrorCode) -> ErrorEntry {
    let facts = code.facts();
    let wires: &[&str] = if facts.http_only { &["http"] } else { &["http", "grpc"] };
    ErrorEntry {
        code: facts.code.to_owned(),
        r#type: facts.error_type.to_owned(),
        http_status: facts.http_status.into(),
        grpc_status: facts.grpc_status.to_owned(),
        title: facts.title.to_owned(),
        description: facts.description.to_owned(),
        remediation: facts.remediation.to_owned(),
        typical_param: facts.typical_param.map(str::to_owned),
        retryable: facts.retryable,
        wires: wires.iter().map(|wire| (*wire).to_owned()).collect(),
    }
}
