//! What an entry may be, judged once where it comes in.

use gateway_proto::ApiError;
use gateway_storage::Visibility;

/// The most bytes of a key.
const MAX_KEY_BYTES: usize = 256;

/// The key of an entry: 1 to 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryKey(String);

impl MemoryKey {
    /// The key, when it has the right form; `param` is the field that it stands in.
    pub fn parse(key: String, param: &'static str) -> Result<Self, ApiError> {
        if key.is_empty() {
            return Err(ApiError::missing_field(param));
        }
        if key.len() <= MAX_KEY_BYTES && !key.chars().any(char::is_control) {
            return Ok(Self(key));
        }
        let message = format!("'{param}' must be 1 to {MAX_KEY_BYTES} bytes of UTF-8 without control characters.");
        Err(ApiError::invalid_field(param, message).with_metadata("maximum_bytes", MAX_KEY_BYTES.to_string()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// The value of an entry: text without U+0000. How long it may be depends on what else its bucket holds.
#[derive(Clone, PartialEq, Eq)]
pub struct MemoryValue(String);

impl MemoryValue {
    /// The value, when it has the right form.
    pub fn parse(value: Option<String>) -> Result<Self, ApiError> {
        let value = value.ok_or_else(|| ApiError::missing_field("value"))?;
        if value.contains('\0') {
            return Err(ApiError::invalid_field("value", "'value' must be text without U+0000."));
        }
        Ok(Self(value))
    }

    /// The value as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

impl std::fmt::Debug for MemoryValue {
    // What somebody wants remembered is nothing for a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "MemoryValue({} bytes)", self.0.len())
    }
}

/// The visibility of this name; `param` is the field that it stands in.
pub fn parse_visibility(name: &str, param: &'static str) -> Result<Visibility, ApiError> {
    match name {
        "private" => Ok(Visibility::Private),
        "public" => Ok(Visibility::Public),
        "" => Err(ApiError::missing_field(param)),
        _ => Err(ApiError::invalid_field(param, format!("'{param}' must be private or public."))),
    }
}

/// The name of a visibility, as in the scope `memory:read:private`.
#[must_use]
pub fn visibility_name(visibility: Visibility) -> &'static str {
    match visibility {
        Visibility::Private => "private",
        Visibility::Public => "public",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str) -> Result<MemoryKey, String> {
        MemoryKey::parse(key.to_owned(), "query.key").map_err(|error| error.code().facts().code.to_owned())
    }

    #[test]
    fn keys_are_counted_in_bytes() {
        for good in ["a", " ", "ä", "\u{1f600}", &"x".repeat(256), &"ä".repeat(128), &"\u{1f600}".repeat(64)] {
            assert_eq!(key(good).unwrap().as_str(), good);
        }
        for bad in ["\0", "a\nb", "\u{7f}", "\u{85}", &"x".repeat(257), &"ä".repeat(129)] {
            assert_eq!(key(bad), Err("invalid_field".to_owned()), "{bad:?}");
        }
        assert_eq!(key(""), Err("missing_field".to_owned()));
    }

    #[test]
    fn values_are_any_text_but_u_0000() {
        let value = |value: Option<&str>| MemoryValue::parse(value.map(str::to_owned));
        assert_eq!(value(Some("")).unwrap().into_string(), "");
        assert_eq!(value(Some("a\n\u{1}\u{1f600}")).unwrap().into_string(), "a\n\u{1}\u{1f600}");
        let code = |read: Result<MemoryValue, ApiError>| read.unwrap_err().code().facts().code;
        assert_eq!((code(value(None)), code(value(Some("a\0")))), ("missing_field", "invalid_field"));
        assert!(!format!("{:?}", value(Some("secret")).unwrap()).contains("secret"));
    }

    #[test]
    fn visibilities_have_their_names() {
        for visibility in [Visibility::Private, Visibility::Public] {
            assert_eq!(parse_visibility(visibility_name(visibility), "visibility").unwrap(), visibility);
        }
        assert_eq!(parse_visibility("", "visibility").unwrap_err().code().facts().code, "missing_field");
        assert_eq!(parse_visibility("Public", "query.visibility").unwrap_err().param(), Some("query.visibility"));
    }
}
