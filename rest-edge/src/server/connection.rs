//! One connection: which protocol it speaks, how long it may take, and how it ends.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use gateway_proto::{ApiError, ErrorCode};
use http::{HeaderValue, header};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::socket::{Activity, HeadTimes, HeadWatch, Socket};
use super::wire::Wire;
use crate::error::Failure;
use crate::router::{Watched, new_request_id, put_request_id};

/// How an HTTP/2 connection begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most header fields of a request.
const MAX_HEADERS: usize = 100;
/// The most bytes of an HTTP/1.1 head, of what is read ahead of a body, and of what waits to be taken by a client.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// The most bytes of an HTTP/2 head.
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
const MAX_STREAMS: u32 = 256;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused connection may take to read why.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// After this time there is likely to be room for a connection.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What every connection is served with; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    /// The routes.
    pub(super) service: Watched,
    /// How long a head is waited for.
    pub(super) times: HeadTimes,
    /// How long nothing of an answer may be taken.
    pub(super) write_timeout: Duration,
    /// How connections are encrypted, if they are.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Cancelled once connections are to finish what they carry.
    pub(super) closing: CancellationToken,
}

enum Protocol {
    Http1,
    Http2,
}

impl Serving {
    /// Serves a connection until it ends, or until it is closing and what it carries has ended.
    pub(super) async fn serve(self, stream: TcpStream) {
        let begun = async {
            let mut stream = match &self.tls {
                Some(config) => Wire::encrypted(stream, config).await?,
                None => Wire::Plain(stream),
            };
            let mut first = BytesMut::with_capacity(PREFACE.len());
            let protocol = detect(&mut stream, &mut first).await?;
            Ok::<_, io::Error>((stream, first, protocol))
        };
        let begun = tokio::select! {
            begun = timeout(self.times.head, begun) => begun,
            () = self.closing.cancelled() => return,
        };
        match begun {
            Ok(Ok((stream, first, Protocol::Http1))) => self.serve_http1(stream, first.freeze()).await,
            Ok(Ok((stream, _, Protocol::Http2))) => self.serve_http2(stream).await,
            // It broke, or never said enough to be answered.
            Ok(Err(_)) | Err(_) => {}
        }
    }

    async fn serve_http1(self, stream: Wire, first: Bytes) {
        let activity = Arc::new(Activity::new());
        let public_url = self.service.public_url().to_owned();
        let heads = HeadWatch::new(Arc::clone(&activity), self.times, move || head_too_slow(&public_url));
        let mut builder = http1::Builder::new();
        builder
            // A client that closes its side is taken for gone: its call to the model server ends with it.
            .half_close(false)
            // The socket times heads.
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_BUFFER_BYTES);
        let socket = TokioIo::new(Socket::new(stream, first, Some(heads), self.write_timeout));
        let mut connection = pin!(builder.serve_connection(socket, self.service.on_connection(activity)));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        note(ended);
    }

    /// Serves a connection whose preface was read already. Its keep-alive finds a client that is gone.
    async fn serve_http2(self, stream: Wire) {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_BYTES)
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT);
        let socket = TokioIo::new(Socket::new(stream, Bytes::from_static(PREFACE), None, self.write_timeout));
        let mut connection = pin!(builder.serve_connection(socket, self.service));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        note(ended);
    }
}

/// How a connection ended is the client's affair.
fn note(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Tells a connection that it is one too many, and closes it.
pub(super) async fn refuse(stream: TcpStream, public_url: &str) {
    let message = "The gateway serves as many connections as it can; send the request again.";
    let error = ApiError::new(ErrorCode::Overloaded, message).with_retry_after(RETRY_AFTER);
    let response = on_the_wire(error, public_url);
    let mut socket = Socket::new(Wire::Plain(stream), Bytes::new(), None, REFUSAL_TIMEOUT);
    let told = async {
        socket.write_all(&response).await?;
        socket.shutdown().await
    };
    // Whoever does not read in time is not told.
    drop(timeout(REFUSAL_TIMEOUT, told).await);
}

fn head_too_slow(public_url: &str) -> Vec<u8> {
    let message = "The head of the request did not arrive in time; send it again, faster.";
    on_the_wire(ApiError::new(ErrorCode::RequestTimeout, message), public_url)
}

/// An error as it goes over the wire where no request was read that it could be the answer to.
fn on_the_wire(error: ApiError, public_url: &str) -> Vec<u8> {
    let id = new_request_id();
    let mut response = Failure::from(error).into_raw(id.to_str().unwrap_or_default(), public_url);
    let status = response.status();
    let headers = response.headers_mut();
    put_request_id(headers, id);
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let length = response.body().len();
    let mut bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n").into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(response.body());
    bytes
}

/// Reads as many bytes as tell the protocols apart.
async fn detect(stream: &mut Wire, first: &mut BytesMut) -> io::Result<Protocol> {
    loop {
        let missing = PREFACE.len() - first.len();
        if stream.read_buf(&mut first.limit(missing)).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(first) {
            return Ok(Protocol::Http1);
        }
        if first.len() == PREFACE.len() {
            return Ok(Protocol::Http2);
        }
    }
}
