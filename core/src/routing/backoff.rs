//! How often, and after which pause, the same target is asked again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::dice::Dice;

/// How often one call may be sent to the same target again.
pub(super) const MAX_REPEATS: u32 = 2;
/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE_MILLIS: u32 = 100;
/// A repetition costs what this many calls bring in.
const CALLS_PER_REPEAT: u32 = 10;
/// As many repetitions can be saved up.
const MAX_SAVED_REPEATS: u32 = 10;

/// The pause before a repetition: anything up to its longest ("full jitter"), so that callers do not come back together.
pub(super) fn pause(repeats: u32, dice: &Dice) -> Duration {
    let longest = FIRST_PAUSE_MILLIS << repeats.min(MAX_REPEATS);
    Duration::from_millis(u64::from(dice.below(longest + 1)))
}

/// Bounds how often a target sees a call again to a tenth of the calls that it sees. It begins empty, so that the bound
/// holds from the first call on.
#[derive(Debug, Default)]
pub(super) struct RetryBudget(AtomicU32);

impl RetryBudget {
    /// A call was sent for the first time.
    pub(super) fn deposit(&self) {
        const MOST: u32 = MAX_SAVED_REPEATS * CALLS_PER_REPEAT;
        let add = |saved: u32| (saved < MOST).then_some(saved + 1);
        // It is full.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Whether a call may be sent again, which is then paid for.
    pub(super) fn withdraw(&self) -> bool {
        let take = |saved: u32| saved.checked_sub(CALLS_PER_REPEAT);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_a_tenth_of_the_calls() {
        let budget = RetryBudget::default();
        let mut repeats = 0;
        for call in 1..=1000 {
            budget.deposit();
            repeats += u32::from(budget.withdraw());
            assert!(repeats * 10 <= call);
        }
        assert_eq!(repeats, 100);
    }

    #[test]
    fn what_is_saved_up_is_bounded() {
        let budget = RetryBudget::default();
        (0..1000).for_each(|_| budget.deposit());
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let dice = Dice::seeded(1);
        for (repeats, longest) in [(0, 100), (1, 200), (2, 400), (40, 400)] {
            let pauses: Vec<_> = (0..1000).map(|_| pause(repeats, &dice)).collect();
            let most = pauses.iter().max().unwrap().as_millis();
            assert!(most <= longest && most > longest * 9 / 10, "{most}");
            assert!(pauses.iter().min().unwrap().as_millis() < 10);
        }
    }
}
