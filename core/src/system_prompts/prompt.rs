//! What a system prompt may be, and how several become one.

use gateway_auth::Scope;
use gateway_proto::ApiError;
use gateway_storage::{PromptLevel, PromptPlace};

use crate::api_errors;

/// The most bytes of what an author says of a version.
const MAX_NOTE_BYTES: usize = 1024;
/// What stands between two prompts, and between them and what follows: an empty line.
pub const BETWEEN: &str = "\n\n";

/// For whom a system prompt holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All chats of the tenant.
    Tenant,
    /// Those in a scope.
    Scope,
    /// Those of a user.
    User,
}

impl Level {
    /// The level of this name.
    pub fn parse(name: &str) -> Result<Self, ApiError> {
        match name {
            "tenant" => Ok(Self::Tenant),
            "scope" => Ok(Self::Scope),
            "user" => Ok(Self::User),
            "" => Err(ApiError::missing_field("level")),
            _ => Err(ApiError::invalid_field("level", "'level' must be tenant, scope or user.")),
        }
    }

    /// The name, as in the scope `system_prompts:read:tenant`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Scope => "scope",
            Self::User => "user",
        }
    }

    /// The level of a place.
    #[must_use]
    pub fn of(place: &PromptPlace) -> Self {
        match place.level {
            PromptLevel::Tenant => Self::Tenant,
            PromptLevel::Scope(_) => Self::Scope,
            PromptLevel::User(_) => Self::User,
        }
    }

    /// What a token must hold to read prompts of this level.
    #[must_use]
    pub fn read_scope(self) -> Scope {
        match self {
            Self::Tenant => Scope::SystemPromptsReadTenant,
            Self::Scope => Scope::SystemPromptsReadScope,
            Self::User => Scope::SystemPromptsReadUser,
        }
    }
}

/// The number of a version, which must be from 1.
pub fn parse_version(version: u32) -> Result<u32, ApiError> {
    if version > 0 {
        return Ok(version);
    }
    Err(ApiError::invalid_field("version", "'version' must be a whole number from 1."))
}

/// Judges the text of a prompt.
pub(super) fn check_content(content: &str, limit: usize) -> Result<(), ApiError> {
    if content.is_empty() {
        return Err(ApiError::missing_field("content"));
    }
    if content.contains('\0') {
        return Err(ApiError::invalid_field("content", "'content' must be text without U+0000."));
    }
    if content.len() > limit {
        return Err(api_errors::system_prompt_too_large(content.len(), limit));
    }
    Ok(())
}

/// Judges what an author says of a version.
pub(super) fn check_note(note: &str) -> Result<(), ApiError> {
    if note.len() <= MAX_NOTE_BYTES && !note.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("'note' must be up to {MAX_NOTE_BYTES} bytes of UTF-8 without control characters.");
    Err(ApiError::invalid_field("note", message).with_metadata("maximum_bytes", MAX_NOTE_BYTES.to_string()))
}

/// The prompts of several levels as one text: each as it was written, in their order, with a blank line between two.
#[must_use]
pub fn composed<'a>(contents: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for content in contents.filter(|content| !content.is_empty()) {
        if !text.is_empty() {
            text.push_str(BETWEEN);
        }
        text.push_str(content);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(read: Result<(), ApiError>) -> (&'static str, String) {
        let error = read.unwrap_err();
        (error.code().facts().code, error.param().unwrap_or_default().to_owned())
    }

    #[test]
    fn prompts_are_counted_in_bytes() {
        for good in ["a", &"x".repeat(8), &"ä".repeat(4), "\u{1f600}\u{1f600}", "a\r\n\u{1}"] {
            check_content(good, 8).unwrap();
        }
        for bad in [&"x".repeat(9), &"ä".repeat(5), "\u{1f600}\u{1f600}x"] {
            assert_eq!(code(check_content(bad, 8)), ("system_prompt_too_large", "content".to_owned()));
        }
        assert_eq!(code(check_content("", 8)), ("missing_field", "content".to_owned()));
        assert_eq!(code(check_content("a\0", 8)), ("invalid_field", "content".to_owned()));
    }

    #[test]
    fn a_note_is_one_line() {
        check_note(&"ä".repeat(512)).unwrap();
        for bad in ["a\nb", "\0", &"x".repeat(1025)] {
            assert_eq!(code(check_note(bad)), ("invalid_field", "note".to_owned()));
        }
    }

    #[test]
    fn levels_and_versions_have_their_form() {
        for level in [Level::Tenant, Level::Scope, Level::User] {
            assert_eq!(Level::parse(level.name()).unwrap(), level);
        }
        assert_eq!(code(Level::parse("room").map(drop)), ("invalid_field", "level".to_owned()));
        assert_eq!(code(Level::parse("").map(drop)), ("missing_field", "level".to_owned()));
        assert_eq!(code(parse_version(0).map(drop)), ("invalid_field", "version".to_owned()));
        assert_eq!(parse_version(u32::MAX).unwrap(), u32::MAX);
    }

    #[test]
    fn prompts_become_one_with_a_blank_line_between_them() {
        assert_eq!(composed(["a\n", "b"].into_iter()), "a\n\n\nb");
        assert_eq!(composed([].into_iter()), "");
    }
}
