//! Connections on the gRPC port: how many there may be, and how long one may take to say anything.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Stream, stream};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tonic::transport::server::Connected;

use super::listener::{GrpcListener, GrpcStream};
use crate::measures::Level;

/// The length of what every HTTP/2 client says first, by RFC 9113, section 3.4.
const PREFACE_BYTES: usize = 24;
/// How long it may take to arrive: as long as the edge lets the head of a first request take.
const PREFACE_PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a failed accept: the process is out of descriptors, and an end of a connection will give one back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// So many connections beyond the most are told so, call by call. More are closed without a word.
const TOLD_BEYOND: usize = 64;

/// A connection of which there is one too many: each of its calls is answered so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneTooMany(pub(crate) bool);

/// The connections that may be there.
#[derive(Clone, Debug)]
pub(super) struct Places {
    within: Arc<Semaphore>,
    beyond: Arc<Semaphore>,
}

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { within: Arc::new(Semaphore::new(most)), beyond: Arc::new(Semaphore::new(TOLD_BEYOND)) }
    }

    /// A place, and whether it is one too many; none when not even that can be told.
    fn take(&self) -> Option<(OwnedSemaphorePermit, OneTooMany)> {
        let within = Arc::clone(&self.within).try_acquire_owned().map(|place| (place, OneTooMany(false)));
        within.or_else(|_| Arc::clone(&self.beyond).try_acquire_owned().map(|place| (place, OneTooMany(true)))).ok()
    }
}

/// The connections of a listener; never ends.
pub(super) fn connections(
    listener: GrpcListener,
    tls: Option<Arc<ServerConfig>>,
    places: Places,
) -> impl Stream<Item = io::Result<Connection<GrpcStream>>> {
    let open = metrics::gauge!("gateway_grpc_connections_open");
    stream::unfold((listener, tls, places, open), |(listener, tls, places, open)| async move {
        loop {
            match listener.accept().await {
                Ok(stream) => {
                    // The handshake is part of what a client says first, and has its time.
                    let stream = stream.encrypted(tls.as_ref());
                    let Some((place, one_too_many)) = places.take() else {
                        metrics::counter!("gateway_grpc_connections_refused_total").increment(1);
                        continue;
                    };
                    let preface = Some(Preface { missing: PREFACE_BYTES, end: Box::pin(sleep(PREFACE_PATIENCE)) });
                    let _open = Level::raise(&open);
                    let connection = Connection { stream, preface, one_too_many, _place: place, _open };
                    return Some((Ok(connection), (listener, tls, places, open)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a gRPC connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

/// A connection on the gRPC port.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    /// Until the client has said the first thing.
    preface: Option<Preface>,
    one_too_many: OneTooMany,
    _place: OwnedSemaphorePermit,
    _open: Level,
}

#[derive(Debug)]
struct Preface {
    missing: usize,
    end: Pin<Box<Sleep>>,
}

impl<S> Connection<S> {
    /// What was polled, unless the client has had its time. Writing waits for it as reading does: what is written first waits
    /// for the handshake.
    fn in_time<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if let (Poll::Pending, Some(preface)) = (&polled, &mut self.preface) {
            ready!(preface.end.as_mut().poll(context));
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl<S> Connected for Connection<S> {
    type ConnectInfo = OneTooMany;

    fn connect_info(&self) -> OneTooMany {
        self.one_too_many
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let (Poll::Ready(_), Some(preface)) = (&read, &mut this.preface) {
            preface.missing = preface.missing.saturating_sub(buffer.filled().len() - before);
            if preface.missing == 0 {
                this.preface = None;
            }
        }
        this.in_time(context, read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.in_time(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    fn new_connection<S>(stream: S) -> Connection<S> {
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let preface = Some(Preface { missing: PREFACE_BYTES, end: Box::pin(sleep(PREFACE_PATIENCE)) });
        let _open = Level::raise(&metrics::gauge!("gateway_grpc_connections_open"));
        Connection { stream, preface, one_too_many: OneTooMany(false), _place: place, _open }
    }

    #[test]
    fn some_connections_beyond_the_most_are_told_so() {
        let places = Places::new(1);
        let (first, OneTooMany(is_beyond)) = places.take().unwrap();
        assert!(!is_beyond);
        let beyond: Vec<_> = (0..TOLD_BEYOND).map(|_| places.take().unwrap()).collect();
        assert!(beyond.iter().all(|(_, OneTooMany(is_beyond))| *is_beyond));
        assert!(places.take().is_none());
        drop(first);
        assert!(!places.take().unwrap().1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_which_nothing_can_be_written_has_the_same_time() {
        // As it is while a handshake waits.
        let (_client, stream) = tokio::io::duplex(1);
        let mut connection = new_connection(stream);
        assert_eq!(connection.write_all(&[0; 2]).await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed_in_time() {
        let (mut client, stream) = tokio::io::duplex(PREFACE_BYTES);
        let mut connection = new_connection(stream);
        client.write_all(&[0; PREFACE_BYTES - 1]).await.unwrap();
        let mut bytes = [0; PREFACE_BYTES];
        connection.read_exact(&mut bytes[1..]).await.unwrap();
        assert_eq!(connection.read(&mut bytes).await.unwrap_err().kind(), ErrorKind::TimedOut);

        client.write_all(&[0]).await.unwrap();
        connection.read_exact(&mut bytes[..1]).await.unwrap();
        assert!(futures_util::poll!(Box::pin(connection.read(&mut bytes))).is_pending());
        assert!(connection.preface.is_none());
    }

    #[tokio::test]
    async fn connections_come_over_tcp() {
        let listener = GrpcListener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address().unwrap().to_string();
        let mut incoming = Box::pin(connections(listener, None, Places::new(1)));
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut connection = futures_util::StreamExt::next(&mut incoming).await.unwrap().unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        connection.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
    }
}
