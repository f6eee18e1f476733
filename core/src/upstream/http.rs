//! A model server behind HTTP: one pooled client, HTTP/1.1 and 2 by what the server offers, TLS by rustls. It follows
//! no redirect and takes no proxy from the environment: a caller's text must not decide where a key is sent.
//!
//! It is hyper's own client and not reqwest's, which reads up to 400 KiB ahead of a client that reads slowly and cannot be
//! told to read less. Of itself it repeats only what it was not yet able to begin: a request that a pooled connection gave
//! back whole, since the server had closed it, goes out on the next. No byte of it left the process, so that this is
//! choosing a connection and no retry; those are made in [`routing`](crate::routing) alone.

mod connector;
mod stream_body;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gateway_proto::TraceContext;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::uri::{InvalidUri, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::CallContext;
use super::error::{Phase, UpstreamError};
use super::failure::{self, Own};
use super::request_body::RequestBody;
use connector::Connector;

#[cfg(feature = "mcp")]
pub(crate) use connector::tls_config;
pub(super) use stream_body::StreamBody;

/// How much of an answer is read, or over HTTP/2 may be sent, before it is taken: a client that reads slowly must not fill
/// the gateway's memory.
const READ_AHEAD_BYTES: usize = 32 * 1024;
const STREAM_WINDOW: u32 = 64 * 1024;
/// Nor must it keep others on the same connection waiting: hence no bound on all of them together.
const CONNECTION_WINDOW: u32 = 1 << 30;
/// How long an idle connection is kept: less than the minute after which common servers and balancers close theirs.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Where a model server is and how to speak to it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The base URL, `/v1` included as in the SDKs.
    pub base_url: Url,
    /// The key, sent as a bearer token.
    pub api_key: Option<SecretString>,
    /// Headers of the operator's own, which replace the gateway's.
    pub headers: HeaderMap,
    /// Certificates of private authorities, trusted besides the public ones, in DER.
    pub extra_roots: Vec<Vec<u8>>,
    /// How long it is waited for.
    pub timeouts: Timeouts,
}

/// How long a model server is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the first byte of the answer.
    pub first_byte: Duration,
    /// For the next bytes of the answer.
    pub idle: Duration,
    /// For the whole call.
    pub total: Duration,
}

#[derive(Debug)]
pub(super) struct HttpServer {
    client: Client<Connector, RequestBody>,
    chat_uri: Uri,
    models_uri: Uri,
    headers: HeaderMap,
    api_key: Option<SecretString>,
    timeouts: Timeouts,
}

