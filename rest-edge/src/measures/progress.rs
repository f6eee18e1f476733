//! What is found out about a request on its way, by whoever finds it out.

use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gateway_proto::Operation;

use super::routes::Place;

tokio::task_local! {
    /// That of the request which the task works on: a handler, a body and a client of the core have nothing else in common.
    static CURRENT: Arc<Progress>;
}

/// What is known of a request while it runs.
#[derive(Debug)]
pub(crate) struct Progress {
    place: AtomicUsize,
    waited_nanos: AtomicU64,
    code: OnceLock<&'static str>,
}

impl Progress {
    /// Of a request that goes to this place, unless it turns out to go to a route of the contract.
    pub(super) fn begin(place: Place) -> Arc<Self> {
        Arc::new(Self { place: place.index().into(), waited_nanos: AtomicU64::new(0), code: OnceLock::new() })
    }

    /// Runs the work of the request.
    pub(super) fn scope<F: Future>(self: &Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(Arc::clone(self), work)
    }

    /// That of the request which the task works on, for later.
    pub(crate) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Notes which route took the request.
    pub(crate) fn note_route(operation: Operation) {
        let place = Place::of(operation).index();
        let _ = CURRENT.try_with(|progress| progress.place.store(place, Ordering::Relaxed));
    }

    /// Waits for somebody else, the client or the core, whose time is not the edge's own.
    pub(crate) async fn wait<F: Future>(work: F) -> F::Output {
        let begin = Instant::now();
        let done = work.await;
        let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let _ = CURRENT.try_with(|progress| progress.waited_nanos.fetch_add(nanos, Ordering::Relaxed));
        done
    }

    /// Notes the code of an error that comes after the head; the head tells its own.
    pub(crate) fn note_code(&self, code: &'static str) {
        // The first one is the cause of the others.
        let _ = self.code.set(code);
    }

    pub(super) fn place(&self) -> usize {
        self.place.load(Ordering::Relaxed)
    }

    pub(super) fn code(&self) -> Option<&'static str> {
        self.code.get().copied()
    }

    /// How long others were waited for; none where nobody was.
    pub(super) fn waited(&self) -> Option<Duration> {
        let nanos = self.waited_nanos.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_found_out_belongs_to_the_request() {
        let progress = Progress::begin(Place::OTHER);
        let work = async {
            Progress::note_route(Operation::ListModels);
            Progress::wait(tokio::task::yield_now()).await;
            Progress::current().unwrap().note_code("first");
            Progress::current().unwrap().note_code("second");
        };
        progress.scope(work).await;
        assert_eq!(progress.place(), Place::of(Operation::ListModels).index());
        assert!(progress.waited().is_some());
        assert_eq!(progress.code(), Some("first"));
        // Outside of a request there is nothing to note.
        Progress::note_route(Operation::ListModels);
        assert!(Progress::current().is_none());
    }
}
