//! `chat-gateway`: edge and core in one process, joined without a socket, and gRPC on a socket besides.

mod greeting;

use std::error::Error;
use std::io::Write;
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;
use gateway_core::commands::Command;
use gateway_core::config::{CoreSettings, CredentialSource, ProcessSettings, settings_of_this_process};
use gateway_core::process::{
    CLOSE_PATIENCE, Signals, bound, record_metrics, runtime, serve_metrics, start_log, warn_of_plain_grpc,
};
use gateway_core::server::{Core, GrpcListener};
use gateway_core::trace;
use gateway_edge::config::{Bounds, EdgeSettings};
use gateway_edge::core_client::CoreChannel;
use gateway_edge::healthcheck::healthcheck;
use gateway_edge::process::warn_of_plain_http;
use gateway_edge::server::{EdgeConfig, EdgeServer, bind, local_url};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use greeting::Greeting;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The chat gateway: the OpenAI API over HTTP, and the same over gRPC, in front of model servers. Without any settings it
/// starts with a built-in demo model and a token of its own. Every flag is also an environment variable.
#[derive(Debug, Parser)]
#[command(name = "chat-gateway", version)]
struct Settings {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    edge: EdgeSettings,
    #[command(flatten)]
    core: CoreSettings,
    #[command(flatten)]
    process: ProcessSettings,
}

fn main() -> ExitCode {
    let settings: Settings = match settings_of_this_process() {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let is_command = settings.command.is_some();
    match start_log(&settings.process).map_err(Into::into).and_then(|()| run(settings)) {
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

fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let Settings { command, edge: edge_settings, core: core_settings, process } = settings;
    if let Some(command) = command {
        return runtime(NonZeroU32::MIN)?.block_on(async {
            let mut done = command.run(&core_settings, CredentialSource::MayGenerate).await?;
            if matches!(command, Command::Healthcheck) {
                done += &healthcheck(edge_settings.http_listen, edge_settings.tls.load()?).await?;
            }
            std::io::stdout().write_all(done.as_bytes()).map_err(Into::into)
        });
    }
    let metrics = record_metrics()?;
    runtime(process.worker_threads)?.block_on(async {
        let mut signals = Signals::listen()?;
        let traces = trace::begin(&process.traces, "chat-gateway")?;
        if traces.is_on() {
            gateway_edge::trace::join();
        }
        let token = core_settings.auth.token_to_show(&core_settings.data_dir)?;
        let grpc_listen = core_settings.grpc_listen.clone();

        // Every port is bound before anything is served, since the links in errors hold the edge's address.
        let (http_listen, metrics_listen) = (edge_settings.http_listen, process.metrics_listen);
        let http_listener = bound("HTTP_LISTEN", &http_listen, bind(http_listen))?;
        let grpc_listener = bound("GRPC_LISTEN", &grpc_listen, GrpcListener::bind(&grpc_listen).await)?;
        let metrics_listener = bound("METRICS_LISTEN", &metrics_listen, TcpListener::bind(metrics_listen).await)?;
        let tls = edge_settings.tls.load()?;
        let http_url = local_url(http_listener.local_addr()?, tls.as_ref());
        warn_of_plain_http(http_listener.local_addr()?, tls.as_ref());
        let public_url = if process.public_url.is_empty() { http_url.clone() } else { process.public_url.clone() };

        let config = core_settings.resolve(&process, &public_url, CredentialSource::MayGenerate)?;
        let core = Core::build(config).await?;
        warn_of_plain_grpc(&grpc_listener.address()?, core.is_encrypted());
        let channel = CoreChannel::in_process(core.service());
        let gateway_core::config::Bounds { max_body_bytes, max_bytes_in_flight, max_connections } = process.bounds;
        let bounds = Bounds { max_body_bytes, max_bytes_in_flight, max_connections };
        let edge_config = EdgeConfig { channel, public_url, bounds, tls };
        let edge = EdgeServer::build(edge_config, &edge_settings);

        let greeting = Greeting {
            http_url,
            grpc_address: grpc_listener.address()?.to_string(),
            metrics_url: format!("http://{}/metrics", metrics_listener.local_addr()?),
            token,
        };
        tokio::spawn(serve_metrics(metrics_listener, metrics));
        core.discover().await;
        greeting.print(&core.aliases());

        let (edge_closing, grpc_closing) = (CancellationToken::new(), CancellationToken::new());
        let mut edge_serving = edge.serve(http_listener, edge_closing.clone());
        let mut grpc_serving = core.serve(grpc_listener, grpc_closing.clone());
        let ending = async {
            let signal = signals.next().await;
            edge.announce_end();
            let latest = Instant::now() + process.drain_delay_secs + process.drain_timeout_secs;
            core.end(signal, &mut signals, &process).await;
            latest
        };
        let latest = tokio::select! {
            () = &mut edge_serving => Instant::now(),
            served = &mut grpc_serving => return served.map_err(Into::into),
            latest = ending => latest.max(Instant::now() + CLOSE_PATIENCE),
        };
        // Nothing is in flight in the core any more; what is left are answers on their way to their readers.
        edge_closing.cancel();
        grpc_closing.cancel();
        let edge_closed = signals.unless_repeated(timeout_at(latest, edge_serving)).await;
        let grpc_closed = signals.unless_repeated(timeout(CLOSE_PATIENCE, grpc_serving)).await;
        tracing::debug!(?edge_closed, grpc_closed = grpc_closed.is_some(), "closed");
        traces.end().await;
        Ok(())
    })
}