impl HttpServer {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, InvalidUri> {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(READ_AHEAD_BYTES)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(Connector::new(endpoint.timeouts.connect, &endpoint.extra_roots));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("chat-gateway/", env!("CARGO_PKG_VERSION"))));
        if let Some(key) = &endpoint.api_key
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in &endpoint.headers {
            headers.insert(name, value.clone());
        }
        Ok(Self {
            client,
            chat_uri: below(&endpoint.base_url, "chat/completions").as_str().parse()?,
            models_uri: below(&endpoint.base_url, "models").as_str().parse()?,
            headers,
            api_key: endpoint.api_key.clone(),
            timeouts: endpoint.timeouts,
        })
    }

    /// How long a whole call may take.
    pub(super) fn total(&self) -> Duration {
        self.timeouts.total
    }

    pub(super) fn address(&self) -> (&str, u16) {
        let usual = if self.chat_uri.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
        (self.chat_uri.host().unwrap_or_default(), self.chat_uri.port_u16().unwrap_or(usual))
    }

    pub(super) fn own(&self) -> Own<'_> {
        let key = self.api_key.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        Own { host: self.chat_uri.host().unwrap_or_default(), key, headers: Some(&self.headers) }
    }

    pub(super) async fn complete(
        &self,
        body: RequestBody,
        context: CallContext<'_>,
        limit: usize,
    ) -> Result<Bytes, UpstreamError> {
        self.read_all(self.chat(body, context), context.deadline, limit).await
    }

    /// Asks for a stream, and gives its body once the server has begun to answer.
    pub(super) async fn stream(
        &self,
        body: RequestBody,
        context: CallContext<'_>,
        limit: usize,
    ) -> Result<StreamBody, UpstreamError> {
        let mut request = self.chat(body, context);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let end = self.end(context.deadline);
        let response = self.send(request, end).await?;
        if is_json(response.headers()) {
            // A whole answer in place of a stream, which may hold an error.
            let body = self.read(response, end, limit).await?;
            let malformed = || UpstreamError::Malformed("it is no stream of events".to_owned());
            return Err(failure::inside_success(&body, self.own()).unwrap_or_else(malformed));
        }
        Ok(StreamBody::new(response.into_body(), self.timeouts.idle, end, limit))
    }

    pub(super) async fn get_models(&self, limit: usize) -> Result<Bytes, UpstreamError> {
        self.read_all(self.request(Method::GET, &self.models_uri, RequestBody::default()), None, limit).await
    }

    fn chat(&self, body: RequestBody, context: CallContext<'_>) -> Request<RequestBody> {
        let mut request = self.request(Method::POST, &self.chat_uri, body);
        if let Ok(id) = HeaderValue::from_str(context.request_id) {
            request.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
        }
        if context.trace.is_some() {
            TraceContext::put(context.trace, request.headers_mut());
        }
        request
    }

    fn request(&self, method: Method, uri: &Uri, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// When a call ends at the latest.
    fn end(&self, deadline: Option<Instant>) -> Instant {
        let end = Instant::now() + self.timeouts.total;
        deadline.map_or(end, |deadline| deadline.min(end))
    }

    /// Sends a request and reads the whole of a successful answer.
    async fn read_all(
        &self,
        request: Request<RequestBody>,
        deadline: Option<Instant>,
        limit: usize,
    ) -> Result<Bytes, UpstreamError> {
        let end = self.end(deadline);
        let response = self.send(request, end).await?;
        self.read(response, end, limit).await
    }

    /// Sends a request and gives a successful answer, of which the head was read.
    async fn send(&self, request: Request<RequestBody>, end: Instant) -> Result<Response<Incoming>, UpstreamError> {
        let sent = async { self.client.request(request).await.map_err(of_client) };
        let response = within(Phase::FirstByte, self.timeouts.first_byte, end, sent).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        // Of a failed answer only the beginning is of use.
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.read(response, end, failure::MAX_READ_BYTES).await.unwrap_or_default();
        Err(failure::read(status, &headers, &body, self.own()))
    }

    async fn read(&self, response: Response<Incoming>, end: Instant, limit: usize) -> Result<Bytes, UpstreamError> {
        let too_large = UpstreamError::TooLarge { limit };
        let mut body = response.into_body();
        if body.size_hint().lower() > limit as u64 {
            return Err(too_large);
        }
        // Most answers come in one piece and are not copied.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        loop {
            let frame = async { body.frame().await.transpose().map_err(of_body) };
            let Some(frame) = within(Phase::Idle, self.timeouts.idle, end, frame).await? else { break };
            // Trailers say nothing of use.
            let Ok(piece) = frame.into_data() else { continue };
            if first.len() + rest.len() + piece.len() > limit {
                return Err(too_large);
            }
            if first.is_empty() {
                first = piece;
            } else {
                rest.extend_from_slice(&piece);
            }
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok([first, rest.freeze()].concat().into())
    }
}

/// Gives a step its own time, and the whole call the rest of its.
async fn within<T>(
    phase: Phase,
    patience: Duration,
    end: Instant,
    step: impl Future<Output = Result<T, UpstreamError>>,
) -> Result<T, UpstreamError> {
    let step_end = Instant::now() + patience;
    match timeout_at(step_end.min(end), step).await {
        Ok(outcome) => outcome,
        Err(_) => Err(UpstreamError::TimedOut(if end < step_end { Phase::Total } else { phase })),
    }
}

fn of_client(error: hyper_util::client::legacy::Error) -> UpstreamError {
    let unreachable = error.is_connect();
    let source: Box<dyn Error + Send + Sync> = error.into();
    if unreachable { UpstreamError::Unreachable(source) } else { UpstreamError::Broken(source) }
}

fn of_body(error: hyper::Error) -> UpstreamError {
    UpstreamError::Broken(error.into())
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// A path below the base URL, whether that ends in a slash or not.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let whole = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&whole);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_put_below_the_base() {
        for (base, expected) in [
            ("http://h:1/v1", "http://h:1/v1/models"),
            ("http://h:1/v1/", "http://h:1/v1/models"),
            ("http://h:1", "http://h:1/models"),
            ("https://h/a/b?api-version=1", "https://h/a/b/models?api-version=1"),
        ] {
            assert_eq!(below(&Url::parse(base).unwrap(), "models").as_str(), expected);
        }
    }
}
