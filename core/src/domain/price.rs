//! What a call costs, in whole numbers: sums of many small amounts must not drift.

use super::model::Prices;

/// Billionths of a US dollar in a US dollar.
const NANO_PER_USD: u64 = 1_000_000_000;

/// No call costs more than a million dollars. What says so lies, and sums of it must fit a database's numbers.
const MOST: u128 = 1_000_000 * NANO_PER_USD as u128;

/// An amount of money, in billionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// The amount of so many dollars, as a file states it; none: it is negative, not a number, or beyond all measure.
    #[must_use]
    pub fn of_usd(usd: f64) -> Option<Self> {
        const MOST_USD: f64 = 1e9;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked before")]
        (0.0..=MOST_USD).contains(&usd).then(|| Self((usd * NANO_PER_USD as f64).round() as u64))
    }
}

/// Dollars as a decimal number without superfluous zeros, as in `0.000125`.
impl std::fmt::Display for NanoUsd {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, rest) = (self.0 / NANO_PER_USD, self.0 % NANO_PER_USD);
        if rest == 0 {
            return write!(formatter, "{whole}");
        }
        let digits = format!("{rest:09}");
        write!(formatter, "{whole}.{}", digits.trim_end_matches('0'))
    }
}

/// The tokens of a call, by what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Of the prompt, those from a cache included.
    pub prompt: u64,
    /// Of the prompt, those read from the provider's cache.
    pub cached: u64,
    /// Of the answer.
    pub completion: u64,
}

impl TokenCounts {
    /// Of prompt and answer together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

/// What these tokens cost; what is below a billionth of a dollar counts as one.
#[must_use]
pub fn cost(prices: &Prices, tokens: TokenCounts) -> NanoUsd {
    let cached = tokens.cached.min(tokens.prompt);
    let input = pico_per_token(prices.input_per_million_usd);
    let cached_input = prices.cached_input_per_million_usd.map_or(input, pico_per_token);
    let of = |count: u64, price: u128| u128::from(count).saturating_mul(price);
    let pico = of(tokens.prompt - cached, input)
        .saturating_add(of(cached, cached_input))
        .saturating_add(of(tokens.completion, pico_per_token(prices.output_per_million_usd)));
    NanoUsd(u64::try_from(pico.div_ceil(1000).min(MOST)).unwrap_or_default())
}

/// Dollars per million tokens as trillionths of a dollar per token: a price of six decimals is whole.
fn pico_per_token(per_million_usd: f64) -> u128 {
    const MOST: f64 = 1e12;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is clamped before")]
    let pico = (per_million_usd * 1e6).round().clamp(0.0, MOST) as u128;
    pico
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICES: Prices =
        Prices { input_per_million_usd: 0.15, output_per_million_usd: 0.6, cached_input_per_million_usd: Some(0.075) };

    fn counts(prompt: u64, cached: u64, completion: u64) -> TokenCounts {
        TokenCounts { prompt, cached, completion }
    }

    #[test]
    fn costs_are_exact() {
        assert_eq!(cost(&PRICES, counts(1_000_000, 0, 0)), NanoUsd(150_000_000));
        assert_eq!(cost(&PRICES, counts(1000, 400, 10)), NanoUsd(600 * 150 + 400 * 75 + 10 * 600));
        // More from the cache than there is cannot make it cheaper than the cache.
        assert_eq!(cost(&PRICES, counts(10, 1000, 0)), NanoUsd(750));
        let dear =
            Prices { input_per_million_usd: 1e9, output_per_million_usd: 1e9, cached_input_per_million_usd: None };
        assert_eq!(cost(&dear, counts(u64::MAX, 0, u64::MAX)), NanoUsd(1_000_000_000_000_000));
        let cheap = Prices { input_per_million_usd: 0.000_001, ..PRICES };
        assert_eq!(cost(&cheap, counts(1, 0, 0)), NanoUsd(1));
        assert_eq!(cost(&PRICES, counts(0, 0, 0)), NanoUsd(0));
    }

    #[test]
    fn amounts_are_decimal_numbers() {
        for (amount, text) in
            [(0, "0"), (1, "0.000000001"), (125_000, "0.000125"), (1_500_000_000, "1.5"), (2_000_000_000, "2")]
        {
            assert_eq!(NanoUsd(amount).to_string(), text);
        }
        assert_eq!(NanoUsd::of_usd(0.1), Some(NanoUsd(100_000_000)));
        assert_eq!([NanoUsd::of_usd(-1.0), NanoUsd::of_usd(f64::NAN), NanoUsd::of_usd(1e18)], [None; 3]);
    }
}
