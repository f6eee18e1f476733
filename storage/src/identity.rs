//! Whose data it is. Every function of the store takes one of these, and adds the predicate itself.

use std::sync::Arc;

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of this name, as the gate knows it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl From<Arc<str>> for Tenant {
    /// The tenant of this name, which is shared and not copied.
    fn from(name: Arc<str>) -> Self {
        Self(name)
    }
}

/// A user within a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum User {
    /// An end user, by the name that the application gave.
    EndUser(Arc<str>),
    /// The token itself, by its id.
    Token(Arc<str>),
}

impl User {
    /// How rows name the user, so that no end user can be taken for a token.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::EndUser(name) => format!("u:{name}"),
            Self::Token(id) => format!("t:{id}"),
        }
    }

    /// The user that a row names.
    pub(crate) fn from_key(key: &str) -> Self {
        match key.split_once(':') {
            Some(("u", name)) => Self::EndUser(name.into()),
            Some((_, id)) => Self::Token(id.into()),
            None => Self::Token(key.into()),
        }
    }
}

/// A user of a tenant: whom what is written belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The tenant.
    pub tenant: Tenant,
    /// The user.
    pub user: User,
}

/// Who reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A user, who sees what is theirs.
    Owner(Owner),
    /// An administrator, who sees everything of the tenant.
    Tenant(Tenant),
}

impl Reader {
    pub(crate) fn tenant(&self) -> &str {
        match self {
            Self::Owner(owner) => owner.tenant.name(),
            Self::Tenant(tenant) => tenant.name(),
        }
    }

    /// The key of the user whose rows are seen; empty: everybody's.
    pub(crate) fn owner_key(&self) -> String {
        match self {
            Self::Owner(owner) => owner.user.key(),
            Self::Tenant(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_end_user_can_be_taken_for_a_token() {
        for user in [User::EndUser("app".into()), User::Token("app".into()), User::EndUser("t:app".into())] {
            assert_eq!(User::from_key(&user.key()), user);
        }
        assert_ne!(User::EndUser("app".into()).key(), User::Token("app".into()).key());
    }
}
