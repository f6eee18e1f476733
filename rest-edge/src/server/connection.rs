//! One connection: which protocol it speaks, how long it may take, and how it ends.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::lingering::Lingering;
use crate::router::Watched;

/// How an HTTP/2 connection begins.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The most header fields of a request.
const MAX_HEADERS: usize = 100;
/// The most bytes of an HTTP/1.1 head, and of what is read ahead of a body.
const MAX_BUFFER_BYTES: usize = 256 * 1024;
/// The most bytes of an HTTP/2 head.
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;
const MAX_STREAMS: u32 = 256;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused connection may take to read why.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

enum Protocol {
    Http1,
    Http2,
}

/// Serves a connection until it ends, or until `closing` and the end of what it carries.
pub(super) async fn serve(mut stream: TcpStream, service: Watched, head_timeout: Duration, closing: CancellationToken) {
    let protocol = tokio::select! {
        protocol = timeout(head_timeout, detect(&mut stream)) => protocol,
        () = closing.cancelled() => return,
    };
    match protocol {
        Ok(Ok((Protocol::Http1, first))) => {
            serve_http1(Lingering::new(stream, first), service, head_timeout, closing).await;
        }
        Ok(Ok((Protocol::Http2, first))) => serve_http2(Lingering::new(stream, first), service, closing).await,
        // It broke, or never said anything: there is nobody to answer.
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Reads as many bytes as tell the protocols apart.
async fn detect(stream: &mut TcpStream) -> io::Result<(Protocol, Bytes)> {
    let mut first = BytesMut::with_capacity(PREFACE.len());
    loop {
        let missing = PREFACE.len() - first.len();
        if stream.read_buf(&mut (&mut first).limit(missing)).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if !PREFACE.starts_with(&first) {
            return Ok((Protocol::Http1, first.freeze()));
        }
        if first.len() == PREFACE.len() {
            return Ok((Protocol::Http2, first.freeze()));
        }
    }
}

async fn serve_http1(stream: Lingering, service: Watched, head_timeout: Duration, closing: CancellationToken) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_BUFFER_BYTES)
        // A client that closes its side is taken for gone: its call to the model server ends with it.
        .half_close(false)
        .pipeline_flush(true);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn serve_http2(stream: Lingering, service: Watched, closing: CancellationToken) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Tells a connection why it is not served, and closes it.
pub(super) async fn refuse(stream: TcpStream, response: Vec<u8>) {
    let mut stream = Lingering::new(stream, Bytes::new());
    let told = async {
        stream.write_all(&response).await?;
        stream.shutdown().await
    };
    // Whoever does not read in time is not told.
    drop(timeout(REFUSAL_TIMEOUT, told).await);
}

/// A response as it goes over the wire.
pub(super) fn raw_response(status: u16, reason: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut response = format!("HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n").into_bytes();
    for (name, value) in headers {
        response.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    response.extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes());
    response.extend_from_slice(body);
    response
}
