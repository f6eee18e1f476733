//! Which budgets there are, and for whom.

use std::sync::Arc;

use gateway_storage::BudgetUnit;

use super::period::Period;

/// All budgets, those of the longest period first: the first that is spent then tells the longest wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct BudgetRules(Vec<BudgetRule>);

/// A budget. Each tenant that it is for has one of its own; the models that it is for share it.
#[derive(Clone, Debug)]
pub(crate) struct BudgetRule {
    /// The operator's name for it, under which what was taken of it is kept.
    pub(crate) name: Arc<str>,
    /// The tenants; none: every tenant.
    pub(crate) tenants: Option<Vec<String>>,
    /// The models; none: every model.
    pub(crate) models: Option<Vec<AliasPattern>>,
    /// When there is a new one.
    pub(crate) period: Period,
    /// The most that may be used in each unit.
    pub(crate) limits: Vec<(BudgetUnit, u64)>,
}

/// A pattern of aliases, in which a star stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliasPattern(String);

impl AliasPattern {
    pub(crate) fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    /// Whether an alias is meant.
    fn matches(&self, alias: &str) -> bool {
        let mut parts = self.0.split('*');
        // There is always a first part, which is all where there is no star.
        let Some(mut rest) = alias.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl BudgetRules {
    pub(crate) fn new(mut rules: Vec<BudgetRule>) -> Self {
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.period));
        Self(rules)
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The budgets that a call of this tenant to this model is charged to.
    pub(crate) fn of<'a>(&'a self, tenant: &'a str, alias: &'a str) -> impl Iterator<Item = &'a BudgetRule> {
        self.0.iter().filter(move |rule| rule.is_for(tenant, alias))
    }
}

impl BudgetRule {
    fn is_for(&self, tenant: &str, alias: &str) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.iter().any(|name| name == tenant))
            && self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.matches(alias)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, alias, expected) in [
            ("demo", "demo", true),
            ("demo", "demo2", false),
            ("*", "", true),
            ("*", "org/model:8b", true),
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "my-gpt-5", false),
            ("*-mini", "gpt-5-mini", true),
            ("*-mini", "gpt-5-minimal", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a**a", "aa", true),
        ] {
            assert_eq!(AliasPattern::new(pattern).matches(alias), expected, "{pattern} {alias}");
        }
    }

    #[test]
    fn a_call_is_charged_to_what_is_for_its_tenant_and_model_the_longest_first() {
        let rule = |name: &str, tenants: Option<&str>, models: Option<&str>, period| BudgetRule {
            name: name.into(),
            tenants: tenants.map(|tenant| vec![tenant.to_owned()]),
            models: models.map(|pattern| vec![AliasPattern::new(pattern)]),
            period,
            limits: vec![(BudgetUnit::Requests, 1)],
        };
        let rules = BudgetRules::new(vec![
            rule("all", None, None, Period::Minute),
            rule("acme", Some("acme"), None, Period::Month),
            rule("demo", None, Some("demo"), Period::Day),
        ]);
        let names = |tenant, alias| rules.of(tenant, alias).map(|rule| rule.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names("acme", "demo"), ["acme", "demo", "all"]);
        assert_eq!(names("other", "demo"), ["demo", "all"]);
        assert_eq!(names("other", "x"), ["all"]);
    }
}
