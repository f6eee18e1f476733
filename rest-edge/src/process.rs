//! What a process around the edge needs besides it: log, metrics, threads, and an end in good order. The core has the
//! like of it for its own process: the two share nothing but the contract.

mod own_use;

use std::future::Future;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::future::BoxFuture;
use gateway_proto::tls::{Identity, ServerTls, TlsError};
use http::header::CONTENT_TYPE;
use metrics::{counter, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::access_log;
use crate::config::{LogFormat, ProcessSettings, Switch};
use crate::measures;

/// How often the metrics recorder tidies up.
const UPKEEP: Duration = Duration::from_secs(5);
/// The format of Prometheus.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Begins to log, to standard error.
pub fn start_log(settings: &ProcessSettings) -> Result<(), Box<dyn std::error::Error>> {
    let filter = log_filter(settings).map_err(|error| format!("RUST_LOG: {error}"))?;
    log_panics();
    let usual = if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match settings.log_format.unwrap_or(usual) {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| format!("LOG_FORMAT: {error}").into())
}

/// Which lines are written. Unless it is spoken of, the access log is as it is switched.
fn log_filter(settings: &ProcessSettings) -> Result<EnvFilter, ParseError> {
    let rust_log = &settings.rust_log;
    let is_spoken_of = rust_log.split(',').any(|directive| directive.trim().starts_with(access_log::TARGET));
    match settings.access_log {
        _ if is_spoken_of => EnvFilter::try_new(rust_log),
        Switch::On => EnvFilter::try_new(format!("{rust_log},{}=info", access_log::TARGET)),
        Switch::Off => EnvFilter::try_new(format!("{rust_log},{}=off", access_log::TARGET)),
    }
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

/// Records metrics in this process from now on.
pub fn record_metrics() -> Result<PrometheusHandle, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for (matcher, bounds) in measures::buckets() {
        builder = builder.set_buckets_for_metric(matcher, bounds)?;
    }
    let handle = builder.install_recorder()?;
    metrics::describe_gauge!("gateway_build_info", "Always 1; the label tells the version.");
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
    let metrics = move || async move {
        let mut told = handle.render();
        own_use::tell(&mut told);
        ([(CONTENT_TYPE, PROMETHEUS_TEXT)], told)
    };
    let routes = Router::new().route("/metrics", get(metrics));
    Box::pin(axum::serve(listener, routes).into_future())
}

/// Follows the files of a certificate, and tells of each change; never ends.
pub fn follow(identity: Arc<Identity>) -> impl Future<Output = ()> {
    warn_of_open_key(&identity);
    let setting = identity.setting();
    identity.follow(move |read| {
        let outcome = match read {
            Ok(()) => {
                tracing::info!(setting, "{setting}: what the file says holds from now on");
                "ok"
            }
            Err(error) => {
                let TlsError { setting, reason } = error;
                tracing::error!(setting, reason, "{setting}: what it said before goes on: {reason}");
                "failed"
            }
        };
        gauge!("gateway_config_reload_failed", "setting" => setting).set(if outcome == "ok" { 0.0 } else { 1.0 });
        counter!("gateway_config_reloads_total", "setting" => setting, "outcome" => outcome).increment(1);
    })
}

fn warn_of_open_key(identity: &Identity) {
    if let Some(setting) = identity.open_key() {
        tracing::warn!("{setting}: everybody on this machine can read the key; chmod 600 would be right");
    }
}

/// Says that what goes over a network is not encrypted.
pub fn warn_of_plain_http(listener: SocketAddr, tls: Option<&ServerTls>) {
    if tls.is_none() && !listener.ip().is_loopback() {
        tracing::warn!(
            "HTTP is served without TLS at {listener}: tokens can be read on their way, unless something in \
                        front encrypts, or HTTP_TLS_CERT_FILE is set"
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

    /// The next signal; true for SIGTERM, of which others must learn first.
    pub async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.terminate.recv() => true,
            _ = self.interrupt.recv() => false,
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
