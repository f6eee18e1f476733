//! What every request passes through: it gets its id, is counted and timed, and cannot take the process down.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use gateway_proto::{ApiError, metadata};
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::error::Failure;
use crate::routes::RequestId;
use crate::state::Edge;

/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID_BYTES: usize = 128;
const SPASS_REQUEST_ID: HeaderName = HeaderName::from_static(metadata::SPASS_REQUEST_ID);
const X_REQUEST_ID: HeaderName = HeaderName::from_static(metadata::X_REQUEST_ID);

/// Watches over one request.
pub(super) async fn request(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let id = request_id(request.headers());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            let text = id.to_str().unwrap_or_default();
            tracing::error!(request_id = text, "a panic ended request {text}");
            Failure::from(ApiError::internal("panic")).into_response(text, &edge.public_url)
        }
    };
    response.headers_mut().insert(SPASS_REQUEST_ID, id.clone());
    response.headers_mut().insert(X_REQUEST_ID, id);
    let status = status_class(response.status().as_u16());
    metrics::histogram!("gateway_http_request_seconds", "status" => status).record(begin.elapsed().as_secs_f64());
    response
}

fn status_class(status: u16) -> &'static str {
    match status {
        ..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        500.. => "5xx",
    }
}

/// The client's id, when it has the form `[A-Za-z0-9._:-]{1,128}`, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(SPASS_REQUEST_ID).or_else(|| headers.get(X_REQUEST_ID));
    if let Some(given) = given.filter(|given| has_form(given.as_bytes())) {
        return given.clone();
    }
    let id = Uuid::now_v7();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
        .unwrap_or_else(|_| HeaderValue::from_static("none"))
}

fn has_form(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.iter().all(allowed)
}
