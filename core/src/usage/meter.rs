//! The meter of a call: what was reserved for it, what is known of what it used, and the one booking at its end.

use std::fmt;
use std::sync::Arc;

use gateway_auth::TenantId;
use gateway_proto::v1::{
    AssistantMessage, ChatCompletion, ChatCompletionChunk, MessageDelta, Usage, assistant_message, message_delta,
    tool_call,
};
use gateway_storage::BudgetUnit;
use metrics::Counter;

use super::Accounts;
use super::record::{Record, Share};
use crate::budget::{BudgetError, Demand, Hold};
use crate::domain::alias::ModelAlias;
use crate::domain::chat::JsonRequest;
use crate::domain::model::{ModelFacts, Prices};
use crate::domain::price::{NanoUsd, TokenCounts, cost};
use crate::domain::tokens::{TokenCount, estimate};

/// What an answer is thought to come to at most where neither the request nor the operator says.
const USUAL_OUTPUT_TOKENS: u32 = 4096;
/// No answer is longer, whatever a request asks for: what may be booked must not be for the caller to choose.
const MOST_OUTPUT_TOKENS: u32 = 1 << 20;

/// What a call cost, where the price is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Priced {
    /// The amount.
    pub(crate) cost: NanoUsd,
    /// Whether the tokens were counted by the gateway.
    pub(crate) is_estimated: bool,
}

/// The meter of a call. It books once: when it is settled, or when it is dropped.
pub(crate) struct Meter {
    accounts: Arc<Accounts>,
    tenant: TenantId,
    alias: ModelAlias,
    prices: Option<Prices>,
    holds: Vec<Hold>,
    /// The call's number in the journal, where something is reserved for it.
    call: u64,
    reserved: TokenCounts,
    /// What came of the answer; none: it cannot be counted.
    counted: Option<TokenCount>,
    /// What the model server said.
    told: Option<TokenCounts>,
    is_booked: bool,
    /// Counts what is booked, in billionths of a US dollar.
    cost: Option<Counter>,
}

impl Accounts {
    /// Admits a call by the budgets of its tenant: reserves the prompt as it is counted here and the longest answer that
    /// was asked for. From now on the call is booked, whatever ends it.
    pub(crate) async fn open(
        self: &Arc<Self>,
        tenant: &TenantId,
        request: &JsonRequest,
        facts: &ModelFacts,
    ) -> Result<Meter, BudgetError> {
        let reserved = reservation(request, facts);
        let price = facts.prices.as_ref().map(|prices| cost(prices, reserved));
        let demand = Demand { tokens: reserved.total(), cost: price.unwrap_or_default().0 };
        let alias = &facts.alias;
        let holds = self.ledger().reserve(tenant.as_str(), alias.as_str(), demand).await?;
        let mut meter = Meter {
            accounts: Arc::clone(self),
            tenant: tenant.clone(),
            alias: alias.clone(),
            prices: facts.prices.clone(),
            holds,
            call: 0,
            reserved,
            counted: None,
            told: None,
            is_booked: false,
            cost: None,
        };
        if !meter.holds.is_empty() {
            let shares = meter.holds.iter().map(|hold| Share::new(hold.window(), hold.amount())).collect();
            meter.call = self.journal().reserve(Record { shares, ..meter.record(reserved, true) });
        }
        Ok(meter)
    }
}

/// What a call may come to.
fn reservation(request: &JsonRequest, facts: &ModelFacts) -> TokenCounts {
    let parameters = &request.parameters;
    let form = (!request.response_format.is_empty()).then_some(&request.response_format);
    let prompt = estimate(request.messages.iter().chain(&request.tools).chain(form));
    let asked = parameters.max_completion_tokens.or(parameters.max_tokens).and_then(|most| u64::try_from(most).ok());
    let usual = facts.reserve_output_tokens.or(facts.max_output_tokens).unwrap_or(USUAL_OUTPUT_TOKENS);
    let answers = u64::try_from(parameters.n.unwrap_or(1)).unwrap_or(1);
    let most = facts.max_output_tokens.or(facts.context_window).unwrap_or(MOST_OUTPUT_TOKENS).min(MOST_OUTPUT_TOKENS);
    let completion = asked.unwrap_or(usual.into()).min(most.into()).saturating_mul(answers.max(1));
    TokenCounts { prompt, cached: 0, completion }
}

impl Meter {
    /// Its booking is counted in a metric as well.
    pub(crate) fn measure_by(&mut self, cost: Option<Counter>) {
        self.cost = cost;
    }

    /// From now on the answer is counted as it comes.
    pub(crate) fn begin_counting(&mut self) {
        self.counted = Some(TokenCount::default());
    }

    /// Counts a whole answer, and takes note of what the model server says of it.
    pub(crate) fn completion(&mut self, completion: &ChatCompletion) {
        match told(completion.usage.as_ref()) {
            Some(told) => self.told = Some(told),
            None => {
                let mut count = TokenCount::default();
                let messages = completion.choices.iter().filter_map(|choice| choice.message.as_ref());
                messages.for_each(|message| count_message(&mut count, message));
                self.counted = Some(count);
            }
        }
    }

    /// Counts what came, and takes note of what the model server says of it.
    pub(crate) fn chunks(&mut self, chunks: &[ChatCompletionChunk]) {
        for chunk in chunks {
            self.told = told(chunk.usage.as_ref()).or(self.told);
            if let Some(count) = &mut self.counted {
                let deltas = chunk.choices.iter().filter_map(|choice| choice.delta.as_ref());
                deltas.for_each(|delta| count_delta(count, delta));
            }
        }
    }

