//! What a connection's bytes go over: TCP, or TLS on it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::socket::Socket;

/// The first byte of every TLS connection: a record of the handshake, by RFC 8446, section 5.1.
const HANDSHAKE: u8 = 22;
/// For who speaks HTTP where HTTPS is spoken.
const NOT_ENCRYPTED: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: 49\r\n\
                               connection: close\r\n\r\nThis port speaks HTTPS; use https:// to reach it.";

/// How long nothing of that may be taken.
const TELL_TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection's bytes go over.
pub(super) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Waits for the handshake. Who sends HTTP instead is told so.
    pub(super) async fn encrypted(stream: TcpStream, config: &Arc<ServerConfig>) -> io::Result<Self> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 1 && first[0] != HANDSHAKE {
            let mut socket = Socket::new(Self::Plain(stream), Bytes::new(), None, TELL_TIMEOUT);
            socket.write_all(NOT_ENCRYPTED).await?;
            // Reads for a moment what still comes, so that the answer can be read.
            socket.shutdown().await?;
            return Err(ErrorKind::InvalidData.into());
        }
        TlsAcceptor::from(Arc::clone(config)).accept(stream).await.map(|stream| Self::Encrypted(Box::new(stream)))
    }
}

macro_rules! on_wire {
    ($self:ident, $stream:ident => $poll:expr) => {
        match $self.get_mut() {
            Wire::Plain(stream) => {
                let $stream = Pin::new(stream);
                $poll
            }
            Wire::Encrypted(stream) => {
                let $stream = Pin::new(stream);
                $poll
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_wire!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_wire!(self, stream => stream.poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_wire!(self, stream => stream.poll_shutdown(context))
    }
}
