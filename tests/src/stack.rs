//! A whole gateway in this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use gateway_core::config::{CoreSettings, CredentialSource, ListenAddress, ProcessSettings, parse_settings};
use gateway_core::server::{Core, GrpcListener};
use gateway_edge::config::{Bounds, CoreAddress, EdgeSettings};
use gateway_edge::core_client::CoreChannel;
use gateway_edge::server::{EdgeConfig, EdgeServer, bind, local_url};
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// The token of a stack that was given no token file: tenant `default`, every scope.
pub const BEARER: &str = "a-bearer-for-tests-of-40-characters-0001";

/// How edge and core are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// Without a socket, as in the launcher.
    InProcess,
    /// Over TCP.
    Tcp,
    /// Over a Unix socket.
    Unix,
}

impl Joined {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::InProcess, Self::Tcp, Self::Unix];
}

#[derive(Debug, Parser)]
struct Settings {
    #[command(flatten)]
    edge: EdgeSettings,
    #[command(flatten)]
    core: CoreSettings,
    #[command(flatten)]
    process: ProcessSettings,
}

/// What a stack is started with.
#[derive(Debug)]
pub struct StackBuilder {
    /// By flag, so that what is set last holds.
    settings: BTreeMap<String, String>,
    joined: Joined,
    folder: TempDir,
    has_tokens: bool,
}

impl StackBuilder {
    /// Sets a setting by its flag, as in `--rate-limit-burst`.
    #[must_use]
    pub fn set(mut self, flag: &str, value: impl ToString) -> Self {
        self.settings.insert(flag.to_owned(), value.to_string());
        self
    }

    /// Joins edge and core in this way.
    #[must_use]
    pub fn joined(mut self, joined: Joined) -> Self {
        self.joined = joined;
        self
    }

    /// Uses a model server by its base URL alone.
    #[must_use]
    pub fn upstream(self, base_url: &str) -> Self {
        self.set("--upstream-base-url", base_url)
    }

    /// Uses this models file.
    #[must_use]
    pub fn models(self, text: &str) -> Self {
        let path = self.folder.path().join("models.yaml");
        std::fs::write(&path, text).unwrap();
        self.set("--models-file", path.display())
    }

    /// Uses this budgets file.
    #[must_use]
    pub fn budgets(self, text: &str) -> Self {
        let path = self.folder.path().join("budgets.yaml");
        std::fs::write(&path, text).unwrap();
        self.set("--budgets-file", path.display())
    }

    /// Uses this token file in place of [`BEARER`].
    #[must_use]
    pub fn tokens(mut self, text: &str) -> Self {
        let path = self.folder.path().join("tokens.yaml");
        std::fs::write(&path, text).unwrap();
        self.has_tokens = true;
        self.set("--tokens-file", path.display())
    }

