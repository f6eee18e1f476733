//! Paths, and methods on paths, that are not there.

use axum::extract::{Request, State};
use axum::response::Response;
use gateway_proto::{ApiError, ErrorCode};
use http::Method;

use super::Inbound;
use crate::error::Failure;
use crate::state::Edge;

/// How much of a path a message repeats.
const MAX_PATH_CHARS: usize = 100;

/// Any path, or method on a path, that is not there.
pub(crate) async fn answer(State(edge): State<Edge>, request: Request) -> Response {
    let path: String = request.uri().path().chars().take(MAX_PATH_CHARS).collect();
    let method = request.method();
    let message = match hint(method, request.uri().path()) {
        Some(hint) => format!("There is no route {method} {path}. {hint}"),
        None => format!("There is no route {method} {path}. GET /openapi.json lists all."),
    };
    let (_, id) = Inbound::new(request);
    let error = ApiError::new(ErrorCode::RouteNotFound, message);
    Failure::from(error).into_response(id.to_str().unwrap_or_default(), &edge.public_url)
}

/// What was probably meant.
fn hint(method: &Method, path: &str) -> Option<String> {
    let chat = "Chat is at POST /v1/chat/completions.";
    let turn = "A turn of a stored conversation is at POST /c1/chat.";
    let conversations = "Conversations are at GET /c1/conversations; one begins with its first turn, POST /c1/chat.";
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
        "/c1/models" => "Models are at GET /v1/models.".to_owned(),
        "/c1/chat" | "/c1/chat/completions" if method != Method::POST => turn.to_owned(),
        "/c1/completions" | "/c1/c1/chat/completions" => format!("{turn} The base URL of an SDK ends in /c1."),
        "/c1/conversations" if method != Method::GET => conversations.to_owned(),
        "/c1" | "/c1/conversation" | "/conversations" | "/v1/conversations" => conversations.to_owned(),
        "/health" | "/livez" => "Liveness is at GET /healthz, readiness at GET /readyz.".to_owned(),
        "/metrics" => "Metrics are served on a listener of their own, METRICS_LISTEN.".to_owned(),
        _ if trimmed != path && !trimmed.is_empty() => format!("Paths have no slash at their end; try {trimmed}."),
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_told_where_it_is() {
        for (method, path, found) in [
            (Method::GET, "/c1/chat", "POST /c1/chat."),
            (Method::GET, "/c1/chat/completions", "POST /c1/chat."),
            (Method::POST, "/c1/c1/chat/completions", "ends in /c1"),
            (Method::GET, "/c1/conversation", "GET /c1/conversations;"),
            (Method::POST, "/c1/conversations", "first turn, POST /c1/chat."),
            (Method::GET, "/c1/models", "GET /v1/models."),
            (Method::POST, "/c1/chat/", "try /c1/chat."),
            (Method::GET, "/v1/chat/completions", "POST /v1/chat/completions."),
        ] {
            let hint = hint(&method, path).unwrap_or_default();
            assert!(hint.contains(found), "{method} {path}: {hint}");
        }
        assert_eq!(hint(&Method::GET, "/c1/nothing"), None);
    }
}
