//! `gateway-core`: the core as a process of its own.

use std::error::Error;
use std::io::Write;
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;
use gateway_core::commands::Command;
use gateway_core::config::{CoreSettings, CredentialSource, ProcessSettings, settings_of_this_process};
use gateway_core::process::{Signals, bound, record_metrics, runtime, serve_metrics, start_log, warn_of_plain_grpc};
use gateway_core::server::{Core, GrpcListener};
use gateway_core::trace;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The core of the chat gateway: serves gRPC, and speaks to model servers. Every flag is also an environment variable.
#[derive(Debug, Parser)]
#[command(name = "gateway-core", version)]
struct Settings {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    process: ProcessSettings,
    #[command(flatten)]
    core: CoreSettings,
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
    let Settings { command, process, core } = settings;
    if let Some(command) = command {
        let done = runtime(NonZeroU32::MIN)?.block_on(command.run(&core, CredentialSource::MustBeConfigured))?;
        return std::io::stdout().write_all(done.as_bytes()).map_err(Into::into);
    }
    let config = core.resolve(&process, &process.public_url, CredentialSource::MustBeConfigured)?;
    let metrics = record_metrics()?;
    runtime(process.worker_threads)?.block_on(async {
        let signals = Signals::listen()?;
        let traces = trace::begin(&process.traces, "gateway-core")?;
        let grpc_listen = config.grpc_listen.clone();
        let core = Core::build(config).await?;
        let metrics_listener = TcpListener::bind(process.metrics_listen).await;
        let metrics_listener = bound("METRICS_LISTEN", &process.metrics_listen, metrics_listener)?;
        let grpc_listener = bound("GRPC_LISTEN", &grpc_listen, GrpcListener::bind(&grpc_listen).await)?;
        tracing::info!("metrics on http://{}/metrics", metrics_listener.local_addr()?);
        tracing::info!("gRPC on {}", grpc_listener.address()?);
        warn_of_plain_grpc(&grpc_listener.address()?, core.is_encrypted());
        tokio::spawn(serve_metrics(metrics_listener, metrics));
        core.discover().await;
        core.run(grpc_listener, signals, &process).await?;
        traces.end().await;
        Ok(())
    })
}
