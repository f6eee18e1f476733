//! Names that an operator writes for one name or for many.

use std::fmt;

/// One name exactly, or with a `*` at its end all names that begin so; `*` alone is every name.
#[derive(Clone, PartialEq, Eq)]
pub struct NamePattern(String);

/// A pattern that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 256 visible ASCII characters, a '*' only at the end")]
pub struct InvalidPattern;

impl NamePattern {
    /// The longest pattern, in bytes: that of the longest name it can stand for, a model's alias.
    const MAX_BYTES: usize = 256;

    /// The pattern, when it has the right form.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let has_form = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let star = text.find('*').unwrap_or(text.len() - usize::from(!text.is_empty()));
        if has_form && star + 1 == text.len() { Ok(Self(text.to_owned())) } else { Err(InvalidPattern) }
    }

    /// Whether a name is one of those it stands for.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.strip_suffix('*').map_or_else(|| self.0 == name, |beginning| name.starts_with(beginning))
    }
}

impl fmt::Debug for NamePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_name_or_the_beginning_of_many() {
        let matches = |pattern: &str, name: &str| NamePattern::parse(pattern).unwrap().matches(name);
        assert!(matches("room-1", "room-1") && !matches("room-1", "room-12") && !matches("room-1", "Room-1"));
        assert!(matches("room-*", "room-12") && matches("room-*", "room-") && !matches("room-*", "room"));
        assert!(matches("*", "anything"));
    }

    #[test]
    fn other_forms_are_refused() {
        for bad in ["", "a*b", "**", "*a", "a b", "ä", &"x".repeat(257)] {
            assert_eq!(NamePattern::parse(bad), Err(InvalidPattern), "{bad}");
        }
    }
}
