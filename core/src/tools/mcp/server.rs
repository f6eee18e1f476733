//! A server, and the session with it: begun when it is first needed, and anew when it is lost.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gateway_proto::TraceContext;
use metrics::Gauge;
use reqwest::redirect::Policy;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ClientConfig, ClientRequest, Implementation,
    JsonObject, ListToolsRequest, PaginatedRequestParams, RequestMetaObject, ServerResult, Tool as ListedTool,
};
use rmcp::service::{NotificationContext, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use tokio::sync::{Notify, OnceCell};
use tokio::time::timeout;

use super::reason;
use crate::tools::McpEndpoint;
use crate::upstream::tls_config;

/// How long a connection may take, and the beginning of a session with it.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
const BEGIN_PATIENCE: Duration = Duration::from_secs(10);
/// How long reading a whole list may take.
const LIST_PATIENCE: Duration = Duration::from_secs(20);
/// The largest answer that is read, in bytes: what a tool may give at most, as JSON and twice, fits.
const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The most pages of a list, each of some tools.
const MAX_PAGES: usize = 32;

/// A server.
#[derive(Debug)]
pub(super) struct McpServer {
    endpoint: McpEndpoint,
    client: reqwest::Client,
    /// The session, once there is one. A lost one is replaced by an empty place, so that what waits for a new one is not
    /// given the old, and nobody takes away what another one began.
    session: ArcSwap<OnceCell<Session>>,
    changed: Arc<Notify>,
    /// Whether the last request had an answer.
    up: Gauge,
}

type Session = RunningService<RoleClient, Listener>;

/// Why a call of a tool has no result.
pub(super) enum CallFailure {
    /// There is no session: nothing was sent.
    Unreachable,
    /// The answer did not come.
    Lost,
    /// The server refuses, in its own words.
    Refused(String),
    /// It wants something that the gateway does not give: an input of the user, or patience with a task.
    Wants,
}

impl McpServer {
    pub(super) fn new(endpoint: McpEndpoint) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(&endpoint.extra_roots))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_PATIENCE)
            .default_headers(endpoint.headers.clone())
            // A kept connection may be that of a server that is no more.
            .pool_max_idle_per_host(0)
            .build()?;
        let up = metrics::gauge!("gateway_mcp_server_up", "server" => endpoint.name.clone());
        up.set(0.0);
        Ok(Self { endpoint, client, session: ArcSwap::default(), changed: Arc::default(), up })
    }

    pub(super) fn name(&self) -> &str {
        &self.endpoint.name
    }

    pub(super) fn endpoint(&self) -> &McpEndpoint {
        &self.endpoint
    }

    /// Returns when the server says that its list changed; at once when it has said so since.
    pub(super) async fn list_changed(&self) {
        self.changed.notified().await;
    }

    /// The server's tools, or why they cannot be had.
    pub(super) async fn list(&self) -> Result<Vec<ListedTool>, String> {
        let place = self.session.load_full();
        let list = timeout(LIST_PATIENCE, self.list_within(&place)).await;
        let list = list.unwrap_or_else(|_| Err("it takes too long".to_owned()));
        if list.is_err() {
            self.forget(&place);
        }
        self.up.set(if list.is_ok() { 1.0 } else { 0.0 });
        list
    }

    /// Not by the client's own way to list, which in place of an error may give the list that it had before.
    async fn list_within(&self, place: &OnceCell<Session>) -> Result<Vec<ListedTool>, String> {
        let session = place.get_or_try_init(|| self.begin()).await?;
        let mut tools = Vec::new();
        let mut cursor = None;
        for _ in 0..MAX_PAGES {
            let params = Some(PaginatedRequestParams::default().with_cursor(cursor));
            let request = ListToolsRequest { params, ..ListToolsRequest::default() };
            let answer = session.send_request(ClientRequest::ListToolsRequest(request)).await;
            let ServerResult::ListToolsResult(page) = answer.map_err(|error| reason::of_request(&error))? else {
                return Err("its list is none".to_owned());
            };
            tools.extend(page.tools);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(tools);
            }
        }
        Err("its list does not end".to_owned())
    }

    /// Calls a tool by the server's own name for it. Dropping the future cancels the call. A call is never sent again: it
    /// may have done its work. The server is told where the call stands in a trace.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: JsonObject,
        trace: Option<&TraceContext>,
    ) -> Result<CallToolResponse, CallFailure> {
        let place = self.session.load_full();
        let session = match place.get_or_try_init(|| self.begin()).await {
            Ok(session) => session,
            Err(reason) => {
                self.log(tool, &reason);
                return Err(CallFailure::Unreachable);
            }
        };
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        params.meta = trace.map(meta_of);
        match session.call_tool_once(params).await {
            Ok(CallToolResponse::Complete(result)) => Ok(CallToolResponse::Complete(result)),
            Ok(_) => Err(CallFailure::Wants),
            Err(ServiceError::McpError(error)) => Err(CallFailure::Refused(error.message.into_owned())),
            Err(error) => {
                self.log(tool, &reason::of_request(&error));
                self.forget(&place);
                Err(CallFailure::Lost)
            }
        }
    }

    fn log(&self, tool: &str, reason: &str) {
        let name = self.name();
        tracing::warn!(server = name, reason, "the tool '{tool}' of MCP server '{name}' could not be called");
    }

    async fn begin(&self) -> Result<Session, String> {
        let mut config = StreamableHttpClientTransportConfig::with_uri(self.endpoint.url.as_str());
        config.max_json_response_size = MAX_ANSWER_BYTES;
        config.max_sse_event_size = MAX_ANSWER_BYTES;
        config.max_error_response_size = 0;
        let transport = StreamableHttpClientTransport::with_client(self.client.clone(), config);
        let session = timeout(BEGIN_PATIENCE, Listener(Arc::clone(&self.changed)).serve(transport)).await;
        session.map_err(|_| "it takes too long".to_owned())?.map_err(|error| reason::of_start(&error))
    }

    /// Leaves a session behind. It ends once the last call in it has.
    fn forget(&self, place: &Arc<OnceCell<Session>>) {
        self.session.compare_and_swap(place, Arc::default());
    }
}

/// A place in a trace as MCP carries it.
fn meta_of(trace: &TraceContext) -> RequestMetaObject {
    let mut meta = RequestMetaObject::default();
    meta.set_traceparent(trace.traceparent());
    if let Some(state) = trace.state.as_ref().and_then(|state| state.to_str().ok()) {
        meta.set_tracestate(state);
    }
    meta
}

/// What a server can say to the gateway: that its list changed, and nothing else.
#[derive(Debug)]
struct Listener(Arc<Notify>);

impl ClientHandler for Listener {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(ClientCapabilities::default(), Implementation::new("chat-gateway", env!("CARGO_PKG_VERSION")))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.0.notify_one();
    }
}
