//! What was used, and what of a budget is taken, in the store's own terms. Times are milliseconds since 1970; the ones
//! here are by the clock of the process that did the work, since they say when it did.

use std::sync::Arc;

use crate::identity::Tenant;

/// Sums of what was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageTotals {
    /// Requests that a model server may have worked for.
    pub requests: u64,
    /// Of these, the ones whose tokens were counted by the gateway.
    pub estimated_requests: u64,
    /// Of these, the ones whose price was known.
    pub priced_requests: u64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Of these, the ones that were read from a provider's cache.
    pub cached_prompt_tokens: u64,
    /// Tokens of answers.
    pub completion_tokens: u64,
    /// What it cost, in billionths of a US dollar.
    pub cost_nano_usd: u64,
}

impl UsageTotals {
    /// Adds what another one holds.
    pub fn add(&mut self, other: &Self) {
        let sum = |mine: &mut u64, others: u64| *mine = mine.saturating_add(others);
        sum(&mut self.requests, other.requests);
        sum(&mut self.estimated_requests, other.estimated_requests);
        sum(&mut self.priced_requests, other.priced_requests);
        sum(&mut self.prompt_tokens, other.prompt_tokens);
        sum(&mut self.cached_prompt_tokens, other.cached_prompt_tokens);
        sum(&mut self.completion_tokens, other.completion_tokens);
        sum(&mut self.cost_nano_usd, other.cost_nano_usd);
    }
}

/// What a tenant used of a model within an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageHour {
    /// The tenant.
    pub tenant: Tenant,
    /// The hour's begin.
    pub hour: i64,
    /// The alias.
    pub model: Arc<str>,
    /// What was used.
    pub totals: UsageTotals,
}

/// Records of a journal that follow each other, put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageBatch {
    /// The number of the record before the first.
    pub after: u64,
    /// The number of the last record.
    pub through: u64,
    /// What was used.
    pub hours: Vec<UsageHour>,
    /// What was settled of what the process leased.
    pub settled: Vec<(BudgetWindow, i64)>,
}

/// Which usage is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRange {
    /// Hours that begin at this time or later.
    pub from: i64,
    /// Hours that begin before this time.
    pub to: i64,
    /// How long a bucket is, in milliseconds: a multiple of an hour.
    pub bucket: i64,
    /// The most rows.
    pub limit: u32,
}

/// What a tenant used of a model within a bucket of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageBucket {
    /// The bucket's begin.
    pub starts_at: i64,
    /// The alias.
    pub model: String,
    /// What was used.
    pub totals: UsageTotals,
}

/// What a budget is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetUnit {
    /// Requests.
    Requests,
    /// Tokens of prompts and answers.
    Tokens,
    /// Billionths of a US dollar.
    Cost,
}

impl BudgetUnit {
    /// Every unit.
    pub const ALL: [Self; 3] = [Self::Requests, Self::Tokens, Self::Cost];

    /// The name that rows have.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
        }
    }

    /// The unit of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.name() == name)
    }
}

/// A window of a tenant's budget.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetWindow {
    /// Whose budget it is.
    pub tenant: Tenant,
    /// The operator's name for the budget.
    pub budget: Arc<str>,
    /// What it is counted in.
    pub unit: BudgetUnit,
    /// When the window begins.
    pub starts_at: i64,
    /// When the next one begins.
    pub ends_at: i64,
}

/// How much of a window is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetAsk {
    /// The most that may be taken in all.
    pub limit: u64,
    /// The least that is of use.
    pub need: u64,
    /// Into how many parts what remains is thought to be split, one of which is wanted; none: only what is needed.
    pub parts: Option<u32>,
}
