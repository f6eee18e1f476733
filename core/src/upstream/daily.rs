//! A server's allowance for the day, as far as this process uses it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(86_400);

/// How much of an allowance is used. It begins anew at 00:00 UTC.
#[derive(Debug)]
pub struct DailyUse {
    /// How many requests a day has; none: only the server counts.
    allowed: Option<u32>,
    /// The day, in days since 1970, and how many requests it saw.
    used: Mutex<(u64, u32)>,
}

/// The time since 1970.
pub fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How long it is until the next 00:00 UTC.
#[must_use]
pub fn until_midnight(now: Duration) -> Duration {
    Duration::from_secs((day(now) + 1) * DAY.as_secs()).saturating_sub(now)
}

fn day(now: Duration) -> u64 {
    now.as_secs() / DAY.as_secs()
}

impl DailyUse {
    /// Nothing of this allowance is used.
    pub(super) fn new(allowed: Option<u32>) -> Self {
        Self { allowed, used: Mutex::default() }
    }

    /// Uses one request, or says how long it is until there is another.
    pub fn take(&self, now: Duration) -> Result<(), Duration> {
        let Some(allowed) = self.allowed else { return Ok(()) };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.0 != day(now) {
            *used = (day(now), 0);
        }
        if used.1 >= allowed {
            return Err(until_midnight(now));
        }
        used.1 += 1;
        Ok(())
    }

    /// Goes on from what was used of an allowance that this one takes the place of.
    pub(super) fn continue_from(&self, before: &Self) {
        let used = *before.used.lock().unwrap_or_else(PoisonError::into_inner);
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = used;
    }

    /// Gives back a request that the server never saw.
    pub fn give_back(&self) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.1 = used.1.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_for_one_day() {
        let noon = Duration::from_secs(20_000 * 86_400 + 43_200);
        let daily = DailyUse::new(Some(2));
        assert_eq!((daily.take(noon), daily.take(noon)), (Ok(()), Ok(())));
        assert_eq!(daily.take(noon), Err(Duration::from_secs(43_200)));
        daily.give_back();
        assert_eq!((daily.take(noon), daily.take(noon).is_err()), (Ok(()), true));
        let larger = DailyUse::new(Some(3));
        larger.continue_from(&daily);
        assert_eq!((larger.take(noon), larger.take(noon).is_err()), (Ok(()), true));
        assert_eq!(daily.take(noon + Duration::from_secs(43_200)), Ok(()));
    }

    #[test]
    fn without_a_number_only_the_server_counts() {
        let daily = DailyUse::new(None);
        assert!((0..1000).all(|_| daily.take(Duration::ZERO).is_ok()));
    }
}
