//! Reads request bodies: after the core let the caller in where it matters, unpacked, within limits of size and time.

mod object;

use std::io;
use std::pin::Pin;
use std::time::Duration;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use gateway_proto::{ApiError, ErrorCode, Rpc};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;

pub(crate) use object::{BodyFault, non_empty, read_object, scope, slice, string, unless_null, user_id};

use crate::admission::{ask_before_reading, end_at_body, end_at_fields};
use crate::error::Failure;
use crate::measures::Progress;
use crate::state::Edge;

/// A body of at most this size, told beforehand, is read before anything is asked.
const READ_UNASKED_BYTES: u64 = 64 * 1024;
/// A body slower than this, after the time that every body has, is given up.
const MIN_BYTES_PER_SECOND: u64 = 1024;
/// The unit of the room for bodies.
const ROOM_UNIT: usize = 1024;
/// After this time there is likely to be room again.
const ROOM_RETRY_AFTER: Duration = Duration::from_secs(1);
/// The largest window of zstd that a web server should have to keep, by RFC 9659.
const ZSTD_WINDOW_LOG: u32 = 23;
/// How much of a compressed body is unpacked at once.
const UNPACK_BYTES: usize = 32 * 1024;

/// What a body says, and the body's room until this is dropped: what was read may be slices of it.
#[derive(Debug)]
pub(crate) struct JsonBody<T> {
    pub(crate) content: T,
    _room: OwnedSemaphorePermit,
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Brotli,
    Zstd,
}

/// Reads the JSON body of a request for an RPC; `understand` says what it means.
pub(crate) async fn read_json<T>(
    edge: &Edge,
    outgoing: &HeaderMap,
    head: &request::Parts,
    body: Body,
    rpc: Rpc,
    understand: impl FnOnce(&Bytes) -> Result<T, BodyFault>,
) -> Result<JsonBody<T>, Failure> {
    let length = content_length(&head.headers);
    let packing = match judge_head(edge, &head.headers, length) {
        Ok(packing) => packing,
        Err(error) => return Err(end_at_body(edge, outgoing, error).await),
    };
    let is_small = packing == Packing::None && length.is_some_and(|length| length <= READ_UNASKED_BYTES);
    if !is_small {
        ask_before_reading(edge, outgoing, rpc).await?;
    }
    let JsonBody { content: bytes, _room } = match Progress::wait(read(edge, length, packing, body)).await {
        Ok(body) => body,
        Err(error) => return Err(end_at_body(edge, outgoing, error).await),
    };
    match understand(&bytes) {
        Ok(content) => Ok(JsonBody { content, _room }),
        Err(BodyFault::Json(error)) => Err(end_at_body(edge, outgoing, error).await),
        Err(BodyFault::Field(error)) => Err(end_at_fields(edge, outgoing, rpc, error).await),
    }
}

/// What the head alone says against a body: its size before its form.
fn judge_head(edge: &Edge, headers: &HeaderMap, length: Option<u64>) -> Result<Packing, ApiError> {
    let packing = packing(headers);
    let limit = if matches!(packing, Ok(Packing::None)) { edge.max_body_bytes } else { packed_limit(edge) };
    if length.is_some_and(|length| length > limit as u64) {
        return Err(too_large(edge.max_body_bytes));
    }
    content_type(headers)?;
    packing
}

/// A packed body counts as what it unpacks to; this bounds one that unpacks to nothing.
fn packed_limit(edge: &Edge) -> usize {
    edge.max_body_bytes.saturating_mul(2)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes JSON in UTF-8; a request that does not say what it sends is believed to send that.
fn content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let (media_type, parameters) = value.split_once(';').unwrap_or((&value, ""));
    let media_type = media_type.trim();
    let is_json =
        media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let charset = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
    let is_utf8 = charset.is_none_or(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"));
    if is_json && is_utf8 {
        return Ok(());
    }
    let message = "The body must be JSON in UTF-8; send the header 'Content-Type: application/json'.";
    Err(ApiError::new(ErrorCode::InvalidJson, message).with_param("headers.content-type"))
}

fn packing(headers: &HeaderMap) -> Result<Packing, ApiError> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Packing::None) };
    match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(Packing::None),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        "br" => Ok(Packing::Brotli),
        "zstd" => Ok(Packing::Zstd),
        _ => {
            let message = "The body is compressed in a way that is not supported; use gzip, br, zstd or none.";
            Err(ApiError::new(ErrorCode::InvalidJson, message).with_param("headers.content-encoding"))
        }
    }
}

