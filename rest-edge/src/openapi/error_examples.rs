//! One example for each error, made by the same code that writes the errors themselves.

use gateway_proto::{ApiError, ErrorCode};
use serde_json::{Map, Value, json};

use super::route::Route;
use crate::error::envelope;

/// The id in every example.
pub(crate) const REQUEST_ID: &str = "019f1c2e-5b7a-7c3d-8e4f-5a6b7c8d9e0f";

/// An example of an error.
#[derive(Clone, Copy)]
pub(super) struct ErrorExample {
    code: ErrorCode,
    /// Where the field is that is wrong, where the catalog has no words for one.
    field: Option<Field>,
}

/// A field that can be wrong.
#[derive(Clone, Copy)]
enum Field {
    OfChat,
    OfTurn,
    OfUpdate,
    OfMemory,
    OfPrompt,
    OfBucket,
    OfLevel,
    OfQuery,
    OfHeaders,
    IdempotencyKey,
}

/// The examples of all errors that these routes can answer, by name. `public_url` is the base of their links.
pub(super) fn error_examples(routes: &[Route], public_url: &str) -> Map<String, Value> {
    let of_route = |route| Route::errors(route).flat_map(move |code| error_examples_of(route, code));
    routes.iter().flat_map(of_route).map(|example| (example.name(), example.render(public_url))).collect()
}

/// An error of each code, for the page that explains them: where a field is wrong, one of a chat.
pub(crate) fn error_of(code: ErrorCode) -> ApiError {
    let is_of_field = matches!(code, ErrorCode::MissingField | ErrorCode::InvalidField);
    ErrorExample { code, field: is_of_field.then_some(Field::OfChat) }.error()
}

/// The examples for an error of a route: one, and another where it has two occasions that a client tells apart.
pub(super) fn error_examples_of(route: &Route, code: ErrorCode) -> impl Iterator<Item = ErrorExample> + use<> {
    let body = route.facts.request.as_ref().map(|request| request.content.schema);
    let has = |parameter| route.facts.parameters.contains(&parameter);
    let field = match (code, body) {
        (ErrorCode::MissingField | ErrorCode::InvalidField, Some("ChatRequest")) => Some(Field::OfChat),
        (ErrorCode::MissingField | ErrorCode::InvalidField, Some("TurnRequest")) => Some(Field::OfTurn),
        (ErrorCode::InvalidField, Some("ConversationUpdate")) => Some(Field::OfUpdate),
        (ErrorCode::MissingField | ErrorCode::InvalidField, Some("NewMemoryEntry")) => Some(Field::OfMemory),
        (ErrorCode::MissingField | ErrorCode::InvalidField, Some("NewSystemPrompt")) => Some(Field::OfPrompt),
        (ErrorCode::MissingField | ErrorCode::InvalidField, None) if has("visibility") => Some(Field::OfBucket),
        (ErrorCode::InvalidField, None) if has("level") => Some(Field::OfLevel),
        (ErrorCode::InvalidField, None) if has("limit") => Some(Field::OfQuery),
        (ErrorCode::MissingField | ErrorCode::InvalidField, _) => Some(Field::OfHeaders),
        _ => None,
    };
    let is_keyed = code == ErrorCode::InvalidField && has("Idempotency-Key");
    let of_key = is_keyed.then_some(ErrorExample { code, field: Some(Field::IdempotencyKey) });
    std::iter::once(ErrorExample { code, field }).chain(of_key)
}

impl ErrorExample {
    /// Its name among the components.
    pub(super) fn name(self) -> String {
        let place = match self.field {
            None => "",
            Some(Field::OfChat) => ".body",
            Some(Field::OfTurn) => ".turn",
            Some(Field::OfUpdate) => ".update",
            Some(Field::OfMemory) => ".memory",
            Some(Field::OfPrompt) => ".system_prompt",
            Some(Field::OfBucket) => ".bucket",
            Some(Field::OfLevel) => ".level",
            Some(Field::OfQuery) => ".query",
            Some(Field::OfHeaders) => ".headers",
            Some(Field::IdempotencyKey) => ".idempotency_key",
        };
        format!("error.{}{place}", self.code.facts().code)
    }

    /// Its name within a response.
    pub(super) fn label(self) -> String {
        let code = self.code.facts().code;
        match self.field {
            Some(Field::IdempotencyKey) => format!("{code}.idempotency_key"),
            _ => code.to_owned(),
        }
    }

    fn render(self, public_url: &str) -> Value {
        let facts = self.code.facts();
        let envelope = envelope(&self.error(), REQUEST_ID, public_url);
        json!({
            "summary": facts.title,
            "description": facts.remediation,
            // The envelope is JSON, which a test proves.
            "value": serde_json::from_slice::<Value>(&envelope).unwrap_or_default(),
        })
    }

    fn error(self) -> ApiError {
        let Some(field) = self.field else { return of_catalog(self.code) };
        match (self.code, field) {
            (ErrorCode::MissingField, Field::OfChat) => ApiError::missing_field("messages"),
            (ErrorCode::MissingField, Field::OfTurn) => ApiError::missing_field("message"),
            (ErrorCode::MissingField, Field::OfMemory) => ApiError::missing_field("key"),
            (ErrorCode::MissingField, Field::OfPrompt) => ApiError::missing_field("content"),
            (ErrorCode::MissingField, Field::OfBucket) => ApiError::missing_field("query.visibility"),
            (ErrorCode::MissingField, _) => ApiError::missing_field("headers.x-tenant-id"),
            (_, Field::OfChat) => ApiError::invalid_field("temperature", "'temperature' must be from 0 to 2, not 3."),
            (_, Field::OfTurn) => ApiError::invalid_field("n", "'n' must be 1 here: a stored turn has one answer."),
            (_, Field::OfUpdate) => ApiError::invalid_field(
                "titel",
                "'titel' cannot be set; 'title', 'metadata' and 'user_id' are what there is.",
            ),
            (_, Field::OfMemory) => ApiError::invalid_field("visibility", "'visibility' must be private or public."),
            (_, Field::OfPrompt) => ApiError::invalid_field("content", "'content' must be text without U+0000."),
            (_, Field::OfBucket) => {
                ApiError::invalid_field("query.visibility", "'query.visibility' must be private or public.")
            }
            (_, Field::OfLevel) => ApiError::invalid_field("level", "'level' must be tenant, scope or user."),
            (_, Field::OfQuery) => {
                ApiError::invalid_field("query.limit", "'query.limit' must be a whole number from 1 to 100.")
            }
            (_, Field::OfHeaders) => ApiError::invalid_field(
                "headers.spass-user-id",
                "'headers.spass-user-id' must be 1 to 128 visible ASCII characters.",
            ),
            (_, Field::IdempotencyKey) => ApiError::invalid_field(
                "headers.idempotency-key",
                "'headers.idempotency-key' was sent with another request before; send a new key.",
            ),
        }
    }
}

/// What the catalog says of a code, as an error.
fn of_catalog(code: ErrorCode) -> ApiError {
    let facts = code.facts();
    let mut error = ApiError::new(code, facts.description);
    if code == ErrorCode::OpenrouterDailyQuotaExhausted {
        error = error.with_metadata("available_fallbacks", r#"["mistral-small-4"]"#);
    }
    match facts.typical_param {
        // The catalog leaves open which element it is.
        Some(param) => error.with_param(param.replace("[]", "[0]")),
        None => error,
    }
}
