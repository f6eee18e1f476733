//! The one form of an error, and its one conversion to and from a gRPC status.
//!
//! Nothing else in the workspace touches status details. What a client may see (`code`, `message`, `param`, metadata,
//! the wait) and what only a log may see (`source`) are different fields; the second has no way to a client.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use tonic::Status;
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::v1::ErrorCode;

/// The domain of every reason of this product, in `ErrorInfo.domain`.
pub const DOMAIN: &str = "chat-gateway";
/// Trailers meet a limit of 16 KiB: a param is cut to this many bytes.
const MAX_PARAM_BYTES: usize = 256;
/// Trailers meet a limit of 16 KiB: every other text is cut to this many bytes.
const MAX_TEXT_BYTES: usize = 512;
/// The metadata key that says whether the same request may be sent again; always present.
const RETRYABLE: &str = "retryable";

/// An error as a client sees it, with the cause that only the log sees.
pub struct ApiError(Box<Parts>);

struct Parts {
    code: ErrorCode,
    message: String,
    param: Option<String>,
    metadata: BTreeMap<String, String>,
    retry_after: Option<Duration>,
    retryable: bool,
    resource: Option<Resource>,
    request_id: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

struct Resource {
    kind: &'static str,
    name: String,
}

impl ApiError {
    /// An error with its code and one or two sentences of English that say what was wrong and what would be right.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            message: cut(message.into(), MAX_TEXT_BYTES),
            param: None,
            metadata: BTreeMap::new(),
            retry_after: None,
            retryable: code.facts().retryable,
            resource: None,
            request_id: None,
            source: None,
        }))
    }

    /// `invalid_field` at `param`.
    #[must_use]
    pub fn invalid_field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidField, message).with_param(param)
    }

    /// `missing_field` at `param`; the message says that it is required.
    #[must_use]
    pub fn missing_field(param: impl Into<String>) -> Self {
        let param = param.into();
        Self::new(ErrorCode::MissingField, format!("'{param}' is required.")).with_param(param)
    }

    /// `internal_error` with a cause for the log.
    #[must_use]
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::InternalError, "The gateway failed. Report the request id to the operator.")
            .with_source(source)
    }

    /// Names the field at fault.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(cut(param.into(), MAX_PARAM_BYTES));
        self
    }

    /// Adds something dynamic of the message in a form that programs can read. A key once sent stays.
    #[must_use]
    pub fn with_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.metadata.insert(key.into(), cut(value.into(), MAX_TEXT_BYTES));
        self
    }

    /// Names a field as its caller knows it, in the param and in the message.
    #[must_use]
    pub fn renamed(mut self, from: &str, to: &str) -> Self {
        if self.0.param.as_deref().is_some_and(|param| param.starts_with(from)) {
            self.0.param = self.0.param.map(|param| param.replacen(from, to, 1));
            self.0.message = self.0.message.replace(from, to);
        }
        self
    }

    /// Says after which time it is worth trying again.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Turns the catalog's `retryable` off for this occurrence; it can never be turned on.
    #[must_use]
    pub fn not_retryable(mut self) -> Self {
        self.0.retryable = false;
        self
    }

    /// Names the thing that is not there: its kind, as in `model`, and its name.
    #[must_use]
    pub fn with_resource(mut self, kind: &'static str, name: impl Into<String>) -> Self {
        self.0.resource = Some(Resource { kind, name: cut(name.into(), MAX_PARAM_BYTES) });
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The field at fault.
    #[must_use]
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// A value of the metadata.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.0.metadata.get(key).map(String::as_str)
    }

    /// After which time it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same request may be sent again unchanged.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.0.retryable
    }

    /// The id of the request that failed, when the error came in a status.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The gRPC status with all its details. `docs_url` is the address of the error page, without a fragment.
    #[must_use]
    pub fn to_status(&self, request_id: &str, docs_url: &str) -> Status {
        let details = self.details(request_id, docs_url);
        Status::with_error_details(self.0.code.facts().grpc_code, self.0.message.as_str(), details)
    }

    /// That status as text for people: its code, its message, and each of its details by name.
    #[must_use]
    pub fn describe_status(&self, request_id: &str, docs_url: &str) -> String {
        let details = self.details(request_id, docs_url);
        let mut lines =
            vec![format!("status: {}", self.0.code.facts().grpc_status), format!("message: {}", self.0.message)];
        if let Some(info) = details.error_info() {
            lines.push(format!("google.rpc.ErrorInfo\n  reason: {}\n  domain: {}", info.reason, info.domain));
            let metadata: BTreeMap<_, _> = info.metadata.iter().collect();
            lines.extend(metadata.into_iter().map(|(key, value)| format!("  metadata[\"{key}\"]: {value}")));
        }
        for violation in details.bad_request().iter().flat_map(|bad_request| &bad_request.field_violations) {
            lines.push(format!("google.rpc.BadRequest\n  field: {}\n  reason: {}", violation.field, violation.reason));
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            lines.push(format!("google.rpc.RetryInfo\n  retry_delay: {}s", delay.as_secs()));
        }
        for violation in details.quota_failure().iter().flat_map(|failure| &failure.violations) {
            lines.push(format!("google.rpc.QuotaFailure\n  subject: {}", violation.subject));
        }
        if let Some(info) = details.request_info() {
            lines.push(format!("google.rpc.RequestInfo\n  request_id: {}", info.request_id));
        }
        for link in details.help().iter().flat_map(|help| &help.links) {
            lines.push(format!("google.rpc.Help\n  url: {}", link.url));
        }
        lines.join("\n")
    }

    fn details(&self, request_id: &str, docs_url: &str) -> ErrorDetails {
        let facts = self.0.code.facts();
        let mut info = self.0.metadata.clone();
        info.insert(RETRYABLE.to_owned(), self.0.retryable.to_string());

        let mut details = ErrorDetails::new();
        details.set_error_info(facts.reason, DOMAIN, info.into_iter().collect::<std::collections::HashMap<_, _>>());
        details.set_request_info(request_id, "");
        details.add_help_link(facts.title, format!("{docs_url}#{}", facts.code));
        if let Some(param) = &self.0.param {
            let mut violation = FieldViolation::new(param.as_str(), self.0.message.as_str());
            violation.reason = facts.reason.to_owned();
            details.set_bad_request(vec![violation]);
        }
        if let Some(delay) = self.0.retry_after {
            details.set_retry_info(Some(delay));
        }
        if let Some(subject) = quota_subject(self.0.code) {
            details.add_quota_failure_violation(subject, self.0.message.as_str());
        }
        if let Some(resource) = &self.0.resource {
            details.set_resource_info(resource.kind, resource.name.as_str(), "", "");
        }
        details
    }

    /// The error that a status of this product carries; `None` when it does not carry our `ErrorInfo`.
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        let details = status.get_error_details();
        let info = details.error_info()?;
        if info.domain != DOMAIN {
            return None;
        }
        // A reason that this build does not know degrades by its gRPC code.
        let code = ErrorCode::from_reason(&info.reason).unwrap_or_else(|| ErrorCode::fallback(status.code()));
        let mut error = Self::new(code, status.message());
        error.0.retryable = info.metadata.get(RETRYABLE).is_some_and(|value| value == "true");
        error.0.metadata =
            info.metadata.iter().filter(|(key, _)| *key != RETRYABLE).map(|(k, v)| (k.clone(), v.clone())).collect();
        let violation = details.bad_request().and_then(|bad_request| bad_request.field_violations.first());
        error.0.param = violation.map(|violation| violation.field.clone());
        error.0.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        error.0.request_id = details.request_info().map(|info| info.request_id.clone()).filter(|id| !id.is_empty());
        Some(error)
    }
}

