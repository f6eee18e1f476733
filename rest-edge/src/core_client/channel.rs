//! The channel to the core: a service in the same process, or a connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use gateway_proto::tls::{ClientTls, connector};
use http::uri::Scheme;
use http::{Request, Response, Uri};
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Service, ServiceExt};

use super::balance::Cores;
use super::dns;
use crate::config::CoreAddress;

/// How much of an answer the core may send before it is taken. A client that reads slowly must not fill the edge's memory,
/// nor, since one connection carries all calls, keep the others waiting: hence no bound on all of them together.
const STREAM_WINDOW: u32 = 32 << 10;
const CONNECTION_WINDOW: u32 = 1 << 30;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How a core that is gone without a word is noticed.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

/// The channel to the core; cheap to clone.
#[derive(Clone)]
pub struct CoreChannel(Way);

#[derive(Clone)]
enum Way {
    InProcess(Arc<dyn Fn(Request<Body>) -> ResponseFuture + Send + Sync>),
    Remote(Channel),
    RemoteMany(Cores),
}

impl CoreChannel {
    /// A core in the same process: calls go to its service without a socket.
    pub fn in_process<S>(service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        Self(Way::InProcess(Arc::new(move |request| {
            let answer = service.clone().oneshot(request);
            Box::pin(async move { answer.await.map_err(Into::into) })
        })))
    }

    /// A core, or several, behind an address. Connects when the first call is made.
    pub fn remote(address: &CoreAddress, tls: Option<ClientTls>) -> Result<Self, tonic::transport::Error> {
        let channel = match address {
            CoreAddress::Url(url) => connect(Endpoint::from(plain(url)), tls),
            CoreAddress::Unix(path) => {
                configure(Endpoint::from_shared(format!("unix://{}", path.display()))?).connect_lazy()
            }
            CoreAddress::Dns { name, port } => return Ok(Self(Way::RemoteMany(dns::cores(name.clone(), *port, tls)))),
        };
        Ok(Self(Way::Remote(channel)))
    }

    /// Whether each call may go to another core.
    pub(super) fn is_one_of_many(&self) -> bool {
        matches!(self.0, Way::RemoteMany(_))
    }

    /// Whether the core is another process.
    pub(super) fn is_remote(&self) -> bool {
        !matches!(self.0, Way::InProcess(_))
    }
}

/// A connection to a core, made when the first call is.
pub(super) fn connect(endpoint: Endpoint, tls: Option<ClientTls>) -> Channel {
    let endpoint = configure(endpoint);
    match tls {
        Some(tls) => endpoint.connect_with_connector_lazy(connector(tls)),
        None => endpoint.connect_lazy(),
    }
}

/// The address as the channel is to see it, which leaves TLS to the connector.
fn plain(url: &Uri) -> Uri {
    let mut parts = url.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
}

fn configure(endpoint: Endpoint) -> Endpoint {
    endpoint
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}

impl Service<Request<Body>> for CoreChannel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.0 {
            Way::InProcess(_) | Way::RemoteMany(_) => Poll::Ready(Ok(())),
            Way::Remote(channel) => channel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, request: Request<Body>) -> ResponseFuture {
        match &mut self.0 {
            Way::InProcess(service) => service(request),
            Way::RemoteMany(cores) => Box::pin(cores.clone().call(request)),
            Way::Remote(channel) => {
                let answer = channel.call(request);
                Box::pin(async move { answer.await.map_err(Into::into) })
            }
        }
    }
}

impl fmt::Debug for CoreChannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_remote() { "CoreChannel(remote)" } else { "CoreChannel(in process)" })
    }
}
