//! Model servers: everything that speaks the OpenAI wire as a client.
//!
//! An [`Upstream`] is one server under the operator's name for it: a real one behind [`http`], or the built-in
//! [`demo`], which answers in this process in the same bytes, so that one reader serves both.

mod chunks;
mod completion;
mod daily;
mod demo;
mod error;
mod events;
mod failure;
mod handling;
mod http;
mod models;
mod request_body;

use std::sync::Arc;
use std::time::Duration;

use ::http::HeaderValue;
use ::http::uri::InvalidUri;
use bytes::Bytes;
use gateway_proto::TraceContext;
use gateway_proto::v1::ChatCompletion;
use metrics::Histogram;
use tokio::time::Instant;

use chunks::Source;

pub use chunks::Chunks;
pub(crate) use completion::read_tool_calls;
pub use daily::{DailyUse, since_1970, until_midnight};
pub use error::{Phase, UpstreamError};
pub use handling::{BreakerSettings, DailyLimit, Handling, RequestRules, RetryRule, SystemMessages, TokenLimitName};
#[cfg(feature = "mcp")]
pub(crate) use http::tls_config;
pub use http::{Endpoint, Timeouts};
pub use request_body::RequestBody;

/// The alias, the upstream's name and the model's name of the built-in demo.
pub const DEMO: &str = "demo";

/// One model server.
pub struct Upstream {
    name: String,
    /// The name, as callers are told it.
    resolved_backend: HeaderValue,
    transport: Transport,
    handling: Handling,
    /// How much of its allowance for the day is used, where it has one.
    daily: Option<DailyUse>,
    /// A larger answer is refused.
    max_response_bytes: usize,
    /// How long calls took that were answered, and that were not; looked up once.
    seconds: [Histogram; 2],
}

#[derive(Debug)]
enum Transport {
    Http(Box<http::HttpServer>),
    /// Bound in time like any other.
    Demo {
        total: Duration,
    },
}

/// What goes with a call besides its body.
#[derive(Clone, Copy, Debug)]
pub struct CallContext<'a> {
    /// The request id, handed on so that the two logs can be joined.
    pub request_id: &'a str,
    /// Where the call stands in a trace, handed on so that the server can go on from it.
    pub trace: Option<&'a TraceContext>,
    /// When the caller's own time runs out.
    pub deadline: Option<Instant>,
}

impl CallContext<'_> {
    /// The same for a call that may take this long from now.
    fn within(self, total: Duration) -> Self {
        let end = Instant::now() + total;
        Self { deadline: Some(self.deadline.map_or(end, |deadline| deadline.min(end))), ..self }
    }
}

impl Upstream {
    /// A server behind HTTP, under the operator's name for it.
    pub fn http(
        name: String,
        endpoint: &Endpoint,
        handling: Handling,
        max_response_bytes: usize,
    ) -> Result<Self, InvalidUri> {
        let server = http::HttpServer::new(endpoint)?;
        Ok(Self::new(name, Transport::Http(Box::new(server)), handling, max_response_bytes))
    }

    /// The demo, whose answers take at most `total`. It fails when it is asked to, which must not open a circuit.
    #[must_use]
    pub fn demo(total: Duration, max_response_bytes: usize) -> Self {
        Self::new(DEMO.to_owned(), Transport::Demo { total }, Handling::default(), max_response_bytes)
    }

