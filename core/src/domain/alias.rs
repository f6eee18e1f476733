//! The name that a request uses for a model.

use std::fmt;
use std::sync::Arc;

/// The longest alias.
const MAX_BYTES: usize = 256;

/// A model's alias: 1 to 256 visible ASCII characters, `/` and `:` included.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelAlias(Arc<str>);

impl ModelAlias {
    /// The alias, when it has the right form.
    #[must_use]
    pub fn parse(alias: &str) -> Option<Self> {
        let has_form = (1..=MAX_BYTES).contains(&alias.len()) && alias.bytes().all(|byte| byte.is_ascii_graphic());
        has_form.then(|| Self(alias.into()))
    }

    /// The alias as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelAlias {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ModelAlias {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_has_its_form() {
        for good in ["demo", "org/model", "llama3:8b", "~", &"x".repeat(256)] {
            assert!(ModelAlias::parse(good).is_some(), "{good}");
        }
        for bad in ["", "a b", "ä", "a\n", &"x".repeat(257)] {
            assert!(ModelAlias::parse(bad).is_none(), "{bad}");
        }
    }
}
