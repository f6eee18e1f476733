//! What all calls of the model together came to.

use gateway_proto::v1::{CompletionTokensDetails, PromptTokensDetails, Usage};

use crate::domain::price::NanoUsd;
use crate::usage::Priced;

/// The sums.
#[derive(Debug, Default)]
pub(super) struct Totals {
    usage: Option<Usage>,
    cost: Option<Priced>,
    /// Whether the price of one of the calls is not known.
    lacks_price: bool,
}

impl Totals {
    /// Adds one call of the model.
    pub(super) fn add(&mut self, usage: Option<&Usage>, priced: Option<Priced>) {
        match (&mut self.usage, usage) {
            (Some(sum), Some(usage)) => add_usage(sum, usage),
            (sum @ None, Some(usage)) => *sum = Some(usage.clone()),
            (_, None) => {}
        }
        let Some(priced) = priced else {
            self.lacks_price = true;
            return;
        };
        let sum = self.cost.unwrap_or(Priced { cost: NanoUsd(0), is_estimated: false });
        self.cost = Some(Priced {
            cost: NanoUsd(sum.cost.0.saturating_add(priced.cost.0)),
            is_estimated: sum.is_estimated || priced.is_estimated,
        });
    }

    /// The tokens, where a model server told any.
    pub(super) fn usage(&self) -> Option<&Usage> {
        self.usage.as_ref()
    }

    /// The cost, where all prices are known.
    pub(super) fn priced(&self) -> Option<Priced> {
        self.cost.filter(|_| !self.lacks_price)
    }
}

fn add_usage(sum: &mut Usage, more: &Usage) {
    for (sum, more) in [
        (&mut sum.prompt_tokens, more.prompt_tokens),
        (&mut sum.completion_tokens, more.completion_tokens),
        (&mut sum.total_tokens, more.total_tokens),
    ] {
        *sum = sum.saturating_add(more);
    }
    if let Some(more) = &more.prompt_tokens_details {
        let sum = sum.prompt_tokens_details.get_or_insert_with(PromptTokensDetails::default);
        add(&mut sum.cached_tokens, more.cached_tokens);
        add(&mut sum.audio_tokens, more.audio_tokens);
    }
    if let Some(more) = &more.completion_tokens_details {
        let sum = sum.completion_tokens_details.get_or_insert_with(CompletionTokensDetails::default);
        add(&mut sum.reasoning_tokens, more.reasoning_tokens);
        add(&mut sum.audio_tokens, more.audio_tokens);
        add(&mut sum.accepted_prediction_tokens, more.accepted_prediction_tokens);
        add(&mut sum.rejected_prediction_tokens, more.rejected_prediction_tokens);
    }
}

fn add(sum: &mut Option<u32>, more: Option<u32>) {
    if let Some(more) = more {
        *sum = Some(sum.unwrap_or_default().saturating_add(more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(prompt: u32, completion: u32, cached: Option<u32>) -> Usage {
        Usage {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt + completion,
            prompt_tokens_details: cached
                .map(|cached| PromptTokensDetails { cached_tokens: Some(cached), ..PromptTokensDetails::default() }),
            ..Usage::default()
        }
    }

    fn priced(cost: u64, is_estimated: bool) -> Option<Priced> {
        Some(Priced { cost: NanoUsd(cost), is_estimated })
    }

    #[test]
    fn tokens_and_cost_are_sums() {
        let mut totals = Totals::default();
        totals.add(Some(&usage(10, 2, None)), priced(5, false));
        totals.add(None, priced(7, true));
        totals.add(Some(&usage(20, 3, Some(8))), priced(1, false));
        assert_eq!(totals.usage(), Some(&usage(30, 5, Some(8))));
        assert_eq!(totals.priced(), priced(13, true));
    }

    #[test]
    fn a_price_that_is_not_known_makes_the_sum_unknown() {
        let mut totals = Totals::default();
        totals.add(None, priced(5, false));
        totals.add(None, None);
        assert_eq!((totals.usage(), totals.priced()), (None, None));
    }
}
