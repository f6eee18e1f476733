//! What a model server says when it fails, made fit for clients.

mod wait;

use std::borrow::Cow;
use std::sync::LazyLock;

use gateway_proto::json::{Kind, Member, Reader};
use http::{HeaderMap, StatusCode};
use regex::Regex;

use super::error::UpstreamError;

/// How much of a failed answer is read.
pub(super) const MAX_READ_BYTES: usize = 64 * 1024;
/// How much of its message a client sees.
const MAX_TOLD_CHARS: usize = 300;
/// A shorter key is a word that stands in the place of one, as `none` and `ollama` do.
const SHORTEST_KEY: usize = 8;

gateway_proto::json_members! {
    enum FailureMember { Error = "error", Message = "message", Detail = "detail", Param = "param", Metadata = "metadata" }
}
gateway_proto::json_members! { enum MetadataMember { Headers = "headers" } }
gateway_proto::json_members! { enum ResetMember { Reset = "X-RateLimit-Reset" } }

/// What is a server's own, and what a client must not learn of it even where the server says it.
#[derive(Clone, Copy, Default)]
pub(super) struct Own<'a> {
    /// Its name.
    pub(super) host: &'a str,
    /// The key that it is sent.
    pub(super) key: &'a str,
    /// The headers that it is sent, of which those marked as sensitive are secret.
    pub(super) headers: Option<&'a HeaderMap>,
}

impl<'a> Own<'a> {
    /// What stands for itself wherever it is: the key, and the values of secret headers.
    fn secrets(self) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.into_iter().flat_map(HeaderMap::values).filter(|value| value.is_sensitive());
        let secrets = std::iter::once(self.key).chain(headers.filter_map(|value| value.to_str().ok()));
        secrets.filter(|secret| secret.len() >= SHORTEST_KEY)
    }
}

/// Reads a failed answer.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8], own: Own<'_>) -> UpstreamError {
    let mut said = Said::default();
    if let Ok(mut reader) = Reader::new(body) {
        // A body that is not of this form says nothing that could be told.
        let _ = said.read(&mut reader);
    }
    // What a server says about our own credential is not for the caller.
    let is_about_key = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    UpstreamError::Refused {
        status: status.as_u16(),
        about_token_limit: said.is_about_token_limit(),
        says_daily: said.says_daily(),
        retry_after: wait::asked(status, headers, said.reset.as_deref()),
        message: said.message.filter(|_| !is_about_key).map(|message| scrub(&message, own)),
    }
}

/// The failure inside an answer whose status says success, if there is one that says anything.
pub(super) fn inside_success(body: &[u8], own: Own<'_>) -> Option<UpstreamError> {
    let failure = read(StatusCode::OK, &HeaderMap::new(), body, own);
    matches!(&failure, UpstreamError::Refused { message: Some(_), .. }).then_some(failure)
}

/// The parts of a failed answer that matter.
#[derive(Default)]
struct Said<'a> {
    message: Option<Cow<'a, str>>,
    param: Option<Cow<'a, str>>,
    /// When a quota begins anew, in a header of the server behind it that the server tells in its body.
    reset: Option<Cow<'a, str>>,
}

