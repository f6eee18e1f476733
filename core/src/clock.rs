//! The time of day, which tests can set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// A clock that stands still at the time that is set.
    #[cfg(test)]
    pub(crate) fn set_by(time: &Arc<AtomicI64>) -> Self {
        Self(Some(Arc::clone(time)))
    }

    /// The time.
    pub(crate) fn now(&self) -> i64 {
        match &self.0 {
            Some(time) => time.load(Ordering::Relaxed),
            None => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(now.as_millis()).unwrap_or_default()
            }
        }
    }
}
