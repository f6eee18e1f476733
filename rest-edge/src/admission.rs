//! The core's error wins: before the edge ends a request with an error of its own, and before it reads a large body, it
//! asks the core whether it lets the caller in at all.

use gateway_proto::v1::identity_service_client::IdentityServiceClient;
use gateway_proto::v1::{RequestEnd, WhoAmIRequest, WhoAmIResponse};
use gateway_proto::{ApiError, ErrorCode, Rpc};
use http::HeaderMap;

use crate::core_client::{CoreChannel, incoming};
use crate::error::Failure;
use crate::state::Edge;

/// Ends a request with a fault of its body, unless the core has something against the caller first.
pub(crate) async fn end_at_body(edge: &Edge, outgoing: &HeaderMap, error: ApiError) -> Failure {
    end(edge, outgoing, RequestEnd::AtBody, None, error).await
}

/// Ends a request with a fault of a field, unless the core has something against the caller first.
pub(crate) async fn end_at_fields(edge: &Edge, outgoing: &HeaderMap, rpc: Rpc, error: ApiError) -> Failure {
    end(edge, outgoing, RequestEnd::AtFields, Some(rpc), error).await
}

/// What was read of the fields of a request, or its end with the fault that was found.
pub(crate) async fn or_end_at_fields<T>(
    edge: &Edge,
    outgoing: &HeaderMap,
    rpc: Rpc,
    read: Result<T, ApiError>,
) -> Result<T, Failure> {
    match read {
        Ok(read) => Ok(read),
        Err(error) => Err(end_at_fields(edge, outgoing, rpc, error).await),
    }
}

/// Asks the core whether a body is worth reading. What is wrong with its identity or scope is told after the body is
/// read, in the order of checks.
pub(crate) async fn ask_before_reading(edge: &Edge, outgoing: &HeaderMap, rpc: Rpc) -> Result<(), Failure> {
    let (answer, _) = who_am_i(edge, outgoing, Some(rpc), RequestEnd::Unspecified).await?;
    let is_limited =
        answer.admission.is_some_and(|admission| admission.code == ErrorCode::RateLimitExceeded.facts().code);
    if is_limited {
        // The refusal itself comes from the core; a token that has come back meanwhile lets the request go on.
        who_am_i(edge, outgoing, None, RequestEnd::AtBody).await?;
    }
    Ok(())
}

async fn end(edge: &Edge, outgoing: &HeaderMap, at: RequestEnd, rpc: Option<Rpc>, error: ApiError) -> Failure {
    match who_am_i(edge, outgoing, rpc, at).await {
        Ok((_, headers)) => Failure { error, headers },
        Err(failure) => failure,
    }
}

async fn who_am_i(
    edge: &Edge,
    outgoing: &HeaderMap,
    rpc: Option<Rpc>,
    at: RequestEnd,
) -> Result<(WhoAmIResponse, HeaderMap), Failure> {
    let rpc = rpc.map(|rpc| rpc.path().trim_start_matches('/').to_owned()).unwrap_or_default();
    let question = WhoAmIRequest { rpc, request_end: at.into() };
    let call = |mut client: IdentityServiceClient<CoreChannel>, request| async move { client.who_am_i(request).await };
    let answer = edge.core.call(outgoing.clone(), question, call).await?;
    let (metadata, answer, _) = answer.into_parts();
    Ok((answer, incoming(metadata)))
}
