//! The socket of a connection: it times what HTTP leaves untimed, and closes so that its client can read why.
//!
//! A head has to arrive in time, or is answered 408; a connection may be idle between requests, for longer. hyper's own
//! timer knows only one time for both, and closes without a word. A client that takes nothing of its answer for too long
//! is taken for gone.
//!
//! A server that closes a socket while bytes of an upload are still coming makes its kernel send a reset, and many
//! clients then never see the answer that was written before. So the write side is shut first, and what still comes is
//! read and thrown away, for a moment.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::wire::Wire;

/// How much of a refused upload is thrown away.
const MAX_DISCARDED_BYTES: usize = 1 << 20;
/// How long that may take.
const MAX_DISCARD_TIME: Duration = Duration::from_secs(1);

/// The requests on a connection: how many began, how many ended, and when the last one did.
#[derive(Debug)]
pub(crate) struct Activity {
    opened: Instant,
    begun: AtomicU64,
    ended: AtomicU64,
    /// Milliseconds after the connection was opened.
    last_end: AtomicU64,
}

impl Activity {
    /// Of a connection that was opened now.
    pub(crate) fn new() -> Self {
        let none = AtomicU64::default;
        Self { opened: Instant::now(), begun: none(), ended: none(), last_end: none() }
    }

    /// A request has begun; it ends when the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> ActivityGuard {
        self.begun.fetch_add(1, Ordering::Relaxed);
        ActivityGuard(Arc::clone(self))
    }

    /// How many requests ended, and when the last one did, when none is under way.
    fn idle(&self) -> Option<(u64, Instant)> {
        let ended = self.ended.load(Ordering::Acquire);
        let is_idle = ended == self.begun.load(Ordering::Relaxed);
        is_idle.then(|| (ended, self.opened + Duration::from_millis(self.last_end.load(Ordering::Relaxed))))
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct ActivityGuard(Arc<Activity>);

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        let millis = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last_end.store(millis, Ordering::Relaxed);
        self.0.ended.fetch_add(1, Ordering::Release);
    }
}

/// How long a connection waits for a head.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadTimes {
    /// From its first byte to its last.
    pub(super) head: Duration,
    /// For its first byte.
    pub(super) idle: Duration,
}

/// The socket of a connection.
pub(super) struct Socket {
    stream: Wire,
    /// What was read of the stream before, and is to be read again.
    first: Bytes,
    heads: Option<HeadWatch>,
    writes: WriteWatch,
    discarded: usize,
    /// From the moment the write side is shut: when to give up on what still comes.
    discard_until: Option<Pin<Box<Sleep>>>,
}

/// Times the heads of HTTP/1.1.
pub(super) struct HeadWatch {
    activity: Arc<Activity>,
    times: HeadTimes,
    /// Which wait this is: how many requests ended before it.
    after: u64,
    since: Instant,
    has_begun: bool,
    /// Fires no later than the wait ends; set anew only when it fires too early or would fire too late.
    timer: Option<Pin<Box<Sleep>>>,
    /// Makes what is sent to a client whose head did not arrive in time.
    too_slow: Box<dyn Fn() -> Vec<u8> + Send + Sync>,
}

impl HeadWatch {
    /// Times the heads between the requests of `activity`.
    pub(super) fn new(
        activity: Arc<Activity>,
        times: HeadTimes,
        too_slow: impl Fn() -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let too_slow = Box::new(too_slow);
        Self { activity, times, after: 0, since: Instant::now(), has_begun: false, timer: None, too_slow }
    }

    /// Bytes came: if no request is under way they are of a head.
    fn note_bytes(&mut self) {
        if let Some(idle) = self.activity.idle() {
            self.note_idle(idle);
            if !self.has_begun {
                self.has_begun = true;
                self.since = Instant::now();
            }
        }
    }

    fn note_idle(&mut self, (after, since): (u64, Instant)) {
        if self.after != after {
            self.after = after;
            self.since = since;
            self.has_begun = false;
        }
    }

    /// Nothing came: ready when it was waited for long enough.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let end = match self.activity.idle() {
                Some(idle) => {
                    self.note_idle(idle);
                    self.since + if self.has_begun { self.times.head } else { self.times.idle }
                }
                // A request under way has times of its own. Nobody asks again when it ends, so the timer does.
                None => Instant::now() + self.times.idle,
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
            if timer.deadline() > end {
                timer.as_mut().reset(end);
            }
            ready!(timer.as_mut().poll(context));
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            timer.as_mut().reset(end);
        }
    }
}

/// Times how long nothing of what is written is taken.
struct WriteWatch {
    timeout: Duration,
    /// From the moment nothing was taken: when to give up.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl WriteWatch {
    /// What a write came to, or that nothing was taken for too long.
    fn poll(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let timeout = self.timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + timeout)));
        stalled.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl Socket {
    /// A socket of which these first bytes were read already.
    pub(super) fn new(stream: Wire, first: Bytes, heads: Option<HeadWatch>, write_timeout: Duration) -> Self {
        let writes = WriteWatch { timeout: write_timeout, stalled: None };
        Self { stream, first, heads, writes, discarded: 0, discard_until: None }
    }

    fn note_bytes(&mut self) {
        if let Some(heads) = &mut self.heads {
            heads.note_bytes();
        }
    }

    /// Reads and throws away until the client is done, or it is enough.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 * 1024];
        while self.discarded < MAX_DISCARDED_BYTES {
            if let Some(until) = &mut self.discard_until
                && until.as_mut().poll(context).is_ready()
            {
                break;
            }
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer)) {
                Ok(()) if buffer.filled().is_empty() => break,
                Ok(()) => self.discarded += buffer.filled().len(),
                // The client is gone: it will not read the answer.
                Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let taken = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first.split_to(taken));
            self.note_bytes();
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            if buffer.filled().len() > before {
                self.note_bytes();
            }
            return Poll::Ready(read);
        }
        let Some(heads) = &mut self.heads else { return Poll::Pending };
        ready!(heads.poll_patience(context));
        if heads.has_begun {
            let answer = (heads.too_slow)();
            // Whoever cannot take a few hundred bytes at once is not told.
            drop(Pin::new(&mut self.stream).poll_write(context, &answer));
            drop(Pin::new(&mut self.stream).poll_flush(context));
        }
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.writes.poll(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.writes.poll(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.discard_until.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.discard_until = Some(Box::pin(sleep_until(Instant::now() + MAX_DISCARD_TIME)));
        }
        self.poll_discard(context)
    }
}
