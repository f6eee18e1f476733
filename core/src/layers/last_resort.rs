//! Turns what no adapter answered for into our own form: a panic, and a refusal by the gRPC library itself.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use gateway_proto::{ApiError, ErrorCode, Rpc};
use tonic::{Code, Status};

use super::Response;
use crate::call::RequestId;

/// Runs a call. An error is the answer in place of a panic, or of what the library said or failed to say.
pub(super) async fn guard(
    rpc: Option<Rpc>,
    max_body_bytes: usize,
    id: &RequestId,
    answer: impl Future<Output = Result<Result<Response, Infallible>, ApiError>>,
) -> Result<Response, ApiError> {
    let Ok(answer) = AssertUnwindSafe(answer).catch_unwind().await else {
        let trace_id = id.trace_id();
        tracing::error!(request_id = id.as_str(), trace_id, "a panic ended request {}", id.as_str());
        return Err(ApiError::internal("panic"));
    };
    let Ok(response) = answer?;
    let status = if response.headers().contains_key(Status::GRPC_STATUS) {
        Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok)
    } else {
        None
    };
    let Some(status) = status else { return Ok(response) };
    match ApiError::from_status(&status) {
        // The codec knows no request id; everybody else does.
        Some(error) if error.request_id().is_none() => Err(error),
        Some(_) => Ok(response),
        // Health and reflection have errors of their own.
        None if rpc.is_none() && status.code() != Code::Unimplemented => Ok(response),
        None => Err(translate(&status, max_body_bytes)),
    }
}

/// What the library means. Its texts are its own and are not handed on.
fn translate(status: &Status, max_body_bytes: usize) -> ApiError {
    let text = status.message();
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("The request is larger than {max_body_bytes} bytes; send a smaller one."),
        )
        .with_metadata("maximum_bytes", max_body_bytes.to_string()),
        Code::Unimplemented if text.contains("compress") => ApiError::invalid_field(
            "headers.grpc-encoding",
            "The message is compressed in a way that is not supported; use gzip or none.",
        ),
        Code::Unimplemented => ApiError::new(ErrorCode::RouteNotFound, "There is no such RPC."),
        Code::Internal if text.contains("protocol error") || text.contains("compress") => {
            ApiError::invalid_field("message", "The message is not framed as gRPC frames it.")
        }
        Code::Cancelled => ApiError::new(ErrorCode::UpstreamTimeout, "The time that the caller set ran out."),
        Code::InvalidArgument => ApiError::invalid_field("message", "The call is not well formed."),
        _ => ApiError::internal(text.to_owned()),
    }
}
