//! TLS on a connection, whose handshake is made while it is read and written, so that it holds up no other.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// An encrypted connection, from the first byte of its handshake on.
pub(super) enum Encrypted {
    Beginning(Accept<TcpStream>),
    Begun(TlsStream<TcpStream>),
    /// The handshake failed, and is not to be asked again.
    Failed,
}

impl Encrypted {
    pub(super) fn new(stream: TcpStream, config: &Arc<ServerConfig>) -> Self {
        Self::Beginning(TlsAcceptor::from(Arc::clone(config)).accept(stream))
    }

    /// The connection, once the handshake is made.
    fn poll_begun(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<TcpStream>>>> {
        if let Self::Beginning(accept) = self {
            let made = ready!(Pin::new(accept).poll(context));
            *self = Self::Failed;
            *self = Self::Begun(made?);
        }
        match self {
            Self::Begun(stream) => Poll::Ready(Ok(Pin::new(stream))),
            Self::Beginning(_) | Self::Failed => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_begun(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(context))?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(context))?.poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_begun(context))?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Begun(stream) => Pin::new(stream).poll_shutdown(context),
            // Dropped as it is: nobody was told anything yet.
            Self::Beginning(_) | Self::Failed => Poll::Ready(Ok(())),
        }
    }
}
