//! A tenant: whose data it is, and what holds for all of its callers.

use crate::identity::{ScopeId, TenantId};
use crate::pattern::NamePattern;

/// What holds for all callers of a tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Whether each request must name its end user.
    pub requires_user: bool,
    /// Whether a request is refused when its stored prompts cannot be read.
    pub requires_prompt: bool,
    /// Whether a public memory write by a tool is confirmed in a later turn of the user, never in the one that asked for it.
    pub confirms_in_later_turn: bool,
    /// The models that it may use.
    pub models: ModelRule,
    /// The scope of a request that names none.
    pub default_scope: ScopeId,
}

/// Which models a tenant may use, by alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelRule {
    /// All.
    Any,
    /// These and no others.
    Only(Vec<NamePattern>),
    /// All but these.
    AllBut(Vec<NamePattern>),
}

impl Tenant {
    /// A tenant of which the operator says nothing but its name.
    #[must_use]
    pub fn named(id: TenantId) -> Self {
        Self {
            id,
            requires_user: false,
            requires_prompt: false,
            confirms_in_later_turn: false,
            models: ModelRule::Any,
            default_scope: ScopeId::usual(),
        }
    }

    /// Whether it may use the model of this alias.
    #[must_use]
    pub fn may_use(&self, alias: &str) -> bool {
        let names = |patterns: &[NamePattern]| patterns.iter().any(|pattern| pattern.matches(alias));
        match &self.models {
            ModelRule::Any => true,
            ModelRule::Only(patterns) => names(patterns),
            ModelRule::AllBut(patterns) => !names(patterns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_listed_to_allow_or_to_deny() {
        let patterns = || vec![NamePattern::parse("gpt-*").unwrap(), NamePattern::parse("demo").unwrap()];
        let may_use =
            |models, alias: &str| Tenant { models, ..Tenant::named(TenantId::parse("acme").unwrap()) }.may_use(alias);
        for (alias, is_listed) in [("gpt-5", true), ("demo", true), ("demo2", false), ("", false)] {
            assert!(may_use(ModelRule::Any, alias));
            assert_eq!(may_use(ModelRule::Only(patterns()), alias), is_listed, "{alias}");
            assert_eq!(may_use(ModelRule::AllBut(patterns()), alias), !is_listed, "{alias}");
        }
        assert!(!may_use(ModelRule::Only(Vec::new()), "demo"));
    }
}
