//! Every failure as the one envelope.

use axum::body::Body;
use axum::response::Response;
use gateway_proto::json::Writer;
use gateway_proto::{ApiError, ErrorCode};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Carries the code of every error response.
pub(crate) const X_ERROR_CODE: HeaderName = HeaderName::from_static("x-error-code");
/// Tells official SDKs whether to send the request again by themselves.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// A request that failed: why, and what the core wants told in headers.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ApiError,
    pub(crate) headers: HeaderMap,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self { error, headers: HeaderMap::new() }
    }
}

impl Failure {
    /// The response, for the request of this id; `public_url` is the base of its link.
    pub(crate) fn into_response(self, request_id: &str, public_url: &str) -> Response {
        self.into_raw(request_id, public_url).map(Body::from)
    }

    /// The response with its body as bytes.
    pub(crate) fn into_raw(self, request_id: &str, public_url: &str) -> http::Response<Vec<u8>> {
        count(&self.error);
        self.into_sample(request_id, public_url)
    }

    /// The same where nothing failed, for a page that shows it.
    pub(crate) fn into_sample(self, request_id: &str, public_url: &str) -> http::Response<Vec<u8>> {
        let Self { error, mut headers } = self;
        let facts = error.code().facts();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(X_ERROR_CODE, HeaderValue::from_static(facts.code));
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static(if error.retryable() { "true" } else { "false" }));
        if facts.http_status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = error.retry_after() {
            // Whole seconds, rounded up: a client that waits as told is not told to wait again.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        let mut response = http::Response::new(envelope(&error, request_id, public_url));
        *response.status_mut() = StatusCode::from_u16(facts.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }
}

fn count(error: &ApiError) {
    metrics::counter!("gateway_http_errors_total", "code" => error.code().facts().code).increment(1);
}

/// `{"error":{...}}`.
pub(crate) fn envelope(error: &ApiError, request_id: &str, public_url: &str) -> Vec<u8> {
    let mut writer = Writer::with_capacity(512);
    write_envelope(&mut writer, error, request_id, public_url);
    writer.finish()
}

/// Writes an error that came after the head was sent.
pub(crate) fn write_late_error(writer: &mut Writer, error: &ApiError, request_id: &str, public_url: &str) {
    count(error);
    write_envelope(writer, error, request_id, public_url);
}

/// Writes `{"error":{...}}`.
fn write_envelope(writer: &mut Writer, error: &ApiError, request_id: &str, public_url: &str) {
    let facts = error.code().facts();
    writer.begin_object();
    writer.name("error");
    writer.begin_object();
    writer.optional_string("type", Some(facts.error_type));
    writer.optional_string("code", Some(facts.code));
    writer.optional_string("message", Some(error.message()));
    writer.optional_string("param", error.param());
    if error.code() == ErrorCode::OpenrouterDailyQuotaExhausted {
        writer.name("available_fallbacks");
        // The core sends the list as JSON, since an alias may hold any visible character.
        writer.raw(error.metadata("available_fallbacks").unwrap_or("[]").as_bytes());
    }
    writer.optional_string("doc_url", Some(&format!("{public_url}/docs/errors#{}", facts.code)));
    writer.optional_string("request_id", Some(request_id));
    writer.end_object();
    writer.end_object();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    #[test]
    fn the_envelope_holds_what_the_contract_says() {
        let error = ApiError::invalid_field("messages[0].role", "It is \"wrong\".");
        let body: Value = serde_json::from_slice(&envelope(&error, "r1", "https://g.example")).unwrap();
        assert_eq!(
            body,
            json!({"error": {
                "type": "invalid_request_error", "code": "invalid_field", "message": "It is \"wrong\".",
                "param": "messages[0].role", "doc_url": "https://g.example/docs/errors#invalid_field", "request_id": "r1",
            }})
        );
        let body: Value = serde_json::from_slice(&envelope(&ApiError::internal("secret"), "r1", "")).unwrap();
        assert_eq!(body["error"].get("param"), None);
        assert!(!body.to_string().contains("secret"));
    }

    #[test]
    fn headers_tell_programs_what_to_do() {
        let error = ApiError::new(ErrorCode::RateLimitExceeded, "Wait.").with_retry_after(Duration::from_millis(1200));
        let response = Failure::from(error).into_response("r", "");
        assert_eq!(response.status(), 429);
        assert_eq!(header(&response, "retry-after"), Some("2"));
        assert_eq!(header(&response, "x-should-retry"), Some("true"));
        assert_eq!(header(&response, "x-error-code"), Some("rate_limit_exceeded"));
        let response = Failure::from(ApiError::new(ErrorCode::MissingAuthorization, "No.")).into_response("r", "");
        assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, Some("Bearer")));
        assert_eq!(header(&response, "x-should-retry"), Some("false"));
        assert_eq!(header(&response, "retry-after"), None);
    }

    #[test]
    fn fallbacks_are_listed_only_where_the_code_says_so() {
        let error = ApiError::new(ErrorCode::OpenrouterDailyQuotaExhausted, "Spent.")
            .with_metadata("available_fallbacks", r#"["a","org/b"]"#);
        let body: Value = serde_json::from_slice(&envelope(&error, "r", "")).unwrap();
        assert_eq!(body["error"]["available_fallbacks"], json!(["a", "org/b"]));
    }
}
