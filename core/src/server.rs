//! Puts the core together, and serves it on a socket.

mod encrypted;
mod incoming;
mod listener;
mod metered;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gateway_auth::Authenticator;
use gateway_proto::{FILE_DESCRIPTOR_SET, Rpc};
use gateway_storage::{LEASE, OpenError};
use rustls::ServerConfig;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::server::HealthReporter;
use tower::layer::layer_fn;
use tower::util::MapRequest;

use crate::augment::{self, Compositions};
use crate::budget;
use crate::catalog::CatalogHandle;
use crate::causes::causes;
use crate::clock::Clock;
use crate::config::{CoreConfig, ProcessSettings};
use crate::discovery;
use crate::grpc::Services;
use crate::keeping;
use crate::layers::{CoreService, InFlight, Request};
use crate::measures;
use crate::process::{CLOSE_PATIENCE, End, Signals};
use crate::reload::{self, Reload};
use crate::shared::{Parts, Shared};
#[cfg(feature = "mcp")]
use crate::tools::begin_to_follow_servers;
use crate::tools::{McpEndpoint, Tools};
use crate::turn::Turns;
use crate::upstream::Upstream;
use crate::usage::{self, Accounts};
use incoming::{Places, connections};
use metered::{Metered, Room};

pub(crate) use incoming::OneTooMany;
pub use listener::{GrpcListener, SocketFile};

/// How long the first reading of a server's list of models may hold up the start.
const FIRST_DISCOVERY: Duration = Duration::from_secs(2);

/// Bounds of a connection. Windows are large, since one connection of an edge carries all of its calls, and frames are
/// large, since a body of megabytes is one message.
mod http2 {
    use std::time::Duration;

    pub(super) const STREAM_WINDOW: u32 = 8 << 20;
    pub(super) const CONNECTION_WINDOW: u32 = 32 << 20;
    pub(super) const FRAME_BYTES: u32 = 1 << 20;
    pub(super) const HEADER_BYTES: u32 = 16 << 10;
    pub(super) const STREAMS: u32 = 4096;
    pub(super) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
    pub(super) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
}

/// The core, built and not yet listening.
///
/// What a program awaits is boxed: the code of a future is made where it is awaited first, and so in this crate, once, and
/// not again in each program.
#[derive(Clone, Debug)]
pub struct Core {
    shared: Shared,
    service: CoreService,
    health: HealthReporter,
    discover: Option<(Arc<Upstream>, Duration)>,
    tool_servers: Arc<[McpEndpoint]>,
    places: Places,
    room: Room,
    tls: Option<Arc<ServerConfig>>,
    /// What goes on beside the calls, until the core is gone.
    _beside: Arc<JoinSet<()>>,
}