async fn read(edge: &Edge, length: Option<u64>, packing: Packing, body: Body) -> Result<JsonBody<Bytes>, ApiError> {
    let expected = length.and_then(|length| usize::try_from(length).ok()).filter(|_| packing == Packing::None);
    let reading = Reading {
        room: take_room(edge, expected.unwrap_or_default())?,
        bytes: BytesMut::new(),
        limit: edge.max_body_bytes,
        begin: Instant::now() + edge.body_timeout,
        edge,
    };
    if packing == Packing::None {
        reading.plain(body, expected.unwrap_or_default()).await
    } else {
        let packed = Limited::new(body, packed_limit(edge)).into_data_stream();
        let packed = StreamReader::new(packed.map_err(io::Error::other));
        let packed = BufReader::with_capacity(UNPACK_BYTES, packed);
        let unpacked: Pin<Box<dyn AsyncRead + Send>> = match packing {
            Packing::Gzip | Packing::None => Box::pin(GzipDecoder::new(packed)),
            Packing::Brotli => Box::pin(BrotliDecoder::new(packed)),
            Packing::Zstd => {
                let window = async_compression::zstd::DParameter::window_log_max(ZSTD_WINDOW_LOG);
                Box::pin(ZstdDecoder::with_params(packed, &[window]))
            }
        };
        reading.packed(unpacked).await
    }
}

/// A body that is being read.
struct Reading<'a> {
    edge: &'a Edge,
    room: OwnedSemaphorePermit,
    bytes: BytesMut,
    limit: usize,
    /// From when on the body must come at the least speed.
    begin: Instant,
}

impl Reading<'_> {
    async fn plain(mut self, body: Body, expected: usize) -> Result<JsonBody<Bytes>, ApiError> {
        let mut body = body.into_data_stream();
        let mut first = Bytes::new();
        while let Some(piece) = within(self.end_of_patience(), body.try_next()).await?.map_err(broken)? {
            if self.bytes.is_empty() && first.is_empty() {
                // Most bodies come in one piece and are not copied.
                first = piece;
                self.hold(first.len())?;
                continue;
            }
            if self.bytes.is_empty() {
                self.bytes.reserve(expected.max(first.len() + piece.len()));
                self.bytes.extend_from_slice(&first);
            }
            self.hold(self.bytes.len() + piece.len())?;
            self.bytes.extend_from_slice(&piece);
        }
        let bytes = if self.bytes.is_empty() { first } else { self.bytes.freeze() };
        Ok(JsonBody { content: bytes, _room: self.room })
    }

    async fn packed(mut self, mut unpacked: Pin<Box<dyn AsyncRead + Send>>) -> Result<JsonBody<Bytes>, ApiError> {
        loop {
            self.bytes.reserve(UNPACK_BYTES);
            let read = within(self.end_of_patience(), unpacked.read_buf(&mut self.bytes)).await?;
            let read = read.map_err(|error| self.unreadable(error))?;
            if read == 0 {
                return Ok(JsonBody { content: self.bytes.freeze(), _room: self.room });
            }
            self.hold(self.bytes.len())?;
        }
    }

    fn unreadable(&self, error: io::Error) -> ApiError {
        if error.get_ref().is_some_and(|inner| inner.is::<LengthLimitError>()) {
            return too_large(self.limit);
        }
        let message = "The body cannot be unpacked as its header 'Content-Encoding' says.";
        ApiError::new(ErrorCode::InvalidJson, message).with_param("headers.content-encoding").with_source(error)
    }

    /// Makes sure that there is room for so many bytes.
    fn hold(&mut self, bytes: usize) -> Result<(), ApiError> {
        if bytes > self.limit {
            return Err(too_large(self.limit));
        }
        let missing = bytes.div_ceil(ROOM_UNIT).saturating_sub(self.room.num_permits());
        if missing > 0 {
            self.room.merge(take_room(self.edge, missing * ROOM_UNIT)?);
        }
        Ok(())
    }

    fn end_of_patience(&self) -> Instant {
        self.begin + Duration::from_millis(self.bytes.len() as u64 * 1000 / MIN_BYTES_PER_SECOND)
    }
}

fn take_room(edge: &Edge, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
    let units = u32::try_from(bytes.div_ceil(ROOM_UNIT)).unwrap_or(u32::MAX);
    edge.body_room.clone().try_acquire_many_owned(units).map_err(|_| {
        ApiError::new(
            ErrorCode::Overloaded,
            "The gateway holds as many request bodies as it can; send the request again.",
        )
        .with_retry_after(ROOM_RETRY_AFTER)
    })
}

async fn within<T>(end: Instant, step: impl Future<Output = T>) -> Result<T, ApiError> {
    timeout_at(end, step).await.map_err(|_| {
        ApiError::new(
            ErrorCode::RequestTimeout,
            "The body of the request did not arrive in time; send it again, faster.",
        )
    })
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(ErrorCode::BodyTooLarge, format!("The request is larger than {limit} bytes; send a smaller one."))
        .with_metadata("maximum_bytes", limit.to_string())
}

/// The connection broke, so that nobody will read this.
fn broken(error: axum::Error) -> ApiError {
    ApiError::new(ErrorCode::InvalidJson, "The body ended before it was whole.").with_source(error)
}
