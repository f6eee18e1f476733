//! The operator's budgets file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use gateway_auth::{NamePattern, TenantId};
use gateway_storage::BudgetUnit;
use serde::Deserialize;

use super::ConfigError;
use super::values::existing_default;
use crate::budget::{BudgetRule, BudgetRules, Period};
use crate::domain::price::NanoUsd;

/// The budgets file of a gateway started in its checkout.
const DEFAULT_BUDGETS_FILE: &str = "deploy/config/budgets.yaml";
/// The longest name of a budget.
const MAX_NAME_BYTES: usize = 64;
/// Databases count in signed numbers, and sums of limits must fit them.
const MOST: u64 = 1 << 60;

/// Settings about budgets.
#[derive(Clone, Debug, clap::Args)]
pub struct BudgetSettings {
    /// The file of budgets. Default: deploy/config/budgets.yaml when it exists.
    #[arg(long, env = "BUDGETS_FILE")]
    pub budgets_file: Option<PathBuf>,
}

/// What a tenant may use, as the operator's file says; without one there are no bounds.
#[derive(Clone, Debug, Default)]
pub struct Budgets(pub(crate) BudgetRules);

/// The budgets file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetsFile {
    /// Groups of models by name, each a list of aliases, in which a star at the end stands for any rest.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    budgets: Vec<BudgetEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BudgetEntry {
    name: String,
    #[serde(default)]
    tenants: Option<Vec<String>>,
    #[serde(default)]
    models: Option<Vec<String>>,
    #[serde(default)]
    groups: Option<Vec<String>>,
    window: Window,
    #[serde(default)]
    requests: Option<u64>,
    #[serde(default)]
    tokens: Option<u64>,
    #[serde(default)]
    cost_usd: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Window {
    Minute,
    Day,
    Month,
}

impl BudgetSettings {
    /// The budgets file, where there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        existing_default(self.budgets_file.as_deref(), DEFAULT_BUDGETS_FILE)
    }

    /// Reads the budgets file.
    pub(crate) fn budgets(&self) -> Result<Budgets, ConfigError> {
        let Some(path) = self.path() else { return Ok(Budgets::default()) };
        let wrong = |reason: String| ConfigError::new("BUDGETS_FILE", format!("'{}': {reason}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        parse(&text).map(Budgets).map_err(wrong)
    }
}

/// Reads the text of a budgets file.
fn parse(text: &str) -> Result<BudgetRules, String> {
    let file: BudgetsFile = serde_saphyr::from_str(text).map_err(|error| error.without_snippet().to_string())?;
    let mut names = BTreeSet::new();
    let mut rules = Vec::new();
    for entry in file.budgets {
        if !names.insert(entry.name.clone()) {
            return Err(format!("the budget '{}' is given twice", entry.name));
        }
        let name = entry.name.clone();
        rules.push(entry.rule(&file.groups).map_err(|reason| format!("budget '{name}': {reason}"))?);
    }
    Ok(BudgetRules::new(rules))
}

impl BudgetEntry {
    fn rule(self, groups: &BTreeMap<String, Vec<String>>) -> Result<BudgetRule, String> {
        // What was taken is kept under the name, which must not change its spelling on the way.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if !(1..=MAX_NAME_BYTES).contains(&self.name.len()) || !self.name.bytes().all(is_name) {
            return Err("a name is 1 to 64 letters, digits, dots, hyphens and underscores".to_owned());
        }
        for tenant in self.tenants.iter().flatten() {
            TenantId::parse(tenant).map_err(|reason| format!("the tenant '{tenant}' {reason}"))?;
        }
        let limits = self.limits()?;
        let is_for_all = self.models.is_none() && self.groups.is_none();
        let mut patterns = self.models.unwrap_or_default();
        for group in self.groups.iter().flatten() {
            let members = groups.get(group).ok_or_else(|| format!("there is no group '{group}'"))?;
            patterns.extend(members.iter().cloned());
        }
        let pattern = |text: &String| {
            NamePattern::parse(text).map_err(|invalid| format!("'{text}' cannot stand for aliases: it {invalid}"))
        };
        let patterns = patterns.iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
        if self.tenants.as_ref().is_some_and(Vec::is_empty) || (!is_for_all && patterns.is_empty()) {
            return Err("a list is empty; leave it out for all".to_owned());
        }
        let period = match self.window {
            Window::Minute => Period::Minute,
            Window::Day => Period::Day,
            Window::Month => Period::Month,
        };
        Ok(BudgetRule {
            name: self.name.into(),
            tenants: self.tenants,
            models: (!is_for_all).then_some(patterns),
            period,
            limits,
        })
    }

    fn limits(&self) -> Result<Vec<(BudgetUnit, u64)>, String> {
        let cost = match self.cost_usd {
            None => None,
            Some(usd) => Some(NanoUsd::of_usd(usd).ok_or("cost_usd is a number from 0 to a billion")?.0),
        };
        let limits =
            [(BudgetUnit::Requests, self.requests), (BudgetUnit::Tokens, self.tokens), (BudgetUnit::Cost, cost)];
        let limits: Vec<_> = limits.into_iter().filter_map(|(unit, limit)| Some((unit, limit?))).collect();
        if limits.is_empty() {
            return Err("give at least one of requests, tokens and cost_usd".to_owned());
        }
        if let Some((unit, _)) = limits.iter().find(|(_, limit)| *limit > MOST) {
            return Err(format!("the limit of {} is beyond {MOST}", unit.name()));
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_right() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config/budgets.example.yaml");
        let settings = BudgetSettings { budgets_file: Some(sample.into()) };
        let Budgets(rules) = settings.budgets().unwrap();
        let names = |tenant, alias| rules.of(tenant, alias).map(|rule| rule.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names("acme", "gpt-5"), ["acme-month", "large-models", "burst"]);
        assert_eq!(names("acme", "demo"), ["acme-month", "burst"]);
        assert_eq!(names("other", "demo"), ["burst"]);
        let month = rules.of("acme", "demo").next().unwrap();
        assert_eq!(month.limits, [(BudgetUnit::Tokens, 50_000_000), (BudgetUnit::Cost, 250_000_000_000)]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (entry, reason) in [
            ("{name: a, window: day}", "budget 'a': give at least one of requests, tokens and cost_usd"),
            ("{name: 'a b', window: day, requests: 1}", "a name is 1 to 64 letters"),
            ("{name: a, window: week, requests: 1}", "unknown variant"),
            ("{name: a, window: day, request: 1}", "unknown field"),
            ("{name: a, window: day, requests: -1}", "invalid u64"),
            ("{name: a, window: day, cost_usd: -1}", "cost_usd is a number"),
            ("{name: a, window: day, cost_usd: .nan}", "cost_usd"),
            ("{name: a, window: day, tokens: 2000000000000000000}", "the limit of tokens is beyond"),
            ("{name: a, window: day, requests: 1, groups: [x]}", "there is no group 'x'"),
            ("{name: a, window: day, requests: 1, models: []}", "a list is empty"),
            ("{name: a, window: day, requests: 1, tenants: []}", "a list is empty"),
            ("{name: a, window: day, requests: 1, models: ['a b']}", "'a b' cannot stand for aliases: it must be"),
            ("{name: a, window: day, requests: 1, tenants: ['a b']}", "the tenant 'a b' must be"),
            ("{name: a, window: day, requests: 1}, {name: a, window: day, requests: 1}", "given twice"),
        ] {
            let found = parse(&format!("budgets: [{entry}]")).unwrap_err();
            assert!(found.contains(reason), "{entry}: {found}");
        }
        assert!(parse("budgets: []").unwrap().is_empty());
    }
}