/// Why a core could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database cannot be used, and will not be by trying again.
    #[error("DATABASE_URL: {}", with_causes(.0))]
    Database(#[source] OpenError),
    /// Usage cannot be booked.
    #[error("DATA_DIR: the usage journal cannot be begun: {0}")]
    Journal(#[source] io::Error),
    /// The protos cannot be reflected.
    #[error("reflection cannot be offered")]
    Reflection(#[from] tonic_reflection::server::Error),
}

fn with_causes(error: &OpenError) -> String {
    let causes = causes(error);
    if causes.is_empty() { error.to_string() } else { format!("{error}: {causes}") }
}

impl Core {
    /// Builds the core and opens its database. Opens no port.
    #[must_use]
    pub fn build(config: CoreConfig) -> BoxFuture<'static, Result<Self, BuildError>> {
        Box::pin(Self::built(config))
    }

    async fn built(config: CoreConfig) -> Result<Self, BuildError> {
        let store = config.database.open(LEASE).await.map_err(BuildError::Database)?;
        let accounts = Accounts::begin(&config.data_dir, &store, config.budgets.0, Clock::default());
        let accounts = Arc::new(accounts.map_err(BuildError::Journal)?);
        // It listens before anything is read, so that nothing is missed.
        let heard = store.heard();
        let compositions = Arc::new(Compositions::new(Arc::clone(&store)));
        let shared = Shared::new(Parts {
            accounts: Arc::clone(&accounts),
            compositions: Arc::clone(&compositions),
            authenticator: Authenticator::new(config.tokens, config.usual_limits),
            catalog: CatalogHandle::new(config.upstreams.catalog),
            in_flight: InFlight::default(),
            docs_url: config.docs_url,
            max_body_bytes: config.bounds.max_body_bytes,
            stream_head_wait: config.stream_head_wait,
            store,
            turns: Turns::default(),
            conversations: config.conversations,
            tools: Tools::new(config.tool_limits),
            max_system_prompt_bytes: config.max_system_prompt_bytes,
        });
        let (health, health_service) = tonic_health::server::health_reporter();
        for service in services() {
            health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
        }
        let mut others = Routes::new(health_service);
        if config.reflection {
            let reflection = || {
                tonic_reflection::server::Builder::configure()
                    .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
                    .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            };
            others = others.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
        }
        let reload = Reload::new(shared.clone(), config.files, config.upstreams.discover.clone());
        let discover = config.upstreams.discover.map(|upstream| (upstream, config.upstreams.refresh));
        let service = CoreService::new(shared.clone(), Services::new(&shared, others));
        let mut beside = JoinSet::new();
        beside.spawn(keeping::sweep(shared.clone()));
        beside.spawn(budget::keep(Arc::clone(accounts.ledger())));
        beside.spawn(usage::keep(accounts));
        beside.spawn(augment::follow(compositions, heard));
        beside.spawn(keeping::tell_health(shared.clone(), health.clone()));
        beside.spawn(reload.follow());
        let tls = config.tls.map(|tls| {
            beside.spawn(reload::follow(tls.identity));
            tls.config
        });
        beside.spawn(measures::watch_storage(shared.clone()));
        let places = Places::new(config.bounds.max_connections.get() as usize);
        let room = Room::new(config.bounds.max_bytes_in_flight);
        Ok(Self {
            shared,
            service,
            health,
            discover,
            tool_servers: config.tool_servers.into(),
            places,
            room,
            tls,
            _beside: Arc::new(beside),
        })
    }

    /// The core as one service, layers included, for an edge in the same process.
    #[must_use]
    pub fn service(&self) -> CoreService {
        self.service.clone()
    }

    /// Begins to follow what servers list, models and tools, and waits a moment for the first of each.
    #[must_use]
    pub fn discover(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            tokio::join!(self.discover_models(), self.discover_tools());
        })
    }

    #[cfg(feature = "mcp")]
    async fn discover_tools(&self) {
        begin_to_follow_servers(&self.shared, &self.tool_servers, FIRST_DISCOVERY).await;
    }

    #[cfg(not(feature = "mcp"))]
    async fn discover_tools(&self) {
        debug_assert!(self.tool_servers.is_empty(), "the configuration refuses them");
    }

    async fn discover_models(&self) {
        let Some((upstream, refresh)) = &self.discover else { return };
        // A server that is down must not keep the gateway from starting.
        drop(timeout(FIRST_DISCOVERY, discovery::read_once(&self.shared, upstream)).await);
        tokio::spawn(discovery::follow(self.shared.clone(), Arc::clone(upstream), *refresh));
    }

    /// The aliases on offer now, in their order.
    #[must_use]
    pub fn aliases(&self) -> Vec<String> {
        self.shared.catalog().load().models().iter().map(|model| model.facts.alias.to_string()).collect()
    }

    /// Whether gRPC over TCP is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// From now on health says that the core ends; calls are still taken.
    pub async fn announce_end(&self) {
        self.shared.in_flight().announce_end();
        for service in services().chain([""]) {
            self.health.set_service_status(service, tonic_health::ServingStatus::NotServing).await;
        }
    }

    /// From now on new calls are refused; returns when the last one in flight has ended.
    pub async fn drain(&self) {
        self.shared.in_flight().close();
        self.shared.in_flight().drained().await;
    }

    /// Serves gRPC until a signal ends the process: announces it, drains, and closes.
    #[must_use]
    pub fn run<'a>(
        &'a self,
        listener: GrpcListener,
        signals: Signals,
        settings: &'a ProcessSettings,
    ) -> BoxFuture<'a, Result<(), Box<dyn Error>>> {
        Box::pin(self.serve_until_signal(listener, signals, settings))
    }

    async fn serve_until_signal(
        &self,
        listener: GrpcListener,
        mut signals: Signals,
        settings: &ProcessSettings,
    ) -> Result<(), Box<dyn Error>> {
        let end = CancellationToken::new();
        let mut server = self.serve(listener, end.clone());
        let ending = async {
            let signal = signals.next().await;
            self.end(signal, &mut signals, settings).await;
            end.cancel();
        };
        tokio::select! {
            served = &mut server => return served.map_err(Into::into),
            () = ending => {}
        }
        // Connections that carry nothing but a watch on health do not end by themselves.
        drop(timeout(CLOSE_PATIENCE, server).await);
        Ok(())
    }

    /// Announces the end, waits for others to learn of it, and lets the calls in flight end. A second signal ends it all
    /// at once.
    #[must_use]
    pub fn end<'a>(
        &'a self,
        signal: End,
        signals: &'a mut Signals,
        settings: &'a ProcessSettings,
    ) -> BoxFuture<'a, ()> {
        Box::pin(self.end_in_good_order(signal, signals, settings))
    }

    async fn end_in_good_order(&self, signal: End, signals: &mut Signals, settings: &ProcessSettings) {
        tracing::info!("ending after a signal; {} calls in flight", self.shared.in_flight().count());
        self.announce_end().await;
        if signal == End::Terminate && signals.unless_repeated(sleep(settings.drain_delay_secs)).await.is_none() {
            return;
        }
        if signals
            .unless_repeated(timeout(settings.drain_timeout_secs, self.drain()))
            .await
            .is_none_or(|ended| ended.is_err())
        {
            tracing::warn!("{} calls in flight were cut", self.shared.in_flight().count());
            self.shared.in_flight().cut();
            // So that each can be told why.
            drop(timeout(CLOSE_PATIENCE, self.shared.in_flight().drained()).await);
        }
        // What is not booked by then is booked from the journal by the next process.
        match timeout(CLOSE_PATIENCE, self.shared.accounts().close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(cause = causes(&error), "usage is left to the next start"),
            Err(_) => tracing::warn!("usage is left to the next start"),
        }
    }

    /// Serves gRPC until `closing` is cancelled, then lets connections finish what they carry.
    #[must_use]
    pub fn serve(
        &self,
        listener: GrpcListener,
        closing: CancellationToken,
    ) -> BoxFuture<'static, Result<(), tonic::transport::Error>> {
        let (service, room) = (self.service.clone(), self.room.clone());
        // The service is whole with its layers; tonic's own routes stay empty.
        let whole = layer_fn(move |_: Routes| {
            let room = room.clone();
            let meter = move |request: Request| request.map(|body| Body::new(Metered::new(body, room.clone())));
            MapRequest::new(service.clone(), meter)
        });
        let serving = Server::builder()
            .initial_stream_window_size(http2::STREAM_WINDOW)
            .initial_connection_window_size(http2::CONNECTION_WINDOW)
            .max_frame_size(http2::FRAME_BYTES)
            .max_concurrent_streams(http2::STREAMS)
            .http2_max_header_list_size(http2::HEADER_BYTES)
            .http2_keepalive_interval(Some(http2::KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(http2::KEEPALIVE_TIMEOUT))
            .layer(whole)
            .add_routes(Routes::default())
            .serve_with_incoming_shutdown(
                connections(listener, self.tls.clone(), self.places.clone()),
                closing.cancelled_owned(),
            );
        Box::pin(serving)
    }
}

/// The full names of the services of the contract.
fn services() -> impl Iterator<Item = &'static str> {
    let mut names: Vec<_> = Rpc::ALL.iter().map(|rpc| rpc.service()).collect();
    names.dedup();
    names.into_iter()
}
