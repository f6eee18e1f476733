//! Why a server could not be asked, for the log. What a server says itself stays out of it: it may repeat what it was sent,
//! a secret among it.

use std::error::Error;

use rmcp::ErrorData;
use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::streamable_http_client::StreamableHttpError;

use crate::causes::causes;

/// Why there is no session.
pub(super) fn of_start(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::JsonRpcError(error) => of_refusal(error),
        ClientInitializeError::TransportError { error, .. } => of_transport(error.error.as_ref()),
        _ => "it does not begin a session as an MCP server does".to_owned(),
    }
}

/// Why a request has no answer.
pub(super) fn of_request(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => of_refusal(error),
        ServiceError::TransportSend(error) => of_transport(error.error.as_ref()),
        ServiceError::TransportClosed => "the connection was closed".to_owned(),
        _ => "it does not answer as an MCP server does".to_owned(),
    }
}

fn of_refusal(error: &ErrorData) -> String {
    format!("it answers with the error {}", error.code.0)
}

fn of_transport(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
        Some(StreamableHttpError::Client(error)) => format!("{error}: {}", causes(error)),
        Some(StreamableHttpError::HttpStatus(error)) => format!("it answers with the status {}", error.status),
        Some(StreamableHttpError::AuthRequired(_)) => "it answers with the status 401".to_owned(),
        Some(StreamableHttpError::InsufficientScope(_)) => "it answers with the status 403".to_owned(),
        Some(StreamableHttpError::ResponseBodyTooLarge { .. }) => "its answer is too large".to_owned(),
        _ => "it does not answer as an MCP server does".to_owned(),
    }
}
