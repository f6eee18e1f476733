//! Budgets: what a tenant may use of its models within a minute, a day or a month.
//!
//! A call is admitted by reserving what it may come to, and settled with what it came to. What is reserved comes from
//! what this process leased ahead from the database ([`Lease`]), so that no call waits for the database while there is
//! some; small windows are asked for call by call. All that was settled, reserved or leased anywhere stands in one row of
//! the database, which never exceeds the limit by a taking: only an answer larger than its own reservation can.

mod keeping;
mod lease;
mod ledger;
mod period;
mod rules;

use gateway_storage::StoreError;

pub(crate) use keeping::keep;
pub(crate) use lease::Hold;
pub(crate) use ledger::Ledger;
pub(crate) use period::Period;
pub(crate) use rules::{BudgetRule, BudgetRules};

/// What a call may come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// Tokens of prompt and answer.
    pub(crate) tokens: u64,
    /// Billionths of a US dollar; 0 where no price is known.
    pub(crate) cost: u64,
}

/// Why a call is not admitted.
#[derive(Debug)]
pub(crate) enum BudgetError {
    /// A budget is spent, for so many milliseconds.
    Spent {
        /// How long until there is a new one.
        wait: i64,
    },
    /// No more of a budget could be leased.
    Storage(StoreError),
}

#[cfg(test)]
mod tests;
