//! How often a token may call.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, QuantaInstant, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

/// A rate: so many requests per second on average, so many at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLimit {
    /// Requests per second, above 0; 0.5 is one every two seconds.
    pub per_second: f64,
    /// Requests at once.
    pub burst: NonZeroU32,
}

/// What a limiter's state is after a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    /// Requests at once that the limiter admits when it is rested.
    pub burst: u32,
    /// Requests at once that it would admit now.
    pub remaining: u32,
    /// How long until the burst is whole again.
    pub reset: Duration,
}

/// A request that the limiter does not admit now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The limiter's state.
    pub state: RateState,
    /// After how long it admits the next request.
    pub retry_after: Duration,
}

/// The limiter of one secret. It lives with the secret, so that there are never more limiters than secrets and none
/// for a caller that is not known.
pub struct RequestLimiter {
    limiter: RateLimiter<Spend, Bucket, DefaultClock, StateInformationMiddleware>,
    bucket: Bucket,
    limit: RateLimit,
    clock: DefaultClock,
    start: QuantaInstant,
}

/// Whether a decision takes from the bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Spend {
    Charge,
    Peek,
}

/// One bucket: the theoretical arrival time of the next request, in nanoseconds since the limiter's start.
#[derive(Clone, Debug, Default)]
struct Bucket(Arc<AtomicU64>);

impl StateStore for Bucket {
    type Key = Spend;

    fn measure_and_replace<T, F, E>(&self, spend: &Spend, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let stored = |arrival: u64| (arrival != 0).then(|| Nanos::new(arrival));
        let mut before = self.0.load(Ordering::Acquire);
        loop {
            let (outcome, after) = decide(stored(before))?;
            if *spend == Spend::Peek {
                return Ok(outcome);
            }
            match self.0.compare_exchange_weak(before, after.as_u64(), Ordering::Release, Ordering::Acquire) {
                Ok(_) => return Ok(outcome),
                Err(changed) => before = changed,
            }
        }
    }
}

impl RequestLimiter {
    /// A rested limiter.
    #[must_use]
    pub fn new(limit: RateLimit) -> Self {
        let clock = DefaultClock::default();
        let start = clock.now();
        let bucket = Bucket::default();
        // A period below a nanosecond or beyond a century is no rate that anybody means.
        let period = Duration::from_secs_f64((1.0 / limit.per_second).clamp(1e-9, 3e9));
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(limit.burst);
        let limiter = RateLimiter::new(quota, bucket.clone(), clock.clone());
        Self { limiter, bucket, limit, clock, start }
    }

    /// The rate that it holds to.
    #[must_use]
    pub fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Admits a request and charges it, or refuses it and charges nothing.
    pub fn charge(&self) -> Result<RateState, Refused> {
        self.decide(Spend::Charge)
    }

    /// Tells whether a request would be admitted now, and charges nothing. The state is the one before it.
    pub fn peek(&self) -> Result<RateState, Refused> {
        let admitted = self.decide(Spend::Peek)?;
        // The library's answer has the request taken off already.
        Ok(RateState { remaining: admitted.remaining.saturating_add(1).min(self.limit.burst.get()), ..admitted })
    }

    fn decide(&self, spend: Spend) -> Result<RateState, Refused> {
        let decision = self.limiter.check_key(&spend);
        let now = self.clock.now();
        let arrival = Duration::from_nanos(self.bucket.0.load(Ordering::Acquire));
        let reset = arrival.saturating_sub(now.duration_since(self.start).into());
        let state = |remaining| RateState { burst: self.limit.burst.get(), remaining, reset };
        match decision {
            Ok(snapshot) => Ok(state(snapshot.remaining_burst_capacity())),
            Err(not_until) => Err(Refused { state: state(0), retry_after: not_until.wait_time_from(now) }),
        }
    }
}

impl fmt::Debug for RequestLimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestLimiter").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: f64, burst: u32) -> RequestLimiter {
        RequestLimiter::new(RateLimit { per_second, burst: NonZeroU32::new(burst).unwrap() })
    }

    fn whole_seconds(duration: Duration) -> u64 {
        duration.as_secs_f64().round() as u64
    }

    #[test]
    fn the_burst_is_admitted_and_no_more() {
        let limiter = limiter(0.001, 3);
        for remaining in [2, 1, 0] {
            assert_eq!(limiter.charge().unwrap().remaining, remaining);
        }
        let refused = limiter.charge().unwrap_err();
        assert_eq!(whole_seconds(refused.retry_after), 1000);
        assert_eq!(whole_seconds(refused.state.reset), 3000);
        assert_eq!((refused.state.burst, refused.state.remaining), (3, 0));
    }

    #[test]
    fn a_peek_charges_nothing() {
        let limiter = limiter(0.001, 2);
        for _ in 0..5 {
            assert_eq!(limiter.peek().unwrap().remaining, 2);
        }
        limiter.charge().unwrap();
        assert_eq!(limiter.peek().unwrap().remaining, 1);
        limiter.charge().unwrap();
        assert!(limiter.peek().is_err());
    }

    #[test]
    fn racing_callers_get_the_burst_exactly() {
        let limiter = limiter(0.001, 100);
        let admitted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        admitted.fetch_add(u64::from(limiter.charge().is_ok()), Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 100);
    }
}
