//! The choice among several cores: the one with the fewest calls, but none that just refused one.
//!
//! A core that ends, or is gone, answers faster than any other, so that whoever looks only at what is under way sends it
//! ever more. Hence one that refuses rests for a moment, in which the others are asked.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Channel;
use tower::ServiceExt;

use super::channel::BoxError;

/// For which a core that refused a call is not asked while there are others.
const REST: Duration = Duration::from_secs(1);

/// How long a call waits for the first lookup of the cores' name.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(2);

/// The cores' name stands for nothing yet.
#[derive(Debug, thiserror::Error)]
#[error("the cores' name has not been looked up yet")]
pub(super) struct NoCore;

/// Several cores; cheap to clone.
#[derive(Clone)]
pub(super) struct Cores(Arc<Shared>);

struct Shared {
    begin: Instant,
    cores: ArcSwap<Vec<Arc<Core>>>,
    /// Where the next search begins, so that equals take turns.
    next: AtomicUsize,
    changed: Notify,
}

/// One of them.
struct Core {
    address: SocketAddr,
    channel: Channel,
    /// Calls whose answers have not ended.
    in_flight: AtomicUsize,
    /// In milliseconds since the beginning.
    rests_until: AtomicU64,
}

/// Put into a request's extensions, it learns which core the request went to.
#[derive(Clone, Default)]
pub(super) struct Chosen(Arc<OnceLock<(Cores, Arc<Core>)>>);

impl Chosen {
    /// The core refused the call: others are to be asked for a moment.
    pub(super) fn rest(&self) {
        if let Some((cores, core)) = self.0.get() {
            let until = cores.now() + u64::try_from(REST.as_millis()).unwrap_or(u64::MAX);
            core.rests_until.store(until, Ordering::Relaxed);
        }
    }
}

impl Cores {
    pub(super) fn new() -> Self {
        let (begin, cores, next) = (Instant::now(), ArcSwap::default(), AtomicUsize::new(0));
        Self(Arc::new(Shared { begin, cores, next, changed: Notify::new() }))
    }

    /// Takes these addresses for the cores from now on; those that are known keep their connections.
    pub(super) fn set(
        &self,
        addresses: impl Iterator<Item = SocketAddr>,
        connect: impl Fn(SocketAddr) -> Option<Channel>,
    ) {
        let known = self.0.cores.load();
        let core = |address| {
            let core = known.iter().find(|core| core.address == address);
            core.cloned().or_else(|| {
                let (in_flight, rests_until) = (AtomicUsize::new(0), AtomicU64::new(0));
                connect(address).map(|channel| Arc::new(Core { address, channel, in_flight, rests_until }))
            })
        };
        let cores = addresses.filter_map(core).collect();
        self.0.cores.store(Arc::new(cores));
        self.0.changed.notify_waiters();
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Of those that do not rest the one with the fewest calls; if all rest, the one that has done so for longest.
    fn choose(&self) -> Option<Arc<Core>> {
        let cores = self.0.cores.load();
        let now = self.now();
        let first = self.0.next.fetch_add(1, Ordering::Relaxed) % cores.len().max(1);
        let rank = |core: &&Arc<Core>| {
            let rests_until = core.rests_until.load(Ordering::Relaxed);
            (if rests_until > now { rests_until } else { 0 }, core.in_flight.load(Ordering::Relaxed))
        };
        cores[first..].iter().chain(&cores[..first]).min_by_key(rank).cloned()
    }

    /// What is chosen as soon as the name was looked up.
    async fn first(&self) -> Arc<Core> {
        loop {
            let changed = self.0.changed.notified();
            if let Some(core) = self.choose() {
                return core;
            }
            changed.await;
        }
    }

    /// Makes a call of the core that is to have it.
    pub(super) async fn call(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let core = match self.choose() {
            Some(core) => core,
            None => timeout(LOOKUP_PATIENCE, self.first()).await.map_err(|_| NoCore)?,
        };
        if let Some(Chosen(chosen)) = request.extensions().get() {
            drop(chosen.set((self, Arc::clone(&core))));
        }
        core.in_flight.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(core);
        let response = under_way.0.channel.clone().oneshot(request).await?;
        Ok(response.map(|body| Body::new(Counted { body, _under_way: under_way })))
    }
}

/// A call whose answer has not ended.
struct UnderWay(Arc<Core>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that counts as under way until it is dropped.
struct Counted {
    body: Body,
    _under_way: UnderWay,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;

    use super::*;

    fn cores(ports: &[u16]) -> Cores {
        let cores = Cores::new();
        set(&cores, ports);
        cores
    }

    fn set(cores: &Cores, ports: &[u16]) {
        let addresses = ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port)));
        cores.set(addresses, |_| Some(Endpoint::from_static("http://127.0.0.1:1").connect_lazy()));
    }

    /// The ports of the next choices, each of which goes on.
    fn choices(cores: &Cores, count: usize) -> Vec<u16> {
        let choose = |_| {
            let core = cores.choose().unwrap();
            core.in_flight.fetch_add(1, Ordering::Relaxed);
            core.address.port()
        };
        let mut ports: Vec<_> = (0..count).map(choose).collect();
        ports.sort_unstable();
        ports
    }

    fn rest(cores: &Cores, port: u16) {
        let core = cores.0.cores.load().iter().find(|core| core.address.port() == port).cloned().unwrap();
        let chosen = Chosen::default();
        drop(chosen.0.set((cores.clone(), core)));
        chosen.rest();
    }

    #[tokio::test]
    async fn calls_are_spread() {
        assert_eq!(choices(&cores(&[1, 2, 3]), 6), [1, 1, 2, 2, 3, 3]);
        assert!(Cores::new().choose().is_none());
    }

    #[tokio::test]
    async fn one_that_refused_rests_while_there_are_others() {
        let cores = cores(&[1, 2]);
        rest(&cores, 1);
        assert_eq!(choices(&cores, 3), [2, 2, 2]);
        rest(&cores, 2);
        assert_eq!(choices(&cores, 2).len(), 2);
    }

    #[tokio::test]
    async fn those_that_stay_are_known_on() {
        let cores = cores(&[1, 2]);
        assert_eq!(choices(&cores, 2), [1, 2]);
        set(&cores, &[2, 3]);
        // What was begun with 2 still counts.
        assert_eq!(choices(&cores, 1), [3]);
    }
}
