//! One example for each error, made by the same code that writes the errors themselves.

use gateway_proto::{ApiError, ErrorCode};
use serde_json::{Map, Value, json};

use super::route::Route;
use crate::error::envelope;

/// The id in every example.
const REQUEST_ID: &str = "019f1c2e-5b7a-7c3d-8e4f-5a6b7c8d9e0f";

/// Where a route has the fields that can be wrong.
#[derive(Clone, Copy)]
enum Fields {
    Body,
    Headers,
}

/// The examples of all errors that these routes can answer, by name. `public_url` is the base of their links.
pub(super) fn error_examples(routes: &[Route], public_url: &str) -> Map<String, Value> {
    let examples = routes.iter().flat_map(|route| {
        route.errors().map(move |code| (error_example_name(route, code), example(code, fields(route), public_url)))
    });
    examples.collect()
}

/// The name of the example for an error of a route.
pub(super) fn error_example_name(route: &Route, code: ErrorCode) -> String {
    let place = match (code, fields(route)) {
        (ErrorCode::MissingField | ErrorCode::InvalidField, Fields::Body) => ".body",
        (ErrorCode::MissingField | ErrorCode::InvalidField, Fields::Headers) => ".headers",
        _ => "",
    };
    format!("error.{}{place}", code.facts().code)
}

fn fields(route: &Route) -> Fields {
    if route.facts.request.is_some() { Fields::Body } else { Fields::Headers }
}

fn example(code: ErrorCode, fields: Fields, public_url: &str) -> Value {
    let facts = code.facts();
    let envelope = envelope(&error(code, fields), REQUEST_ID, public_url);
    json!({
        "summary": facts.title,
        "description": facts.remediation,
        // The envelope is JSON, which a test proves.
        "value": serde_json::from_slice::<Value>(&envelope).unwrap_or_default(),
    })
}

fn error(code: ErrorCode, fields: Fields) -> ApiError {
    match (code, fields) {
        // These two are about any field, so that the catalog has no words for one.
        (ErrorCode::MissingField, Fields::Body) => ApiError::missing_field("messages"),
        (ErrorCode::MissingField, Fields::Headers) => ApiError::missing_field("headers.x-tenant-id"),
        (ErrorCode::InvalidField, Fields::Body) => {
            ApiError::invalid_field("temperature", "'temperature' must be from 0 to 2, not 3.")
        }
        (ErrorCode::InvalidField, Fields::Headers) => ApiError::invalid_field(
            "headers.spass-user-id",
            "'headers.spass-user-id' must be 1 to 128 visible ASCII characters.",
        ),
        (ErrorCode::OpenrouterDailyQuotaExhausted, _) => {
            of_catalog(code).with_metadata("available_fallbacks", r#"["mistral-small-4"]"#)
        }
        (code, _) => of_catalog(code),
    }
}

/// What the catalog says of a code, as an error.
fn of_catalog(code: ErrorCode) -> ApiError {
    let facts = code.facts();
    let error = ApiError::new(code, facts.description);
    match facts.typical_param {
        // The catalog leaves open which element it is.
        Some(param) => error.with_param(param.replace("[]", "[0]")),
        None => error,
    }
}
