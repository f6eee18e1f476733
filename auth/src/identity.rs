//! The names that say for whom a call acts, parsed once where they come in.

use std::fmt;
use std::sync::Arc;

/// A name that does not have the form its kind needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {min} to {max} {alphabet}")]
pub struct InvalidName {
    min: usize,
    max: usize,
    alphabet: &'static str,
}

macro_rules! name_type {
    ($(#[$meta:meta])* $Type:ident, $max:literal, $alphabet:literal, $allowed:expr) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $Type(Arc<str>);

        impl $Type {
            /// The name, when it has the right form.
            pub fn parse(name: &str) -> Result<Self, InvalidName> {
                let allowed: fn(u8) -> bool = $allowed;
                if (1..=$max).contains(&name.len()) && name.bytes().all(allowed) {
                    return Ok(Self(name.into()));
                }
                Err(InvalidName { min: 1, max: $max, alphabet: $alphabet })
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&$Type> for Arc<str> {
            /// The name, shared and not copied.
            fn from(name: &$Type) -> Self {
                Self::clone(&name.0)
            }
        }

        impl fmt::Debug for $Type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($Type), self.0)
            }
        }

        impl fmt::Display for $Type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A tenant: whose data it is.
    TenantId, 64, "letters, digits, dots, hyphens and underscores",
    |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

name_type! {
    /// An end user within a tenant.
    UserId, 128, "visible ASCII characters", |byte| byte.is_ascii_graphic()
}

name_type! {
    /// A scope within a tenant, for memory and system prompts: a project, a room, an app.
    ScopeId, 128, "visible ASCII characters", |byte| byte.is_ascii_graphic()
}

impl ScopeId {
    /// The scope of a request that names none, where its tenant has no other.
    #[must_use]
    pub fn usual() -> Self {
        Self("default".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_form() {
        assert_eq!(TenantId::parse("acme-1.eu_x").unwrap().as_str(), "acme-1.eu_x");
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(TenantId::parse(bad).is_err(), "{bad}");
        }
        assert!(UserId::parse(&"~".repeat(128)).is_ok());
        for bad in ["", " ", "a\n", "\u{7f}", &"x".repeat(129)] {
            assert!(UserId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(UserId::parse("").unwrap_err().to_string(), "must be 1 to 128 visible ASCII characters");
    }
}
