//! From the models of the file to their routes: every reference is resolved, and a circle of them is refused.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::models_file::{ModelEntry, ServedBy, TargetEntry};
use crate::domain::alias::ModelAlias;
use crate::routing::{Candidate, MAX_CANDIDATES, Route, Target};
use crate::upstream::Upstream;

/// The largest weight of a target.
const MAX_WEIGHT: u32 = 1000;

/// Makes the routes of the file's models. Models of one server are one target, whichever alias leads to them.
pub(super) struct RoutePlanner<'a> {
    models: &'a [ModelEntry],
    upstreams: &'a [Arc<Upstream>],
    targets: HashMap<(&'a str, String), Arc<Target>>,
}

/// A target with its tier and its weight, and the alias that names it.
struct Leg {
    target: Arc<Target>,
    alias: ModelAlias,
    tier: usize,
    weight: u32,
}

impl<'a> RoutePlanner<'a> {
    /// For these models of these servers.
    pub(super) fn new(models: &'a [ModelEntry], upstreams: &'a [Arc<Upstream>]) -> Self {
        Self { models, upstreams, targets: HashMap::new() }
    }

    /// The route of a model.
    pub(super) fn route(&mut self, model: &'a ModelEntry) -> Result<Route, String> {
        let asked = parse(&model.alias)?;
        let mut legs = Vec::new();
        self.follow(model, &mut vec![&model.alias], &mut legs)?;
        if legs.len() > MAX_CANDIDATES {
            return Err(format!("it leads to {} targets; {MAX_CANDIDATES} are the most", legs.len()));
        }
        let mut candidates =
            legs.into_iter().map(|leg| Candidate::new(leg.target, &asked, leg.alias, leg.tier, leg.weight));
        let first = candidates.next().ok_or("it has no target")?;
        Ok(Route::new(asked.clone(), first, candidates.collect::<Vec<_>>()))
    }

    /// The aliases that may stand in for a model.
    pub(super) fn fallbacks(&self, model: &ModelEntry) -> Result<Vec<ModelAlias>, String> {
        model.fallbacks.iter().map(|alias| self.find(alias).and_then(|model| parse(&model.alias))).collect()
    }

    /// Appends the targets of a model. `trail` holds the aliases on the way to it, itself last.
    fn follow(&mut self, model: &'a ModelEntry, trail: &mut Vec<&'a str>, legs: &mut Vec<Leg>) -> Result<(), String> {
        match model.served_by()? {
            ServedBy::Tiers(tiers) => {
                for tier in tiers {
                    self.append_tier(model, &tier, legs)?;
                }
            }
            ServedBy::Aliases(aliases) => {
                for alias in aliases {
                    let member = self.find(&alias)?;
                    if trail.contains(&member.alias.as_str()) {
                        return Err(format!("composite: '{}' leads back to itself", member.alias));
                    }
                    trail.push(&member.alias);
                    self.follow(member, trail, legs)?;
                    trail.pop();
                }
            }
        }
        Ok(())
    }

    fn append_tier(&mut self, model: &ModelEntry, tier: &[TargetEntry], legs: &mut Vec<Leg>) -> Result<(), String> {
        if tier.is_empty() {
            return Err("a tier holds no target".to_owned());
        }
        let alias = parse(&model.alias)?;
        let number = legs.last().map_or(0, |leg| leg.tier + 1);
        for entry in tier {
            if entry.weight.get() > MAX_WEIGHT {
                return Err(format!("a weight is at most {MAX_WEIGHT}, not {}", entry.weight));
            }
            let target = self.target(entry, &model.alias)?;
            // What stands on the way already is not asked twice.
            if !legs.iter().any(|leg| Arc::ptr_eq(&leg.target, &target)) {
                legs.push(Leg { target, alias: alias.clone(), tier: number, weight: entry.weight.get() });
            }
        }
        Ok(())
    }

    fn target(&mut self, entry: &TargetEntry, alias: &str) -> Result<Arc<Target>, String> {
        let upstream = self.upstreams.iter().find(|upstream| upstream.name() == entry.upstream);
        let upstream = upstream.ok_or_else(|| format!("there is no upstream '{}'", entry.upstream))?;
        let model = entry.upstream_model.as_deref().unwrap_or(alias).to_owned();
        let target = self.targets.entry((upstream.name(), model));
        Ok(Arc::clone(target.or_insert_with_key(|(_, model)| Arc::new(Target::new(upstream, model.clone())))))
    }

    fn find(&self, alias: &str) -> Result<&'a ModelEntry, String> {
        let found = self.models.iter().find(|model| model.alias == alias);
        found.ok_or_else(|| format!("there is no model '{alias}' in this file"))
    }
}

fn parse(alias: &str) -> Result<ModelAlias, String> {
    ModelAlias::parse(alias).ok_or_else(|| "an alias is 1 to 256 visible ASCII characters".to_owned())
}
