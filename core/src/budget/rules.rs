//! Which budgets there are, and for whom.

use std::sync::Arc;

use gateway_auth::NamePattern;
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
    pub(crate) models: Option<Vec<NamePattern>>,
    /// When there is a new one.
    pub(crate) period: Period,
    /// The most that may be used in each unit.
    pub(crate) limits: Vec<(BudgetUnit, u64)>,
}

impl BudgetRules {
    pub(crate) fn new(mut rules: Vec<BudgetRule>) -> Self {
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.period));
        Self(rules)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
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
    fn a_call_is_charged_to_what_is_for_its_tenant_and_model_the_longest_first() {
        let rule = |name: &str, tenants: Option<&str>, models: Option<&str>, period| BudgetRule {
            name: name.into(),
            tenants: tenants.map(|tenant| vec![tenant.to_owned()]),
            models: models.map(|pattern| vec![NamePattern::parse(pattern).unwrap()]),
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