impl<'a> Said<'a> {
    /// Reads `{"error":{"message","param"}}`, `{"error":"..."}`, `{"message":"..."}` or `{"detail":"..."}`.
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), gateway_proto::json::Fault> {
        reader.members(|reader, member| {
            let kind = reader.kind()?;
            match (member, kind) {
                (Member::Known(FailureMember::Error), Kind::Object) => self.read(reader)?,
                (Member::Known(FailureMember::Metadata), Kind::Object) => self.read_metadata(reader)?,
                (Member::Known(FailureMember::Param), Kind::String) => self.param = Some(reader.string()?),
                (Member::Known(_), Kind::String) => self.message = Some(reader.string()?),
                _ => drop(reader.value()?),
            }
            Ok(())
        })
    }

    /// Reads `{"headers":{"X-RateLimit-Reset"}}`.
    fn read_metadata(&mut self, reader: &mut Reader<'a>) -> Result<(), gateway_proto::json::Fault> {
        reader.members(|reader, member| match (member, reader.kind()?) {
            (Member::Known(MetadataMember::Headers), Kind::Object) => reader.members(|reader, member| {
                match (member, reader.kind()?) {
                    (Member::Known(ResetMember::Reset), Kind::String) => self.reset = Some(reader.string()?),
                    _ => drop(reader.value()?),
                }
                Ok(())
            }),
            _ => reader.value().map(drop),
        })
    }

    fn says_daily(&self) -> bool {
        const WORDS: [&str; 5] = ["per day", "per-day", "per_day", "/day", "daily"];
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        WORDS.iter().any(|word| message.contains(word))
    }

    fn is_about_token_limit(&self) -> bool {
        const NAMES: [&str; 3] = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
        let names_limit = |text: &Option<Cow<'_, str>>| {
            text.as_deref().is_some_and(|text| NAMES.iter().any(|name| text.contains(name)))
        };
        names_limit(&self.param) || names_limit(&self.message)
    }
}

