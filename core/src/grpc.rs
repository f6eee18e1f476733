//! The services on offer. Each adapter converts in, calls, converts out, and decides nothing.

mod chat;
mod convert;
mod error_catalog;
mod identity;
mod models;
mod readiness;

use std::error::Error;

use gateway_auth::Caller;
use gateway_proto::v1::chat_service_server::ChatServiceServer;
use gateway_proto::v1::error_catalog_service_server::ErrorCatalogServiceServer;
use gateway_proto::v1::identity_service_server::IdentityServiceServer;
use gateway_proto::v1::model_service_server::ModelServiceServer;
use gateway_proto::v1::readiness_service_server::ReadinessServiceServer;
use gateway_proto::{ApiError, Rpc};
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tonic::{Request, Status};

use crate::call::{Call, Deadline, RequestId};
use crate::gate::{Identity, identify, permit};
use crate::shared::Shared;

/// What each adapter is made of.
#[derive(Clone, Debug)]
struct Adapter {
    shared: Shared,
}

/// All services of the contract.
pub(crate) fn routes(shared: &Shared) -> Routes {
    let adapter = || Adapter { shared: shared.clone() };
    let limit = shared.max_message_bytes();
    // A macro, since the generated servers share these methods and no trait.
    macro_rules! with_limits {
        ($Server:ident) => {
            $Server::new(adapter())
                .max_decoding_message_size(limit)
                .max_encoding_message_size(usize::MAX)
                .accept_compressed(Gzip)
        };
    }
    Routes::new(with_limits!(ChatServiceServer))
        .add_service(with_limits!(ModelServiceServer))
        .add_service(with_limits!(ErrorCatalogServiceServer))
        .add_service(with_limits!(IdentityServiceServer))
        .add_service(with_limits!(ReadinessServiceServer))
}

impl Adapter {
    /// The call behind a request that the layers let in, once its identity and scope hold.
    fn open<M>(&self, request: Request<M>, rpc: Rpc) -> Result<(Call, Identity, M), Status> {
        let (call, headers, message) = self.admitted(request)?;
        let identity = identify(&headers).and_then(|identity| permit(&call.caller, rpc).map(|()| identity));
        let identity = identity.map_err(|error| self.fail(&call.request_id, error))?;
        Ok((call, identity, message))
    }

    /// The call behind a request that the layers let in, its identity and scope not yet looked at.
    fn admitted<M>(&self, request: Request<M>) -> Result<(Call, http::HeaderMap, M), Status> {
        let (metadata, mut extensions, message) = request.into_parts();
        let headers = metadata.into_headers();
        let request_id = extensions.remove().unwrap_or_else(|| RequestId::of(&headers));
        let deadline = extensions.get().map(|Deadline(deadline)| *deadline);
        let Some(caller) = extensions.remove::<Caller>() else {
            return Err(
                self.fail(&request_id, ApiError::internal("an RPC that needs a caller was reached without one"))
            );
        };
        Ok((Call { request_id, caller, deadline }, headers, message))
    }

    /// The status of an error. This is where a failure of our own is logged, once.
    fn fail(&self, request_id: &RequestId, error: ApiError) -> Status {
        let facts = error.code().facts();
        let id = request_id.as_str();
        metrics::counter!("gateway_errors_total", "code" => facts.code).increment(1);
        match error.source() {
            Some(_) if facts.http_status == 500 => {
                tracing::error!(request_id = id, code = facts.code, cause = chain(&error), "request {id} failed");
            }
            Some(_) => tracing::warn!(request_id = id, code = facts.code, cause = chain(&error), "request {id} failed"),
            None => tracing::debug!(request_id = id, code = facts.code, "request {id} refused"),
        }
        error.to_status(id, self.shared.docs_url())
    }
}

/// An error with its causes, for the log.
fn chain(error: &ApiError) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