    fn new(name: String, transport: Transport, handling: Handling, max_response_bytes: usize) -> Self {
        let histogram = |outcome: &'static str| metrics::histogram!("gateway_upstream_seconds", "upstream" => name.clone(), "outcome" => outcome);
        Self {
            seconds: [histogram("ok"), histogram("error")],
            // A name that no header can hold cannot be told.
            resolved_backend: HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("unprintable")),
            name,
            transport,
            daily: handling.daily_limit.map(|limit| DailyUse::new(limit.requests)),
            handling,
            max_response_bytes,
        }
    }

    /// The operator's name for it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name, as callers are told it.
    #[must_use]
    pub fn resolved_backend(&self) -> &HeaderValue {
        &self.resolved_backend
    }

    /// The host and the port of a server behind HTTP.
    pub(crate) fn address(&self) -> Option<(&str, u16)> {
        match &self.transport {
            Transport::Http(server) => Some(server.address()),
            Transport::Demo { .. } => None,
        }
    }

    /// How it is to be handled.
    #[must_use]
    pub fn handling(&self) -> &Handling {
        &self.handling
    }

    /// How much of its allowance for the day is used, where it has one.
    #[must_use]
    pub fn daily(&self) -> Option<&DailyUse> {
        self.daily.as_ref()
    }

    /// Goes on from the server that this one takes the place of: what it used of its allowance for the day is used.
    pub fn continue_from(&self, before: &Self) {
        if let (Some(daily), Some(before)) = (&self.daily, &before.daily) {
            daily.continue_from(before);
        }
    }

    /// How long a whole call may take.
    #[must_use]
    pub fn total(&self) -> Duration {
        match &self.transport {
            Transport::Http(server) => server.total(),
            Transport::Demo { total } => *total,
        }
    }

    /// A larger answer is refused, in bytes.
    #[must_use]
    pub fn max_response_bytes(&self) -> usize {
        self.max_response_bytes
    }

    /// Records how long a call took.
    pub fn observe(&self, elapsed: Duration, is_ok: bool) {
        self.seconds[usize::from(!is_ok)].record(elapsed.as_secs_f64());
    }

    /// Asks for a whole answer, whose `model` becomes `alias`. Dropping the future cancels the call.
    pub async fn complete(
        &self,
        body: RequestBody,
        alias: &str,
        context: CallContext<'_>,
    ) -> Result<ChatCompletion, UpstreamError> {
        let answer = self.send(body, context).await?;
        match completion::read(&answer, alias) {
            // Some servers answer 200 with an error inside.
            Err(malformed) => Err(failure::inside_success(&answer, self.own()).unwrap_or(malformed)),
            completion => completion,
        }
    }

    /// Asks for a stream of `wanted` answers, whose `model` becomes `alias`; answered once the server has begun to.
    /// Dropping the future, or the stream, cancels the call.
    pub async fn stream(
        self: Arc<Self>,
        body: RequestBody,
        alias: String,
        wanted: usize,
        context: CallContext<'_>,
    ) -> Result<Chunks, UpstreamError> {
        let source = match &self.transport {
            Transport::Http(server) => Source::Http(server.stream(body, context, self.max_response_bytes).await?),
            Transport::Demo { total } => Source::Demo(demo::stream(&body.concat(), context.within(*total)).await?),
        };
        Ok(Chunks::new(self, source, alias, wanted))
    }

    /// The names of the server's models.
    pub async fn models(&self) -> Result<Vec<String>, UpstreamError> {
        let limit = self.max_response_bytes;
        match &self.transport {
            Transport::Http(server) => models::read(&server.get_models(limit).await?),
            Transport::Demo { .. } => Ok(vec![DEMO.to_owned()]),
        }
    }

    /// Whether the server answers, asked with a call that costs nothing.
    pub async fn check(&self, patience: Duration) -> Result<(), UpstreamError> {
        match tokio::time::timeout(patience, self.models()).await {
            Ok(answer) => answer.map(drop),
            Err(_) => Err(UpstreamError::TimedOut(Phase::FirstByte)),
        }
    }

    async fn send(&self, body: RequestBody, context: CallContext<'_>) -> Result<Bytes, UpstreamError> {
        match &self.transport {
            Transport::Http(server) => server.complete(body, context, self.max_response_bytes).await,
            Transport::Demo { total } => demo::complete(&body.concat(), context.within(*total)).await,
        }
    }

    fn own(&self) -> failure::Own<'_> {
        match &self.transport {
            Transport::Http(server) => server.own(),
            Transport::Demo { .. } => failure::Own::default(),
        }
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}
