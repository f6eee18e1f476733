//! What a process around the core needs besides it: log, metrics, threads, and an end in good order.

mod exposition;
mod own_use;

use std::fmt::Display;
use std::future::Future;
use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::access_log;
use crate::audit;
use crate::config::{ConfigError, ListenAddress, LogFormat, ProcessSettings, Switch};
use crate::measures;

/// How long connections may take to close once nothing is in flight.
pub const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// How often the metrics recorder tidies up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Begins to log, to standard error.
pub fn start_log(settings: &ProcessSettings) -> Result<(), ConfigError> {
    let filter =
        log_filter(&settings.rust_log, settings.access_log).map_err(|error| ConfigError::new("RUST_LOG", error))?;
    log_panics();
    let usual = if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match settings.log_format.unwrap_or(usual) {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| ConfigError::new("LOG_FORMAT", error))
}

/// The target of the client of MCP servers, whose lines hold what tools are given and give.
const MCP_TARGET: &str = "rmcp";

/// Which lines are written. Unless they are spoken of, the audit log is on, the access log as it is switched, and what holds
/// messages is off.
fn log_filter(rust_log: &str, access_log: Switch) -> Result<EnvFilter, ParseError> {
    let unless_spoken_of = |target: &str, level: &str| {
        let is_spoken_of = rust_log.split(',').any(|directive| directive.trim().starts_with(target));
        if is_spoken_of { String::new() } else { format!(",{target}={level}") }
    };
    EnvFilter::try_new(format!(
        "{rust_log}{}{}{}",
        unless_spoken_of(audit::TARGET, "info"),
        unless_spoken_of(access_log::TARGET, if access_log == Switch::On { "info" } else { "off" }),
        unless_spoken_of(MCP_TARGET, "off")
    ))
}

/// Logs a panic by its place. Its text may hold what a caller sent, and is kept only where it is a literal of the code.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("its text is not logged");
        tracing::error!(place, "panic at {place}: {text}");
    }));
}

/// A runtime with so many threads; one serves on the thread that calls.
pub fn runtime(threads: NonZeroU32) -> io::Result<Runtime> {
    let mut builder =
        if threads == NonZeroU32::MIN { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    builder.worker_threads(threads.get() as usize).enable_all().build()
}

/// What was bound for a setting, or an error that names the setting and the address.
pub fn bound<L>(setting: &'static str, address: &impl Display, listener: io::Result<L>) -> Result<L, ConfigError> {
    listener.map_err(|error| ConfigError::new(setting, format!("cannot listen on {address}: {error}")))
}

/// Records metrics in this process from now on.
pub fn record_metrics() -> Result<PrometheusHandle, ConfigError> {
    let mut builder = PrometheusBuilder::new();
    for (matcher, bounds) in measures::buckets() {
        let with_buckets = builder.set_buckets_for_metric(matcher, bounds);
        builder = with_buckets.map_err(|error| ConfigError::new("METRICS_LISTEN", error))?;
    }
    let handle = builder.install_recorder().map_err(|error| ConfigError::new("METRICS_LISTEN", error))?;
    measures::describe();
    metrics::gauge!("gateway_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Serves the metrics on a listener of their own; never ends.
#[must_use]
pub fn serve_metrics(listener: TcpListener, handle: PrometheusHandle) -> BoxFuture<'static, io::Result<()>> {
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    let metrics = move || async move { ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], exposition::render(&handle)) };
    let routes = Router::new().route("/metrics", get(metrics));
    Box::pin(axum::serve(listener, routes).into_future())
}

/// Why a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGTERM: others must learn of it first.
    Terminate,
    /// SIGINT: somebody waits at a terminal.
    Interrupt,
}

/// Says that what goes over a network is not encrypted.
pub fn warn_of_plain_grpc(address: &ListenAddress, is_encrypted: bool) {
    if let ListenAddress::Tcp(address) = address
        && !is_encrypted
        && !address.ip().is_loopback()
    {
        tracing::warn!(
            "gRPC is served without TLS at {address}: tokens can be read on their way, unless the network is one that \
             you trust, or GRPC_TLS_CERT_FILE is set"
        );
    }
}

/// The signals that end a process, from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to take the signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next signal.
    pub async fn next(&mut self) -> End {
        tokio::select! {
            _ = self.terminate.recv() => End::Terminate,
            _ = self.interrupt.recv() => End::Interrupt,
        }
    }

    /// Lets time pass, and work end, unless another signal says to end at once.
    pub async fn unless_repeated<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            _ = self.next() => None,
        }
    }
}
