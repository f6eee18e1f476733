//! The socket on which gRPC is served.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::encrypted::Encrypted;
use crate::config::ListenAddress;

/// A socket that is bound.
#[derive(Debug)]
pub enum GrpcListener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket, and its path, which is removed when the listener goes.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may be gone already.
        drop(std::fs::remove_file(&self.0));
    }
}

impl GrpcListener {
    /// Binds an address. A socket file that nobody listens on is replaced.
    pub async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            ListenAddress::Unix(path) => {
                if path.exists() && UnixStream::connect(path).await.is_err() {
                    std::fs::remove_file(path)?;
                }
                Ok(Self::Unix(UnixListener::bind(path)?, SocketFile(path.clone())))
            }
        }
    }

    /// The address that was bound: with the port that was picked.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            Self::Unix(_, file) => Ok(ListenAddress::Unix(file.0.clone())),
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<GrpcStream> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // A socket that is gone already shows when it is read.
                drop(stream.set_nodelay(true));
                Ok(GrpcStream::Tcp(stream))
            }
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| GrpcStream::Unix(stream)),
        }
    }
}

/// A connection's socket.
pub(super) enum GrpcStream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Encrypted>),
}

impl GrpcStream {
    /// The same with TLS on it, if it is TCP.
    pub(super) fn encrypted(self, tls: Option<&Arc<ServerConfig>>) -> Self {
        match (self, tls) {
            (Self::Tcp(stream), Some(config)) => Self::Tls(Box::new(Encrypted::new(stream, config))),
            (stream, _) => stream,
        }
    }
}

impl fmt::Debug for GrpcStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GrpcStream")
    }
}

macro_rules! on_stream {
    ($self:ident, $stream:ident => $poll:expr) => {
        match $self.get_mut() {
            GrpcStream::Tcp(stream) => {
                let $stream = Pin::new(stream);
                $poll
            }
            GrpcStream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $poll
            }
            GrpcStream::Tls(stream) => {
                let $stream = Pin::new(stream);
                $poll
            }
        }
    };
}

impl AsyncRead for GrpcStream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for GrpcStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_shutdown(context))
    }
}
