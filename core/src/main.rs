//! `gateway-core`: the core as a process of its own.

use std::error::Error;
use std::num::NonZeroU32;
use std::process::ExitCode;

use clap::Parser;
use gateway_core::config::{CoreSettings, CredentialSource, ProcessSettings, Task, settings_of_this_process};
use gateway_core::process::{Signals, bound, record_metrics, runtime, serve_metrics, start_log};
use gateway_core::server::{Core, GrpcListener};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The core of the chat gateway: serves gRPC, and speaks to model servers. Every flag is also an environment variable.
#[derive(Debug, Parser)]
#[command(name = "gateway-core", version)]
struct Settings {
    #[command(subcommand)]
    task: Option<Task>,
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
    match start_log(&settings.process).map_err(Into::into).and_then(|()| run(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let Settings { task, process, core } = settings;
    if let Some(task) = task {
        return runtime(NonZeroU32::MIN)?.block_on(task.run(&core)).map_err(Into::into);
    }
    let config = core.resolve(&process, &process.public_url, CredentialSource::MustBeConfigured)?;
    let metrics = record_metrics()?;
    runtime(process.worker_threads)?.block_on(async {
        let signals = Signals::listen()?;
        let grpc_listen = config.grpc_listen.clone();
        let core = Core::build(config).await?;
        let metrics_listener = TcpListener::bind(process.metrics_listen).await;
        let metrics_listener = bound("METRICS_LISTEN", &process.metrics_listen, metrics_listener)?;
        let grpc_listener = bound("GRPC_LISTEN", &grpc_listen, GrpcListener::bind(&grpc_listen).await)?;
        tracing::info!("metrics on http://{}/metrics", metrics_listener.local_addr()?);
        tracing::info!("gRPC on {}", grpc_listener.address()?);
        tokio::spawn(serve_metrics(metrics_listener, metrics));
        core.discover().await;
        core.run(grpc_listener, signals, &process).await
    })
}
