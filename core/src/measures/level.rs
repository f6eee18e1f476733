//! How many of something there are at present.

use metrics::Gauge;

/// One more of something, until it is dropped.
pub(crate) struct Level(Gauge);

impl Level {
    /// Counts one.
    pub(crate) fn raise(gauge: &Gauge) -> Self {
        gauge.increment(1.0);
        Self(gauge.clone())
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

impl std::fmt::Debug for Level {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Level")
    }
}
