//! A socket that lets its client read the answer before it closes.
//!
//! A server that closes a socket while bytes of an upload are still coming makes its kernel send a reset, and many
//! clients then never see the answer that was written before. So the write side is shut first, and what still comes is
//! read and thrown away, for a moment.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// How much of a refused upload is thrown away.
const MAX_DISCARDED_BYTES: usize = 1 << 20;
/// How long that may take.
const MAX_DISCARD_TIME: Duration = Duration::from_secs(1);

/// A socket that lets its client read the answer before it closes.
pub(super) struct Lingering {
    stream: TcpStream,
    /// What was read of the stream before, and is to be read again.
    first: Bytes,
    /// From the moment the write side is shut: when to give up.
    until: Option<Pin<Box<Sleep>>>,
    discarded: usize,
}

impl Lingering {
    /// A socket of which these first bytes were read already.
    pub(super) fn new(stream: TcpStream, first: Bytes) -> Self {
        Self { stream, first, until: None, discarded: 0 }
    }

    /// Reads and throws away until the client is done, or it is enough.
    fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 * 1024];
        while self.discarded < MAX_DISCARDED_BYTES {
            if let Some(until) = &mut self.until
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

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let taken = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first.split_to(taken));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.until.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.until = Some(Box::pin(sleep_until(Instant::now() + MAX_DISCARD_TIME)));
        }
        self.poll_discard(context)
    }
}
