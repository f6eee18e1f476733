//! What a token may do.

use std::fmt;

macro_rules! scopes {
    ($($Variant:ident = $name:literal),+ $(,)?) => {
        /// One thing that a token may do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Scope { $(#[doc = concat!("`", $name, "`")] $Variant),+ }

        impl Scope {
            /// Every scope, sorted by name.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The name, as in `memory:write:public`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name),+ }
            }
        }
    };
}

scopes! {
    ChatWrite = "chat:write",
    ConversationsRead = "conversations:read",
    ConversationsWrite = "conversations:write",
    MemoryReadPrivate = "memory:read:private",
    MemoryReadPublic = "memory:read:public",
    MemoryWritePrivate = "memory:write:private",
    MemoryWritePublic = "memory:write:public",
    ModelsRead = "models:read",
    SystemPromptsReadScope = "system_prompts:read:scope",
    SystemPromptsReadTenant = "system_prompts:read:tenant",
    SystemPromptsReadUser = "system_prompts:read:user",
    SystemPromptsWriteScope = "system_prompts:write:scope",
    SystemPromptsWriteTenant = "system_prompts:write:tenant",
    SystemPromptsWriteUser = "system_prompts:write:user",
    ToolsExecute = "tools:execute",
    ToolsRead = "tools:read",
    UsageRead = "usage:read",
}

impl Scope {
    /// The scope of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|scope| scope.name() == name)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.iter().copied().collect()
    }

    /// Whether the set holds this scope.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u32) != 0
    }

    /// The scopes of either set.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The scopes of this set that are not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The scopes, sorted by name.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u32))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}

/// A named set of scopes to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads, and nothing else.
    Readonly,
    /// All but public memory writes and writes of tenant and scope prompts.
    User,
    /// Everything.
    TenantAdmin,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[Self::Readonly, Self::User, Self::TenantAdmin];

    /// The name, as in the token file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Readonly => "readonly",
            Self::User => "user",
            Self::TenantAdmin => "tenant_admin",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }

    /// Its scopes.
    #[must_use]
    pub fn scopes(self) -> ScopeSet {
        use Scope::{MemoryWritePublic, SystemPromptsWriteScope, SystemPromptsWriteTenant};
        match self {
            Self::Readonly => Scope::ALL.iter().copied().filter(|scope| scope.name().contains(":read")).collect(),
            Self::User => {
                let withheld = [MemoryWritePublic, SystemPromptsWriteScope, SystemPromptsWriteTenant];
                ScopeSet::all().without(withheld.into_iter().collect())
            }
            Self::TenantAdmin => ScopeSet::all(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_sorted_by_name() {
        assert!(Scope::ALL.is_sorted_by_key(|scope| scope.name()));
    }

    #[test]
    fn roles_hold_what_the_contract_says() {
        let readonly = Role::Readonly.scopes();
        assert!(readonly.contains(Scope::MemoryReadPublic) && readonly.contains(Scope::UsageRead));
        assert!(!readonly.contains(Scope::ChatWrite) && !readonly.contains(Scope::ToolsExecute));
        let user = Role::User.scopes();
        assert!(user.contains(Scope::ChatWrite) && user.contains(Scope::SystemPromptsWriteUser));
        assert!(!user.contains(Scope::MemoryWritePublic) && !user.contains(Scope::SystemPromptsWriteTenant));
        assert_eq!(Role::TenantAdmin.scopes(), ScopeSet::all());
    }

    #[test]
    fn every_name_is_found() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(*scope));
        }
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(*role));
        }
        assert_eq!(Scope::from_name("chat:read"), None);
    }
}
