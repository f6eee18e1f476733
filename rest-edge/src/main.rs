//! `gateway-edge`: the edge as a process of its own.

use std::error::Error;
use std::io::Write;
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;
use gateway_edge::config::{CoreAddress, CoreTlsSettings, EdgeSettings, ProcessSettings, settings_of_this_process};
use gateway_edge::core_client::CoreChannel;
use gateway_edge::healthcheck::healthcheck;
use gateway_edge::process::{Signals, follow, record_metrics, runtime, serve_metrics, start_log, warn_of_plain_http};
use gateway_edge::server::{EdgeConfig, EdgeServer, bind, local_url};
use gateway_edge::trace;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The REST edge of the chat gateway: speaks OpenAI JSON, and asks the core. Every flag is also an environment variable.
#[derive(Debug, Parser)]
#[command(name = "gateway-edge", version, subcommand_negates_reqs = true)]
struct Settings {
    #[command(subcommand)]
    command: Option<Command>,
    /// Where the core is: http://host:port, https://host:port, dns:///name:port or unix:/path.
    #[arg(long, env = "CORE_URL", required = true)]
    core_url: Option<CoreAddress>,
    #[command(flatten)]
    core_tls: CoreTlsSettings,
    #[command(flatten)]
    process: ProcessSettings,
    #[command(flatten)]
    edge: EdgeSettings,
}

/// What to do instead of serving.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
enum Command {
    /// Ask a running edge whether it serves. Ends with 0 if it does, so that a container or a unit can be judged by it.
    ///
    /// It is asked at the address of HTTP_LISTEN, which must be the one that the edge was started with.
    Healthcheck,
}

fn main() -> ExitCode {
    let settings: Settings = match settings_of_this_process() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let is_command = settings.command.is_some();
    match start_log(&settings.process).and_then(|()| run(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_command => {
            // Somebody at a terminal reads it, and no collector of logs.
            drop(writeln!(std::io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let Settings { command, process, edge, core_url, core_tls } = settings;
    if let Some(Command::Healthcheck) = command {
        let healthy = runtime(NonZeroU32::MIN)?.block_on(healthcheck(edge.http_listen, edge.tls.load()?))?;
        return std::io::stdout().write_all(healthy.as_bytes()).map_err(Into::into);
    }
    let core_url = core_url.as_ref().ok_or("CORE_URL: it must be set")?;
    let (tls, core_tls) = (edge.tls.load()?, core_tls.load(core_url)?);
    let metrics = record_metrics()?;
    runtime(process.worker_threads)?.block_on(async {
        let signals = Signals::listen()?;
        let traces = trace::begin(&process.traces, "gateway-edge")?;
        let metrics_listener = TcpListener::bind(process.metrics_listen).await;
        let metrics_listener = metrics_listener.map_err(|error| format!("METRICS_LISTEN: {error}"))?;
        let listener = bind(edge.http_listen).map_err(|error| format!("HTTP_LISTEN: {error}"))?;
        let own_url = local_url(listener.local_addr()?, tls.as_ref());
        warn_of_plain_http(listener.local_addr()?, tls.as_ref());
        if let Some(identity) = core_tls.as_ref().and_then(|tls| tls.identity.clone()) {
            tokio::spawn(follow(identity));
        }
        let public_url = if process.public_url.is_empty() { own_url.clone() } else { process.public_url.clone() };
        let channel = CoreChannel::remote(core_url, core_tls)?;
        let config = EdgeConfig { channel, public_url, bounds: process.bounds, tls };
        let server = EdgeServer::build(config, edge);
        tracing::info!("metrics on http://{}/metrics", metrics_listener.local_addr()?);
        tracing::info!("HTTP on {own_url}");
        tokio::spawn(serve_metrics(metrics_listener, metrics));
        server.run(listener, signals, process).await;
        traces.end().await;
        Ok(())
    })
}
