//! The OpenAPI document.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::state::Edge;

/// `GET /openapi.json`
pub(crate) async fn document(State(edge): State<Edge>) -> Response {
    ([(CONTENT_TYPE, "application/json")], edge.openapi.clone()).into_response()
}
