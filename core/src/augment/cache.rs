//! What was read last for each caller, kept until it changes.
//!
//! A value is fresh only if nothing of what it was read from was changed since its reading began: a change takes away
//! the reading that is under way, and whoever asks later begins another. What is not fresh any more stays, for as long as
//! there may be no database to ask.

mod slots;

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gateway_storage::{Change, Owner, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::composition::Parts;
use slots::{Slot, Slots};

/// How long a chat waits for a reading, from the begin of it: a database that is slow must not make every chat slow, and
/// one that works takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long it waits while the database is known to be slow.
const IMPATIENCE: Duration = Duration::from_millis(50);

/// Whose value it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The user.
    pub(super) owner: Owner,
    /// What of the user's.
    pub(super) place: Place,
}

/// A value among those of a user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The scope; none: what holds in no scope.
    pub(super) scope: Option<Arc<str>>,
    /// The parts that are wanted.
    pub(super) parts: Parts,
}

/// What is kept, by key.
#[derive(Debug)]
pub(super) struct Cache<V> {
    slots: Mutex<Slots<V>>,
    /// Whether the last reading that ended, or did not, took too long.
    is_slow: AtomicBool,
}

/// How large a value is, for the bound of all of them together.
pub(super) trait Weigh {
    /// Its bytes besides those of its own struct.
    fn weight(&self) -> usize;
}

/// What came of a reading; none yet.
type Outcome<V> = Option<Result<V, Arc<StoreError>>>;

/// A reading that is under way. It runs in a task of its own, so that whoever asked first may leave.
#[derive(Debug)]
struct Reading<V> {
    begun: Instant,
    outcome: watch::Receiver<Outcome<V>>,
}

impl<V> Default for Cache<V> {
    fn default() -> Self {
        Self { slots: Mutex::default(), is_slow: AtomicBool::default() }
    }
}

impl<V: Clone + Weigh + Send + Sync + 'static> Cache<V> {
    /// The value, if it is fresh.
    pub(super) fn fresh(&self, key: &Key) -> Option<V> {
        self.slots().get(key).filter(|slot| slot.is_fresh)?.touch().cloned()
    }

    /// The last value that was read, fresh or not.
    pub(super) fn last(&self, key: &Key) -> Option<V> {
        self.slots().get(key)?.touch().cloned()
    }

    /// The value as it is now, read by whoever asks first. If it cannot be read soon, the last one, where there is one.
    pub(super) async fn read<F>(self: &Arc<Self>, key: Key, read: impl FnOnce() -> F) -> Result<V, Arc<StoreError>>
    where
        F: Future<Output = Result<V, StoreError>> + Send + 'static,
    {
        let (reading, last) = match self.join(&key, read) {
            Joined::Fresh(value) => return Ok(value),
            Joined::Reading(reading, last) => (reading, last),
        };
        let mut outcome = reading.outcome.clone();
        let patience = if self.is_slow.load(Ordering::Relaxed) { IMPATIENCE } else { PATIENCE };
        let read = match timeout_at(reading.begun + patience, outcome.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => outcome.clone().unwrap_or_else(|| Err(Arc::new(StoreError::Panicked))),
            Ok(Err(_)) => {
                self.keep(&key, &reading, None);
                Err(Arc::new(StoreError::Panicked))
            }
            Err(_) => {
                self.is_slow.store(true, Ordering::Relaxed);
                Err(Arc::new(StoreError::TimedOut))
            }
        };
        match (read, last) {
            (Err(error), Some(last)) => {
                tracing::debug!(cause = %error, "what is added to a chat could not be read; the last value serves");
                Ok(last)
            }
            (read, _) => read,
        }
    }

    /// Nothing that this change concerns is fresh any more.
    pub(super) fn changed(&self, change: &Change) {
        self.slots().each_of(change, Slot::outdate);
    }

    /// Nothing is fresh any more.
    pub(super) fn everything_changed(&self) {
        self.slots().each(Slot::outdate);
    }

    /// Joins the reading that is under way, or begins one.
    fn join<F>(self: &Arc<Self>, key: &Key, read: impl FnOnce() -> F) -> Joined<V>
    where
        F: Future<Output = Result<V, StoreError>> + Send + 'static,
    {
        let mut slots = self.slots();
        let slot = slots.get_or_insert(key);
        let last = slot.value.clone();
        if let Some(value) = last.clone().filter(|_| slot.is_fresh) {
            return Joined::Fresh(value);
        }
        if let Some(reading) = &slot.reading {
            return Joined::Reading(Arc::clone(reading), last);
        }
        let (sender, outcome) = watch::channel(None);
        let reading = Arc::new(Reading { begun: Instant::now(), outcome });
        slot.reading = Some(Arc::clone(&reading));
        drop(slots);
        let (cache, key, own, work) = (Arc::clone(self), key.clone(), Arc::clone(&reading), read());
        tokio::spawn(async move {
            let outcome = work.await.map_err(Arc::new);
            if outcome.is_ok() {
                cache.is_slow.store(false, Ordering::Relaxed);
            }
            cache.keep(&key, &own, outcome.as_ref().ok().cloned());
            sender.send_replace(Some(outcome));
        });
        Joined::Reading(reading, last)
    }

    /// Ends a reading, and keeps what was read if nothing was changed meanwhile.
    fn keep(&self, key: &Key, reading: &Arc<Reading<V>>, value: Option<V>) {
        let mut slots = self.slots();
        let Some(slot) = slots.get(key).filter(|slot| slot.is_read_by(reading)) else { return };
        slot.reading = None;
        if let Some(value) = value {
            slots.fill(key, value);
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots<V>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is when somebody asks.
enum Joined<V> {
    Fresh(V),
    /// A reading, and the last value.
    Reading(Arc<Reading<V>>, Option<V>),
}

#[cfg(test)]
mod tests;
