//! The handlers, one family of routes a file. Each takes a request apart, asks the core, and writes the answer.

mod chat_answers;
pub(crate) mod chat_completions;
pub(crate) mod conversations;
pub(crate) mod errors;
pub(crate) mod health;
pub(crate) mod memory;
pub(crate) mod models;
pub(crate) mod not_found;
pub(crate) mod openapi;
pub(crate) mod system_prompts;
pub(crate) mod tools;
pub(crate) mod turns;
pub(crate) mod usage;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use gateway_proto::ApiError;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, request};
use serde::Serialize;

use crate::core_client::outgoing;
use crate::error::Failure;

/// The id of a request, put there by the router.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) HeaderValue);

/// A request, taken apart.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) head: request::Parts,
    pub(crate) body: Body,
    /// What goes to the core with its calls.
    pub(crate) outgoing: HeaderMap,
}

impl Inbound {
    pub(crate) fn new(request: Request) -> (Self, HeaderValue) {
        let (mut head, body) = request.into_parts();
        let id = head.extensions.remove().map(|RequestId(id)| id);
        let id = id.unwrap_or_else(|| HeaderValue::from_static("none"));
        let outgoing = outgoing(&head.headers, &id);
        (Self { head, body, outgoing }, id)
    }
}

/// A JSON answer with the core's headers.
fn json(headers: HeaderMap, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON answer of a shape that serde writes.
fn json_of(headers: HeaderMap, shape: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_vec(shape).map_err(ApiError::internal)?;
    Ok(json(headers, body))
}

#[cfg(test)]
mod tests;
