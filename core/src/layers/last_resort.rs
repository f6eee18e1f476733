//! Turns what no adapter answered for into our own form: a panic, and a refusal by the gRPC library itself.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use gateway_proto::{ApiError, ErrorCode, Rpc};
use tonic::{Code, Status};
use tower::Service;

use super::{Request, Response, ResponseFuture, id_of, refuse};
use crate::call::RequestId;
use crate::shared::Shared;

#[derive(Clone)]
pub(super) struct Layer<S> {
    inner: S,
    shared: Shared,
}

impl<S> Layer<S> {
    pub(super) fn new(inner: S, shared: Shared) -> Self {
        Self { inner, shared }
    }
}

impl<S> Service<Request> for Layer<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        let id = id_of(&request);
        let is_ours = Rpc::from_path(request.uri().path()).is_some();
        let shared = self.shared.clone();
        let answer = AssertUnwindSafe(self.inner.call(request)).catch_unwind();
        Box::pin(async move {
            let Ok(answer) = answer.await else {
                tracing::error!(request_id = id.as_str(), "a panic ended request {}", id.as_str());
                return Ok(refuse(&ApiError::internal("panic"), &id, shared.docs_url()));
            };
            let response = answer?;
            Ok(in_our_form(&response, is_ours, &id, &shared).unwrap_or(response))
        })
    }
}

/// The answer in place of one that the library gave, if it did. An error of ours is a `Status` with all its details.
fn in_our_form(response: &Response, is_ours: bool, id: &RequestId, shared: &Shared) -> Option<Response> {
    let headers = response.headers();
    if !headers.contains_key(Status::GRPC_STATUS) {
        return None;
    }
    let status = Status::from_header_map(headers).filter(|status| status.code() != Code::Ok)?;
    // Health and reflection have errors of their own.
    if !is_ours && status.code() != Code::Unimplemented {
        return None;
    }
    let error = match ApiError::from_status(&status) {
        // The codec knows no request id; everybody else does.
        Some(error) if error.request_id().is_some() => return None,
        Some(error) => error,
        None => translate(&status, shared.max_body_bytes()),
    };
    Some(refuse(&error, id, shared.docs_url()))
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
