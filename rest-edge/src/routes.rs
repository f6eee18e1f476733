//! The handlers, one family of routes a file. Each takes a request apart, asks the core, and writes the answer.

pub(crate) mod chat_completions;
pub(crate) mod error_page;
pub(crate) mod errors;
pub(crate) mod health;
pub(crate) mod models;
pub(crate) mod openapi;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use gateway_proto::{ApiError, ErrorCode};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, request};
use serde::Serialize;

use crate::core_client::outgoing;
use crate::error::Failure;
use crate::state::Edge;

/// How much of a path a message repeats.
const MAX_PATH_CHARS: usize = 100;

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

/// Any path, or method on a path, that is not there.
pub(crate) async fn not_found(State(edge): State<Edge>, request: Request) -> Response {
    let path: String = request.uri().path().chars().take(MAX_PATH_CHARS).collect();
    let method = request.method();
    let message = match hint(method, request.uri().path()) {
        Some(hint) => format!("There is no route {method} {path}. {hint}"),
        None => format!("There is no route {method} {path}. GET /openapi.json lists all."),
    };
    let (_, id) = Inbound::new(request);
    let error = ApiError::new(ErrorCode::RouteNotFound, message);
    Failure::from(error).into_response(id.to_str().unwrap_or_default(), &edge.public_url).into_response()
}

/// What was probably meant.
fn hint(method: &Method, path: &str) -> Option<String> {
    let chat = "Chat is at POST /v1/chat/completions.";
    let trimmed = path.trim_end_matches('/');
    let hint = match trimmed {
        "/v1/responses" => format!("The Responses API is not offered. {chat}"),
        "/v1/completions" => format!("The older completions API is not offered. {chat}"),
        "/v1/embeddings" => format!("Embeddings are not offered. {chat}"),
        "/v1/chat/completions" if method != Method::POST => chat.to_owned(),
        "/chat/completions" | "/v1/chat" | "/completions" | "/v1/v1/chat/completions" => {
            format!("{chat} The base URL of an SDK ends in /v1.")
        }
        "/models" | "/v1/v1/models" => "Models are at GET /v1/models. The base URL of an SDK ends in /v1.".to_owned(),
        "/health" | "/livez" => "Liveness is at GET /healthz, readiness at GET /readyz.".to_owned(),
        "/metrics" => "Metrics are served on a listener of their own, METRICS_LISTEN.".to_owned(),
        _ if trimmed != path && !trimmed.is_empty() => format!("Paths have no slash at their end; try {trimmed}."),
        _ => return None,
    };
    Some(hint)
}
