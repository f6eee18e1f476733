//! What is known of a call before its message is read.

use std::sync::Arc;

use gateway_auth::Caller;
use gateway_proto::{TraceContext, metadata};
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use uuid::Uuid;

use crate::measures::Stopwatch;

/// The longest request id that is taken over from a caller.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The id of a request, in every log line and answer, and where what is done for it stands in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    text: Arc<str>,
    trace: Option<TraceContext>,
}

impl RequestId {
    /// The caller's id, when it has the form `[A-Za-z0-9._:-]{1,128}`, else a new one.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(&metadata::SPASS_REQUEST_ID).or_else(|| headers.get(&metadata::X_REQUEST_ID));
        let given = given.and_then(|value| value.to_str().ok()).filter(|id| has_form(id));
        match given {
            Some(id) => Self { text: id.into(), trace: None },
            None => Self { text: Uuid::now_v7().to_string().into(), trace: None },
        }
    }

    /// The same at this place in a trace.
    #[must_use]
    pub fn at(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// Where what is done for the request stands in a trace, if it is in one.
    #[must_use]
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_ref()
    }

    /// The trace, for a log line.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        self.trace.as_ref().map(TraceContext::trace_id_text)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Puts the id on an answer, under both of its names.
    pub fn put(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.text) {
            headers.insert(&metadata::SPASS_REQUEST_ID, value.clone());
            headers.insert(&metadata::X_REQUEST_ID, value);
        }
    }
}

fn has_form(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
}

/// What the layers learned of a call, for the adapters.
#[derive(Clone, Debug)]
pub(crate) struct CallParts {
    pub(crate) request_id: RequestId,
    /// Who makes it; none for what is public.
    pub(crate) caller: Option<Caller>,
    /// When the caller's time runs out.
    pub(crate) deadline: Option<Instant>,
    /// Times it.
    pub(crate) stopwatch: Stopwatch,
}

/// A call that was let in.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id.
    pub request_id: RequestId,
    /// Who makes it.
    pub caller: Caller,
    /// When the caller's time runs out.
    pub deadline: Option<Instant>,
    /// Times it, and what of it was waiting for others.
    pub(crate) stopwatch: Stopwatch,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(pairs: &[(&'static str, &'static str)]) -> RequestId {
        let headers =
            pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        RequestId::of(&headers.collect())
    }

    #[test]
    fn a_good_id_is_taken_over() {
        assert_eq!(id_of(&[("x-request-id", "a.B_c:1-2")]).as_str(), "a.B_c:1-2");
        assert_eq!(id_of(&[("x-request-id", "old"), ("spass-request-id", "new")]).as_str(), "new");
    }

    #[test]
    fn any_other_is_replaced() {
        for bad in ["", "a b", "a/b", "a\tb", "x;y"] {
            let id = id_of(&[("x-request-id", bad)]);
            assert_ne!(id.as_str(), bad);
            assert!(Uuid::parse_str(id.as_str()).is_ok());
        }
        assert_ne!(id_of(&[]), id_of(&[]));
    }
}
