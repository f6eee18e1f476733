//! A model server behind HTTP: one pooled client, HTTP/1.1 or 2 by what the server offers, TLS by rustls. It follows
//! no redirect and takes no proxy from the environment: a caller's text must not decide where a key is sent.

mod stream_body;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::CallContext;
use super::error::{Phase, UpstreamError};
use super::failure;
use super::request_body::RequestBody;

pub(super) use stream_body::StreamBody;

/// How much of an answer a server may send over HTTP/2 before it is taken: a client that reads slowly must not fill the
/// gateway's memory, nor keep others on the same connection waiting.
const STREAM_WINDOW: u32 = 128 << 10;
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
    client: Client,
    chat_url: Url,
    models_url: Url,
    headers: HeaderMap,
    timeouts: Timeouts,
}

impl HttpServer {
    pub(super) fn new(endpoint: &Endpoint) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(endpoint.timeouts.connect)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .user_agent(concat!("chat-gateway/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(&endpoint.extra_roots))
            .build()?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = &endpoint.api_key
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", key.expose_secret()))
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self {
            client,
            chat_url: below(&endpoint.base_url, "chat/completions"),
            models_url: below(&endpoint.base_url, "models"),
            headers,
            timeouts: endpoint.timeouts,
        })
    }

    pub(super) fn host(&self) -> &str {
        self.chat_url.host_str().unwrap_or_default()
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
        let request = self.chat(body, context).header(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let end = self.end(context.deadline);
        let response = self.send(request, end).await?;
        if is_json(response.headers()) {
            // A whole answer in place of a stream, which may hold an error.
            let body = self.read(response, end, limit).await?;
            let malformed = || UpstreamError::Malformed("it is no stream of events".to_owned());
            return Err(failure::inside_success(&body, self.host()).unwrap_or_else(malformed));
        }
        Ok(StreamBody::new(response, self.timeouts.idle, end, limit))
    }

    pub(super) async fn get_models(&self, limit: usize) -> Result<Bytes, UpstreamError> {
        self.read_all(self.client.get(self.models_url.clone()).headers(self.headers.clone()), None, limit).await
    }

    fn chat(&self, body: RequestBody, context: CallContext<'_>) -> reqwest::RequestBuilder {
        let mut request = self.client.post(self.chat_url.clone()).headers(self.headers.clone());
        if let Ok(id) = HeaderValue::from_str(context.request_id) {
            request = request.header(HeaderName::from_static("x-request-id"), id);
        }
        request.body(reqwest::Body::wrap(body))
    }

    /// When a call ends at the latest.
    fn end(&self, deadline: Option<Instant>) -> Instant {
        let end = Instant::now() + self.timeouts.total;
        deadline.map_or(end, |deadline| deadline.min(end))
    }

    /// Sends a request and reads the whole of a successful answer.
    async fn read_all(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Option<Instant>,
        limit: usize,
    ) -> Result<Bytes, UpstreamError> {
        let end = self.end(deadline);
        let response = self.send(request, end).await?;
        self.read(response, end, limit).await
    }

    /// Sends a request and gives a successful answer, of which the head was read.
    async fn send(&self, request: reqwest::RequestBuilder, end: Instant) -> Result<Response, UpstreamError> {
        let response = self.within(Phase::FirstByte, self.timeouts.first_byte, end, request.send()).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // Of a failed answer only the beginning is of use.
        let headers = response.headers().clone();
        let body = self.read(response, end, failure::MAX_READ_BYTES).await.unwrap_or_default();
        Err(failure::read(status, &headers, &body, self.host()))
    }

    async fn read(&self, mut response: Response, end: Instant, limit: usize) -> Result<Bytes, UpstreamError> {
        let too_large = UpstreamError::TooLarge { limit };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large);
        }
        // Most answers come in one piece and are not copied.
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(piece) = self.within(Phase::Idle, self.timeouts.idle, end, response.chunk()).await? {
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

    /// Gives a step its own time, and the whole call the rest of its.
    async fn within<T>(
        &self,
        phase: Phase,
        patience: Duration,
        end: Instant,
        step: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<T, UpstreamError> {
        let step_end = Instant::now() + patience;
        match timeout_at(step_end.min(end), step).await {
            Ok(outcome) => outcome.map_err(classify),
            Err(_) => Err(UpstreamError::TimedOut(if end < step_end { Phase::Total } else { phase })),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn classify(error: reqwest::Error) -> UpstreamError {
    // The URL is the operator's affair, not the log's: it could hold a key.
    let error = error.without_url();
    let unreachable = error.is_connect();
    let source: Box<dyn Error + Send + Sync> = error.into();
    if unreachable { UpstreamError::Unreachable(source) } else { UpstreamError::Broken(source) }
}

/// A path below the base URL, whether that ends in a slash or not.
fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let whole = format!("{}/{path}", base.path().trim_end_matches('/'));
    url.set_path(&whole);
    url
}

/// Public roots built in, so that a container without a bundle works, and the operator's own.
fn tls(extra_roots: &[Vec<u8>]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(extra_roots.iter().map(|der| der.as_slice().into()));
    let mut config = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| unreachable!("the provider supports the default versions"))
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
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