/// What is used up, for the codes that say so; names no provider.
fn quota_subject(code: ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::RateLimitExceeded => Some("token"),
        ErrorCode::ModelQuotaExhausted | ErrorCode::OpenrouterDailyQuotaExhausted => Some("model"),
        ErrorCode::MemoryBucketFull => Some("memory bucket"),
        _ => None,
    }
}

/// Cuts a text to at most `max` bytes, at a character border, and marks the cut.
fn cut(mut text: String, max: usize) -> String {
    const MARK: &str = "...";
    if text.len() > max {
        let end = (0..=max - MARK.len()).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(MARK);
    }
    text
}

// === impl ApiError for the log ===

impl fmt::Debug for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApiError")
            .field("code", &self.0.code.facts().code)
            .field("message", &self.0.message)
            .field("param", &self.0.param)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.0.code.facts().code, self.0.message)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCS: &str = "http://localhost:8080/docs/errors";

    #[test]
    fn every_code_survives_the_round_trip() {
        for code in ErrorCode::ALL {
            let error = ApiError::new(*code, "The value 7 is too large; use at most 5.")
                .with_param("messages[0].content")
                .with_metadata("maximum", "5")
                .with_retry_after(Duration::from_millis(1500))
                .with_resource("model", "demo");
            let status = error.to_status("req-1", DOCS);
            assert_eq!(status.code(), code.facts().grpc_code);
            if code.facts().http_status == 200 {
                continue; // An OK status carries no details: these two codes are never error statuses.
            }
            let back = ApiError::from_status(&status).unwrap();
            assert_eq!(back.code(), *code);
            assert_eq!(back.message(), error.message());
            assert_eq!(back.param(), Some("messages[0].content"));
            assert_eq!(back.metadata("maximum"), Some("5"));
            assert_eq!(back.retry_after(), Some(Duration::from_millis(1500)));
            assert_eq!(back.retryable(), code.facts().retryable);
            assert_eq!(back.request_id(), Some("req-1"));
        }
    }

    #[test]
    fn the_details_are_those_of_the_contract() {
        let error = ApiError::new(ErrorCode::ModelNotInAllowlist, "The model 'x' is not available.")
            .with_param("model")
            .with_resource("model", "x");
        let details = error.to_status("req-7", DOCS).get_error_details();
        assert_eq!(details.request_info().unwrap().request_id, "req-7");
        assert_eq!(details.help().unwrap().links[0].url, format!("{DOCS}#model_not_in_allowlist"));
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!((violation.field.as_str(), violation.reason.as_str()), ("model", "MODEL_NOT_IN_ALLOWLIST"));
        assert_eq!(details.resource_info().unwrap().resource_name, "x");
        assert!(details.quota_failure().is_none());
    }

    #[test]
    fn an_occurrence_can_turn_retryable_off() {
        let status = ApiError::new(ErrorCode::ModelQuotaExhausted, "Spent.").not_retryable().to_status("r", DOCS);
        assert!(!ApiError::from_status(&status).unwrap().retryable());
    }

    #[test]
    fn the_cause_never_reaches_the_status() {
        let status = ApiError::internal("password=hunter2").to_status("r", DOCS);
        assert!(!format!("{status:?}{}", String::from_utf8_lossy(status.details())).contains("hunter2"));
    }

    #[test]
    fn an_unknown_reason_degrades_by_its_grpc_code() {
        let mut details = ErrorDetails::new();
        details.set_error_info("SOMETHING_NEWER", DOMAIN, std::collections::HashMap::new());
        let status = Status::with_error_details(tonic::Code::NotFound, "Not there.", details);
        assert_eq!(ApiError::from_status(&status).unwrap().code(), ErrorCode::RouteNotFound);
        assert!(ApiError::from_status(&Status::internal("foreign")).is_none());
    }

    #[test]
    fn long_texts_are_cut_at_a_character_border() {
        let error = ApiError::invalid_field("ä".repeat(400), "ö".repeat(400));
        assert!(error.message().len() <= MAX_TEXT_BYTES && error.message().ends_with("ö..."));
        assert!(error.param().unwrap().len() <= MAX_PARAM_BYTES);
    }
}
