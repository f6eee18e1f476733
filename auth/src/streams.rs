//! How many streams a token has open.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts the open streams of one token; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenStreams(Arc<AtomicU32>);

/// A stream that counts as open until this is dropped.
#[derive(Debug)]
pub struct StreamPermit(OpenStreams);

impl OpenStreams {
    /// Counts one more, unless there are `most` already.
    pub(crate) fn open(&self, most: u32) -> Option<StreamPermit> {
        let one_more = |open: u32| (open < most).then_some(open + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(StreamPermit(self.clone()))
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_counts_until_it_is_dropped() {
        let open = OpenStreams::default();
        let (first, second) = (open.open(2).unwrap(), open.open(2).unwrap());
        assert!(open.clone().open(2).is_none());
        drop(first);
        let third = open.open(2).unwrap();
        assert!(open.open(2).is_none());
        drop((second, third));
        assert_eq!(open.0.load(Ordering::Relaxed), 0);
    }
}