    /// Starts the stack.
    pub async fn start(self) -> Stack {
        // Both reqwest of the harness and the gateway's own client take rustls without a default provider.
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = self.folder;
        let bearer = if self.has_tokens { Vec::new() } else { vec!["--rust-api-bearer", BEARER] };
        let fixed = ["stack", "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"];
        let fixed = fixed.into_iter().chain(bearer).map(OsString::from);
        let set = self.settings.into_iter().flat_map(|(flag, value)| [flag.into(), value.into()]);
        let settings: Settings = parse_settings(fixed.chain(set)).unwrap();
        let http_listener = bind(settings.edge.http_listen).unwrap();
        let http_url = local_url(http_listener.local_addr().unwrap(), None);

        let config = settings.core.resolve(&settings.process, &http_url, CredentialSource::MayGenerate).unwrap();
        let core = Core::build(config).await.unwrap();
        let grpc_listener = GrpcListener::bind(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
        let Ok(ListenAddress::Tcp(grpc_address)) = grpc_listener.address() else { unreachable!() };
        core.discover().await;

        let closing = CancellationToken::new();
        let mut tasks = Vec::new();
        let channel = match self.joined {
            Joined::InProcess => CoreChannel::in_process(core.service()),
            Joined::Tcp => {
                CoreChannel::remote(&CoreAddress::Url(format!("http://{grpc_address}").parse().unwrap()), None).unwrap()
            }
            Joined::Unix => {
                let path = folder.path().join("core.sock");
                let listener = GrpcListener::bind(&ListenAddress::Unix(path.clone())).await.unwrap();
                let (core, closing) = (core.clone(), closing.clone());
                tasks.push(tokio::spawn(async move { core.serve(listener, closing).await.unwrap() }));
                CoreChannel::remote(&CoreAddress::Unix(path), None).unwrap()
            }
        };
        let gateway_core::config::Bounds { max_body_bytes, max_bytes_in_flight, max_connections } =
            settings.process.bounds;
        let bounds = Bounds { max_body_bytes, max_bytes_in_flight, max_connections };
        let config = EdgeConfig { channel, public_url: http_url.clone(), bounds, tls: None };
        let edge = EdgeServer::build(config, &settings.edge);
        let (serving_core, serving_edge) = (core.clone(), edge.clone());
        let (core_closing, edge_closing) = (closing.clone(), closing.clone());
        tasks.push(tokio::spawn(async move {
            serving_core.serve(grpc_listener, core_closing).await.unwrap();
        }));
        tasks.push(tokio::spawn(async move { serving_edge.serve(http_listener, edge_closing).await }));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        Stack { http_url, grpc_address, core, edge, closing, tasks, client, folder }
    }
}

/// A whole gateway in this process.
#[derive(Debug)]
pub struct Stack {
    http_url: String,
    grpc_address: SocketAddr,
    /// The core, for tests of its end.
    pub core: Core,
    /// The edge, for tests of its end.
    pub edge: EdgeServer,
    /// Cancelled, both stop listening and finish what they carry.
    pub closing: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    client: reqwest::Client,
    folder: TempDir,
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: bytes::Bytes,
}

impl HttpAnswer {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into()))
    }

    /// The `error` of the envelope.
    #[must_use]
    pub fn error(&self) -> Value {
        self.json()["error"].take()
    }

    /// Code and param of the error, or the status when there is none.
    #[must_use]
    pub fn code_and_param(&self) -> (String, String) {
        let error = self.error();
        let code = error["code"].as_str().map_or_else(|| self.status.to_string(), str::to_owned);
        (code, error["param"].as_str().unwrap_or_default().to_owned())
    }

    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Stack {
    /// A stack of the demo, or of what is set, without a rate limit.
    #[must_use]
    pub fn builder() -> StackBuilder {
        let folder = tempfile::tempdir().unwrap();
        let builder = StackBuilder { settings: BTreeMap::new(), joined: Joined::InProcess, folder, has_tokens: false };
        let data_dir = builder.folder.path().join("data").display().to_string();
        builder
            .set("--data-dir", data_dir)
            .set("--rate-limit-burst", 1_000_000)
            .set("--rate-limit-per-second", 1_000_000)
    }

    /// A stack of the demo.
    pub async fn demo() -> Self {
        Self::builder().start().await
    }

    /// The edge's address.
    #[must_use]
    pub fn http_url(&self) -> &str {
        &self.http_url
    }

    /// The edge's socket.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.http_url.trim_start_matches("http://").parse().unwrap()
    }

    /// A folder of the stack's own.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// A request with a token, or without.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> HttpAnswer {
        let mut request = self.client.request(method, format!("{}{path}", self.http_url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        HttpAnswer { status, headers, body: response.bytes().await.unwrap() }
    }

    /// A GET with [`BEARER`].
    pub async fn get(&self, path: &str) -> HttpAnswer {
        self.send(Method::GET, path, &[("authorization", &format!("Bearer {BEARER}"))], "").await
    }

    /// A chat with [`BEARER`] and this body.
    pub async fn chat(&self, body: impl ToString) -> HttpAnswer {
        self.chat_with(&[], body).await
    }

    /// A chat with [`BEARER`], more headers and this body.
    pub async fn chat_with(&self, more: &[(&str, &str)], body: impl ToString) -> HttpAnswer {
        let bearer = format!("Bearer {BEARER}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        headers.extend(more);
        self.send(Method::POST, "/v1/chat/completions", &headers, body.to_string()).await
    }

    /// The core's address.
    #[must_use]
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.grpc_address)
    }

    /// A channel to the core.
    #[must_use]
    pub fn grpc(&self) -> Channel {
        Endpoint::from_shared(self.grpc_url()).unwrap().connect_lazy()
    }
}