/// Takes out of a message what could be a secret or an address, and cuts it.
pub(super) fn scrub(message: &str, own: Own<'_>) -> String {
    /// URLs; keys and tokens of the usual forms; mail addresses; IP addresses; host names with a port or a usual end.
    static HIDDEN: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"(?i)\b[a-z][a-z0-9+.-]*://[^\s'\x22<>)\]}]+", "[url]"),
            (r"(?i)\b(bearer|basic)\s+[^\s'\x22,;]+", "[secret]"),
            (r"(?i)\b(sk|pk|rk|key|gsk|xai|ghp|hf|api[_-]?key|token)[-_][a-z0-9*_.-]{6,}", "[secret]"),
            (r"\bAIza[0-9A-Za-z_-]{20,}", "[secret]"),
            (r"(?i)\b[a-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}\b", "[address]"),
            (r"\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b", "[host]"),
            (r"\[?\b([0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}\b\]?(:\d+)?", "[host]"),
            (r"(?i)\blocalhost(:\d+)?\b", "[host]"),
            (r"(?i)\b[a-z0-9-]+(\.[a-z0-9-]+)*:\d{2,5}\b", "[host]"),
            (
                r"(?i)\b([a-z0-9-]+\.)+(com|net|org|io|ai|dev|app|cloud|co|eu|de|uk|us|cn|internal|local|lan|svc|cluster|home|corp)\b",
                "[host]",
            ),
        ]
        .into_iter()
        .filter_map(|(pattern, replacement)| Regex::new(pattern).ok().map(|regex| (regex, replacement)))
        .collect()
    });
    let mut text = message.to_owned();
    // First, while they are whole. No pattern knows what a key looks like that somebody made up.
    for secret in own.secrets() {
        text = text.replace(secret, "[secret]");
    }
    if !own.host.is_empty() {
        text = text.replace(own.host, "[host]");
    }
    for (pattern, replacement) in HIDDEN.iter() {
        text = pattern.replace_all(&text, *replacement).into_owned();
    }
    let text = text.replace(char::is_control, " ");
    let text = text.split_whitespace().map(hide_random).collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(MAX_TOLD_CHARS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// A long word that mixes letters and digits is taken for a secret.
fn hide_random(word: &str) -> &str {
    const SHORTEST: usize = 24;
    let core = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
    let is_random = core.len() >= SHORTEST
        && core.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'+' | b'/' | b'='))
        && core.bytes().filter(u8::is_ascii_digit).count() >= 4
        && core.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_random { "[secret]" } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Own<'_> = Own { host: "models.acme.example", key: "correct horse battery staple", headers: None };

    fn told(status: u16, body: &str) -> Option<String> {
        let status = StatusCode::from_u16(status).unwrap();
        match read(status, &HeaderMap::new(), body.as_bytes(), OWN) {
            UpstreamError::Refused { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_message_is_found_in_every_usual_form() {
        for body in [
            r#"{"error":{"message":"Too long.","type":"x","param":null,"code":400}}"#,
            r#"{"error":"Too long."}"#,
            r#"{"object":"error","message":"Too long.","code":400}"#,
            r#"{"detail":"Too long."}"#,
        ] {
            assert_eq!(told(400, body).as_deref(), Some("Too long."), "{body}");
        }
        for body in ["", "<html>", "[]", "{\"detail\":[{\"loc\":[]}]}", "\u{0}"] {
            assert_eq!(told(500, body), None, "{body}");
        }
    }

    #[test]
    fn nothing_is_told_of_a_refused_credential() {
        assert_eq!(told(401, r#"{"error":{"message":"Incorrect API key provided: sk-abc"}}"#), None);
        assert_eq!(told(403, r#"{"error":{"message":"Project proj-1 is suspended"}}"#), None);
    }

    #[test]
    fn secrets_and_addresses_are_taken_out() {
        for (message, expected) in [
            ("see https://api.acme.com/v1?key=1 now", "see [url] now"),
            ("key sk-proj-abc123def456 is bad", "key [secret] is bad"),
            ("sent Authorization: Bearer abc.def", "sent Authorization: [secret]"),
            ("connect to 10.0.0.7:8000 failed", "connect to [host] failed"),
            ("host models.acme.example is down", "host [host] is down"),
            ("redis.default.svc.cluster.local timed out", "[host] timed out"),
            ("localhost:4000 refused; vllm-7:8000 too", "[host] refused; [host] too"),
            ("mail ops@acme.com", "mail [address]"),
            ("'correct horse battery staple' is no key", "'[secret]' is no key"),
            ("id 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c", "id [secret]"),
            ("line\nbreaks\tand\u{1b}[31m colour", "line breaks and [31m colour"),
        ] {
            assert_eq!(scrub(message, OWN), expected);
        }
    }

    #[test]
    fn the_values_of_secret_headers_are_taken_out() {
        let mut secret = http::HeaderValue::from_static("tr0ub4dor and three");
        secret.set_sensitive(true);
        let plain = http::HeaderValue::from_static("The gateway");
        let headers = HeaderMap::from_iter(
            [("x-secret", secret), ("x-title", plain)]
                .map(|(name, value)| (http::HeaderName::from_static(name), value)),
        );
        let own = Own { headers: Some(&headers), ..Own::default() };
        assert_eq!(scrub("The gateway sent tr0ub4dor and three.", own), "The gateway sent [secret].");
    }

    #[test]
    fn ordinary_words_stay() {
        for message in [
            "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
            "Unsupported value: 'messages[0].role' does not support 'system' with gpt-4.1-mini-2025-04-14.",
            "Invalid schema for function 'get_weather': in context=('properties', 'x'), 'type' is required.",
        ] {
            assert_eq!(scrub(message, OWN), message);
        }
    }

    #[test]
    fn a_long_message_is_cut() {
        assert_eq!(scrub(&"word ".repeat(100), Own::default()).chars().count(), MAX_TOLD_CHARS + 3);
    }

    #[test]
    fn an_allowance_for_the_day_is_recognised() {
        let says = |body: &str| match read(
            StatusCode::TOO_MANY_REQUESTS,
            &HeaderMap::new(),
            body.as_bytes(),
            Own::default(),
        ) {
            UpstreamError::Refused { says_daily, retry_after, .. } => (says_daily, retry_after.is_some()),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            says(r#"{"error":{"message":"Rate limit exceeded: free-models-per-day","code":429}}"#),
            (true, false)
        );
        assert_eq!(says(r#"{"error":{"message":"Daily quota reached"}}"#), (true, false));
        assert_eq!(says(r#"{"error":{"message":"Slow down"}}"#), (false, false));
        let body = r#"{"error":{"message":"Slow down","metadata":{"message":"per day","headers":{"X-RateLimit-Reset":"60"}}}}"#;
        assert_eq!(says(body), (false, true));
    }
}