    /// Whether nothing of an answer came.
    pub(crate) fn has_nothing(&self) -> bool {
        self.told.is_none() && self.counted.is_none_or(|count| count.is_empty())
    }

    /// What the call came to as far as it is known.
    pub(crate) fn priced(&self) -> Option<Priced> {
        let (tokens, is_estimated) = self.used();
        self.prices.as_ref().map(|prices| Priced { cost: cost(prices, tokens), is_estimated })
    }

    /// Books what the call came to.
    pub(crate) fn settle(&mut self) -> Option<Priced> {
        if !self.is_booked {
            let (tokens, is_estimated) = self.used();
            self.book(self.record(tokens, is_estimated));
        }
        self.priced()
    }

    /// Books nothing, and gives back what was reserved: the model server did nothing for the call.
    pub(crate) fn release(&mut self) {
        if !self.is_booked {
            let nothing = self.record(TokenCounts::default(), false);
            self.book(Record { requests: 0, is_priced: false, ..nothing });
        }
    }

    /// What was used, and whether that is an estimate. What cannot be counted is taken to be what was reserved.
    fn used(&self) -> (TokenCounts, bool) {
        match (self.told, self.counted) {
            (Some(told), _) => (told, false),
            (None, Some(count)) => (TokenCounts { completion: count.tokens(), ..self.reserved }, true),
            (None, None) => (self.reserved, true),
        }
    }

    fn record(&self, tokens: TokenCounts, is_estimated: bool) -> Record {
        Record {
            at: self.accounts.clock.now(),
            call: self.call,
            tenant: self.tenant.as_str().to_owned(),
            model: self.alias.as_str().to_owned(),
            requests: 1,
            prompt_tokens: tokens.prompt,
            cached_prompt_tokens: tokens.cached.min(tokens.prompt),
            completion_tokens: tokens.completion,
            cost_nano_usd: self.prices.as_ref().map(|prices| cost(prices, tokens)).unwrap_or_default().0,
            is_estimated,
            is_priced: self.prices.is_some(),
            ..Record::default()
        }
    }

    fn book(&mut self, mut record: Record) {
        self.is_booked = true;
        if self.call == 0 && record.requests == 0 {
            return;
        }
        if let Some(cost) = &self.cost {
            cost.increment(record.cost_nano_usd);
        }
        let used = |unit: BudgetUnit| match unit {
            BudgetUnit::Requests => record.requests,
            BudgetUnit::Tokens => record.prompt_tokens.saturating_add(record.completion_tokens),
            BudgetUnit::Cost => record.cost_nano_usd,
        };
        let amount = |hold: &Hold| i64::try_from(used(hold.window().unit)).unwrap_or(i64::MAX / 2);
        let amounts: Vec<i64> = self.holds.iter().map(amount).collect();
        record.shares = self.holds.iter().zip(&amounts).map(|(hold, used)| Share::new(hold.window(), *used)).collect();
        self.accounts.journal().settle(record);
        self.holds.drain(..).zip(amounts).for_each(|(hold, used)| hold.settle(used));
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Meter").field("alias", &self.alias).field("call", &self.call).finish_non_exhaustive()
    }
}

impl Drop for Meter {
    /// The call was cut, or whoever asked has left.
    fn drop(&mut self) {
        self.settle();
    }
}

/// What a model server says; one that says nothing in figures says nothing.
fn told(usage: Option<&Usage>) -> Option<TokenCounts> {
    let usage = usage?;
    let (prompt, completion, total) = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens);
    let cached = usage.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens).unwrap_or_default();
    // Some servers tell the sum alone.
    let prompt = if prompt == 0 && completion == 0 { total } else { prompt };
    let counts = TokenCounts { prompt: prompt.into(), cached: cached.into(), completion: completion.into() };
    (counts.total() > 0).then_some(counts)
}

fn count_message(count: &mut TokenCount, message: &AssistantMessage) {
    match &message.content {
        Some(assistant_message::Content::Text(text)) => count.text(text.as_bytes()),
        Some(assistant_message::Content::ContentJson(json)) => count.json(json),
        None => {}
    }
    count.text(message.refusal.as_deref().unwrap_or_default().as_bytes());
    for call in &message.tool_calls {
        match &call.call {
            Some(tool_call::Call::Function(function)) => {
                count.text(function.name.as_bytes());
                count.text(function.arguments.as_bytes());
            }
            Some(tool_call::Call::Custom(custom)) => {
                count.text(custom.name.as_bytes());
                count.text(custom.input.as_bytes());
            }
            None => {}
        }
    }
    count.json(&message.unknown_members_json);
}

fn count_delta(count: &mut TokenCount, delta: &MessageDelta) {
    match &delta.content {
        Some(message_delta::Content::Text(text)) => count.text(text.as_bytes()),
        Some(message_delta::Content::ContentJson(json)) if json.as_ref() != b"null" => count.json(json),
        Some(message_delta::Content::ContentJson(_)) | None => {}
    }
    count.text(delta.refusal.as_deref().unwrap_or_default().as_bytes());
    for call in &delta.tool_calls {
        let function = call.function.as_ref().and_then(|function| function.arguments.as_deref());
        let custom = call.custom.as_ref().and_then(|custom| custom.input.as_deref());
        [function, custom].into_iter().flatten().for_each(|piece| count.text(piece.as_bytes()));
    }
    count.json(&delta.unknown_members_json);
}

#[cfg(test)]
mod tests;
