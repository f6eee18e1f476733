//! What an alias stands for: candidates in tiers.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use metrics::Counter;
use tokio::time::Instant;

use super::AnswerKind;
use super::dice::Dice;
use super::target::Target;
use crate::domain::alias::ModelAlias;
use crate::measures::model_label;

/// The most candidates of an alias: a set of them fits one word.
pub const MAX_CANDIDATES: usize = 64;

/// The candidates of an alias, those of the first tier first.
pub struct Route {
    alias: ModelAlias,
    candidates: Vec<Arc<Candidate>>,
    pub(super) dice: Dice,
}

/// A target as one alias knows it.
pub struct Candidate {
    /// The target.
    pub target: Arc<Target>,
    /// The tier that it belongs to, from 0.
    pub tier: usize,
    /// Its share of the calls of its tier, at least 1.
    pub weight: u32,
    /// The alias through which it came here: of a composite one of its members, else the alias itself.
    pub alias: ModelAlias,
    /// The same in relation to the others: 1 where all have the same weight.
    share: f64,
    /// Calls that it answered, looked up once.
    pub(super) answered: Counter,
}

/// Some of the candidates of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CandidateSet(u64);

/// What becomes of candidates that asked to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtRest {
    PassedOver,
    Asked,
}

impl CandidateSet {
    pub(super) fn insert(&mut self, index: usize) {
        self.0 |= 1 << index;
    }

    pub(super) fn contains(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }
}

impl Candidate {
    /// A target with its place on the route of `asked`, to which it came through `alias`.
    #[must_use]
    pub fn new(target: Arc<Target>, asked: &ModelAlias, alias: ModelAlias, tier: usize, weight: u32) -> Self {
        let labels = [
            ("upstream", target.upstream().name().to_owned()),
            ("model", model_label(asked.as_str())),
            ("outcome", "answered".to_owned()),
        ];
        let answered = metrics::counter!("gateway_upstream_attempts_total", &labels);
        Self { target, tier, weight: weight.max(1), share: 1.0, alias, answered }
    }
}

impl Route {
    /// A route of these candidates, the first tier first, at least one and at most [`MAX_CANDIDATES`]; more are left out.
    #[must_use]
    pub fn new(alias: ModelAlias, first: Candidate, rest: impl IntoIterator<Item = Candidate>) -> Self {
        let mut candidates: Vec<_> = std::iter::once(first).chain(rest).take(MAX_CANDIDATES).collect();
        for tier in candidates.chunk_by_mut(|one, other| one.tier == other.tier) {
            let average = tier.iter().map(|candidate| f64::from(candidate.weight)).sum::<f64>() / tier.len() as f64;
            tier.iter_mut().for_each(|candidate| candidate.share = f64::from(candidate.weight) / average);
        }
        let candidates = candidates.into_iter().map(Arc::new).collect();
        Self { alias, candidates, dice: Dice::seeded(RandomState::new().hash_one(0)) }
    }

    /// A route of one target.
    #[must_use]
    pub fn to(alias: ModelAlias, target: Arc<Target>) -> Self {
        let only = Candidate::new(target, &alias, alias.clone(), 0, 1);
        Self::new(alias, only, [])
    }

    /// The alias that it is the route of.
    #[must_use]
    pub fn alias(&self) -> &ModelAlias {
        &self.alias
    }

    /// All candidates, the first tier first.
    #[must_use]
    pub fn candidates(&self) -> &[Arc<Candidate>] {
        &self.candidates
    }

    /// The target that is asked first when all are well, and of which there always is one.
    #[must_use]
    pub fn first(&self) -> &Target {
        &self.candidates[0].target
    }

    /// Draws a candidate of the first tier that has any outside of `tried`: two by weight, of which the better.
    pub(super) fn draw(&self, tried: CandidateSet, at_rest: AtRest, kind: AnswerKind, now: Instant) -> Option<usize> {
        if self.candidates.len() == 1 {
            return (!tried.contains(0)).then_some(0);
        }
        let is_passed_over = |index: usize| at_rest == AtRest::PassedOver && self.candidates[index].target.rests(now);
        let is_open = |index: usize| !tried.contains(index) && !is_passed_over(index);
        let first_open = (0..self.candidates.len()).find(|index| is_open(*index))?;
        let tier = self.candidates[first_open].tier;
        let in_tier = |index: usize| self.candidates[index].tier == tier && is_open(index);
        let first = self.draw_by_weight(in_tier)?;
        let Some(second) = self.draw_by_weight(|index| index != first && in_tier(index)) else { return Some(first) };
        let cost = |index: usize| self.candidates[index].target.cost(kind, self.candidates[index].share, now);
        Some(if cost(second).is_clearly_below(cost(first)) { second } else { first })
    }

    fn draw_by_weight(&self, is_open: impl Fn(usize) -> bool) -> Option<usize> {
        let open = || (0..self.candidates.len()).filter(|index| is_open(*index));
        let total = open().fold(0_u32, |sum, index| sum.saturating_add(self.candidates[index].weight));
        let mut left = if open().nth(1).is_some() { self.dice.below(total) } else { 0 };
        open().find(|index| {
            let weight = self.candidates[*index].weight;
            let is_drawn = left < weight;
            left = left.saturating_sub(weight);
            is_drawn
        })
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Route").field("alias", &self.alias).field("candidates", &self.candidates).finish()
    }
}

impl fmt::Debug for Candidate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Candidate");
        shown.field("upstream", &self.target.upstream().name()).field("model", &self.target.upstream_model());
        shown.field("tier", &self.tier).field("weight", &self.weight).finish_non_exhaustive()
    }
}
