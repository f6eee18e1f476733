//! Accepts connections and serves the routes on them.
//!
//! The loop is our own because the usual one has no bounds: here a connection has to send its first head in time, there
//! is a most of connections, and one whose upload was refused is closed so that its client can read why.

mod connection;
mod socket;
mod wire;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway_proto::tls::ServerTls;
use metrics::Gauge;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connection::Serving;
use socket::HeadTimes;
pub(crate) use socket::{Activity, ActivityGuard};

use crate::config::{Bounds, EdgeSettings, ProcessSettings};
use crate::core_client::{CoreChannel, CoreClient};
use crate::measures::Level;
use crate::openapi;
use crate::pages;
use crate::process::{Signals, follow};
use crate::router::{Watched, router};
use crate::state::{Edge, Parts};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;
/// The pause after a failed accept: the process is out of descriptors, and an end of a connection will give one back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the edge is built from besides its own settings.
#[derive(Debug)]
pub struct EdgeConfig {
    /// The way to the core.
    pub channel: CoreChannel,
    /// The address under which clients reach the edge.
    pub public_url: String,
    /// How much of everything there may be at once.
    pub bounds: Bounds,
    /// How HTTP is encrypted, if it is.
    pub tls: Option<ServerTls>,
}

/// The edge, built and not yet listening.
///
/// What a program awaits is boxed: the code of a future is made where it is awaited first, and so in this crate, once, and
/// not again in each program.
#[derive(Clone)]
pub struct EdgeServer {
    service: Watched,
    edge: Edge,
    connections: Arc<Semaphore>,
    open: Gauge,
    times: HeadTimes,
    write_timeout: Duration,
    tls: Option<ServerTls>,
}

impl fmt::Debug for EdgeServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EdgeServer").field("edge", &self.edge).finish_non_exhaustive()
    }
}

impl EdgeServer {
    /// Builds the edge. Opens no port.
    #[must_use]
    pub fn build(config: EdgeConfig, settings: &EdgeSettings) -> Self {
        let public_url = config.public_url.trim_end_matches('/').to_owned();
        let edge = Edge::new(Parts {
            core: CoreClient::new(config.channel),
            openapi: openapi::document(&public_url).to_string().into(),
            error_page: pages::error_page(&public_url),
            public_url,
            scheme: if config.tls.is_some() { "https" } else { "http" },
            max_body_bytes: config.bounds.max_body_bytes,
            body_timeout: settings.body_timeout_secs,
            keep_alive: settings.stream_keep_alive_secs,
            body_room: Arc::new(Semaphore::new((config.bounds.max_bytes_in_flight / 1024).min(Semaphore::MAX_PERMITS))),
            ends: CancellationToken::new(),
        });
        Self {
            service: Watched::new(edge.clone(), router(&edge, &settings.cors_allowed_origins)),
            edge,
            connections: Arc::new(Semaphore::new(config.bounds.max_connections.get() as usize)),
            open: metrics::gauge!("gateway_http_connections_open"),
            times: HeadTimes { head: settings.head_timeout_secs, idle: settings.idle_timeout_secs },
            write_timeout: settings.write_timeout_secs,
            tls: config.tls,
        }
    }

    /// Serves until a signal ends the process: announces it, and lets connections finish.
    #[must_use]
    pub fn run<'a>(
        &'a self,
        listener: TcpListener,
        signals: Signals,
        settings: &'a ProcessSettings,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.serve_until_signal(listener, signals, settings))
    }

    async fn serve_until_signal(&self, listener: TcpListener, mut signals: Signals, settings: &ProcessSettings) {
        let closing = CancellationToken::new();
        let mut serving = self.serve(listener, closing.clone());
        let is_termination = tokio::select! {
            () = &mut serving => return,
            is_termination = signals.next() => is_termination,
        };
        tracing::info!("ending after a signal");
        self.announce_end();
        if is_termination {
            let delay = signals.unless_repeated(timeout(settings.drain_delay_secs, &mut serving));
            if delay.await.is_none() {
                return;
            }
        }
        closing.cancel();
        if !matches!(signals.unless_repeated(timeout(settings.drain_timeout_secs, serving)).await, Some(Ok(()))) {
            tracing::warn!("connections that did not finish were cut");
        }
    }

    /// From now on readiness says that the edge ends; requests are still served.
    pub fn announce_end(&self) {
        self.edge.ends.cancel();
    }

    /// Serves until `closing` is cancelled, then lets every connection finish what it carries.
    #[must_use]
    pub fn serve(&self, listener: TcpListener, closing: CancellationToken) -> BoxFuture<'_, ()> {
        Box::pin(self.accept_until(listener, closing))
    }

    async fn accept_until(&self, listener: TcpListener, closing: CancellationToken) {
        if let Some(tls) = &self.tls {
            tokio::spawn(follow(Arc::clone(&tls.identity)));
        }
        let tasks = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = closing.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => self.take(stream, &tasks, &closing),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    fn take(&self, stream: TcpStream, tasks: &TaskTracker, closing: &CancellationToken) {
        // A socket that is gone already shows when it is read.
        drop(stream.set_nodelay(true));
        match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(permit) => {
                let serving = Serving {
                    service: self.service.clone(),
                    times: self.times,
                    write_timeout: self.write_timeout,
                    tls: self.tls.as_ref().map(|tls| Arc::clone(&tls.config)),
                    closing: closing.clone(),
                };
                let open = Level::raise(&self.open);
                tasks.spawn(async move {
                    serving.serve(stream).await;
                    drop((permit, open));
                });
            }
            // To be told so would cost a handshake.
            Err(_) if self.tls.is_some() => {}
            Err(_) => {
                let public_url = self.service.public_url().to_owned();
                tasks.spawn(async move { connection::refuse(stream, &public_url).await });
            }
        }
    }
}

/// Binds a listener. A port that was used a moment ago can be used again.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    // A Unix-like system gives a port back only after a while unless asked.
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The address under which a client on this machine reaches a listener.
#[must_use]
pub fn local_url(address: SocketAddr, tls: Option<&ServerTls>) -> String {
    let scheme = if tls.is_some() { "https" } else { "http" };
    if address.ip().is_unspecified() {
        return format!("{scheme}://localhost:{}", address.port());
    }
    format!("{scheme}://{address}")
}
