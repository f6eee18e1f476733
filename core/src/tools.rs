//! The tools that the gateway runs itself: for models in the tool loop, and for callers of ToolService.
//!
//! A tool acts for the caller of the request and nobody else: identity, tenant and scope come from the [`ToolContext`],
//! never from its arguments, which a model may have written. What it gives is data.

mod arguments;
mod endpoint;
mod execute;
#[cfg(feature = "mcp")]
mod mcp;
mod memory;
mod models;
mod run;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use bytes::Bytes;
use gateway_auth::{Scope, ScopeId, Token, ToolRule};
use gateway_proto::json::Writer;
use gateway_proto::{ApiError, TraceContext};
use gateway_storage::{ConversationId, Owner};
use uuid::Uuid;

use crate::call::Call;
use crate::shared::Shared;

pub use endpoint::McpEndpoint;
pub use execute::execute;
#[cfg(feature = "mcp")]
pub(crate) use mcp::begin as begin_to_follow_servers;
pub(crate) use run::{run, text_of};

/// The longest arguments of a call, in bytes: a bucket of memory holds less.
pub const MAX_ARGUMENTS_BYTES: usize = 64 * 1024;

/// What a call of a tool changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// Nothing; what it gives changes with the caller's memory.
    ReadsMemory,
    /// The caller's memory.
    WritesMemory,
    /// Something elsewhere, as far as the gateway knows.
    Other,
}

impl Effect {
    /// Whether it changes anything, so that a request that came to it must not be sent again.
    #[must_use]
    pub fn changes_anything(self) -> bool {
        matches!(self, Self::WritesMemory | Self::Other)
    }
}

/// What is told of a tool.
#[derive(Clone, Debug)]
pub struct ToolFacts {
    /// The name that a model calls it by: 1 to 64 of the characters a-z, A-Z, 0-9, `_` and `-`.
    pub name: String,
    /// What it does, for a model.
    pub description: String,
    /// The JSON Schema of its arguments: a JSON object.
    pub parameters: Bytes,
    /// What a call changes.
    pub effect: Effect,
    /// How it stands among the tools of a chat request.
    definition: Bytes,
}

impl ToolFacts {
    /// What is told of a tool.
    #[must_use]
    pub fn new(name: &str, description: &str, parameters: Bytes, effect: Effect) -> Self {
        let definition = definition(name, description, &parameters);
        Self { name: name.to_owned(), description: description.to_owned(), parameters, effect, definition }
    }

    /// How it stands among the tools of a chat request: a JSON object, always the same, so that prefix caches hit.
    #[must_use]
    pub fn definition(&self) -> &Bytes {
        &self.definition
    }
}

fn definition(name: &str, description: &str, parameters: &Bytes) -> Bytes {
    let mut writer = Writer::with_capacity(parameters.len() + description.len() + 96);
    writer.begin_object();
    writer.optional_string("type", Some("function"));
    writer.name("function");
    writer.begin_object();
    writer.optional_string("name", Some(name));
    writer.optional_string("description", Some(description));
    writer.name("parameters");
    writer.raw(parameters);
    writer.end_object();
    writer.end_object();
    writer.finish().into()
}

/// In which turn a tool is called.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The conversation, where one is kept.
    pub conversation: Option<ConversationId>,
    /// The turn; of a request that keeps no conversation, an id of its own.
    pub turn: Uuid,
    /// Whether the user says something in this turn, rather than the application going on with the one before.
    pub is_of_user: bool,
}

impl Moment {
    /// That of a request that keeps no conversation.
    #[must_use]
    pub fn of_request() -> Self {
        Self { conversation: None, turn: Uuid::now_v7(), is_of_user: true }
    }
}

/// For whom and where a tool runs.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// What the core shares.
    pub shared: Shared,
    /// The call that it runs for.
    pub call: Call,
    /// The tenant and the user.
    pub owner: Owner,
    /// The scope for memory; none: the call may act in none.
    pub scope: Option<ScopeId>,
    /// In which turn.
    pub moment: Moment,
}

impl ToolContext {
    /// The same at another place in a trace.
    fn at(&self, trace: TraceContext) -> Self {
        let request_id = self.call.request_id.clone().at(Some(trace));
        Self { call: Call { request_id, ..self.call.clone() }, ..self.clone() }
    }
}

/// What a tool gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolOutput {
    /// JSON; a failure as well.
    pub json: Bytes,
    /// Whether it failed.
    pub is_error: bool,
}

impl ToolOutput {
    /// What a tool gives that did its work.
    #[must_use]
    pub fn of(json: impl Into<Bytes>) -> Self {
        Self { json: json.into(), is_error: false }
    }

    /// A failure, in a sentence.
    #[must_use]
    pub fn failed(message: &str) -> Self {
        let mut writer = Writer::with_capacity(message.len() + 16);
        writer.begin_object();
        writer.optional_string("error", Some(message));
        writer.end_object();
        Self { json: writer.finish().into(), is_error: true }
    }
}

/// A tool that the gateway runs itself.
#[async_trait]
pub trait Tool: fmt::Debug + Send + Sync {
    /// What is told of it.
    fn facts(&self) -> &ToolFacts;

    /// How long a call may take; none: as long as of any other tool.
    fn timeout(&self) -> Option<Duration> {
        None
    }

    /// Runs it with these arguments, which are JSON text, or are meant to be. An error is one of the catalog: a caller gets
    /// it as that, a model as the result. Time and size are bounded around it; dropping the future cancels it.
    async fn run(&self, context: &ToolContext, arguments: &[u8]) -> Result<ToolOutput, ApiError>;
}

/// What bounds tools.
#[derive(Clone, Copy, Debug)]
pub struct ToolLimits {
    /// How long a call may take.
    pub timeout: Duration,
    /// The most that a call may give, in bytes.
    pub max_output_bytes: usize,
    /// The most steps of the tool loop.
    pub max_iterations: u32,
}

/// All tools of this process.
#[derive(Debug)]
pub struct Tools {
    built_in: Vec<Arc<dyn Tool>>,
    /// Those of the operator's servers, by name.
    of_servers: ArcSwap<Vec<Arc<dyn Tool>>>,
    limits: ToolLimits,
}

impl Tools {
    /// Those that are built in, within these limits.
    #[must_use]
    pub fn new(limits: ToolLimits) -> Self {
        let mut built_in = memory::all();
        built_in.push(Arc::new(models::ListModels::default()));
        built_in.sort_by(|one, other| one.facts().name.cmp(&other.facts().name));
        Self { built_in, of_servers: ArcSwap::default(), limits }
    }

    /// What bounds them.
    #[must_use]
    pub fn limits(&self) -> ToolLimits {
        self.limits
    }

    /// Takes these in place of the tools of the operator's servers so far.
    pub fn set_of_servers(&self, mut tools: Vec<Arc<dyn Tool>>) {
        tools.sort_by(|one, other| one.facts().name.cmp(&other.facts().name));
        self.of_servers.store(Arc::new(tools));
    }

    /// Those that a token may use, by name. None without the scope to run tools.
    #[must_use]
    pub fn of_token(&self, token: &Token) -> Vec<Arc<dyn Tool>> {
        if !token.grants.hold(Scope::ToolsExecute) {
            return Vec::new();
        }
        self.listed(token)
    }

    /// Those that a token's list names, by name.
    #[must_use]
    pub fn listed(&self, token: &Token) -> Vec<Arc<dyn Tool>> {
        let patterns = match &token.server_tools {
            ToolRule::BuiltIn => return self.built_in.clone(),
            ToolRule::Only(patterns) => patterns,
        };
        let is_named = |tool: &&Arc<dyn Tool>| patterns.iter().any(|pattern| pattern.matches(&tool.facts().name));
        let of_servers = self.of_servers.load();
        let mut named: Vec<_> = self.built_in.iter().chain(of_servers.iter()).filter(is_named).cloned().collect();
        named.sort_by(|one, other| one.facts().name.cmp(&other.facts().name));
        named
    }

    /// The tool of this name, where a token may use it.
    #[must_use]
    pub fn find(&self, token: &Token, name: &str) -> Option<Arc<dyn Tool>> {
        self.of_token(token).into_iter().find(|tool| tool.facts().name == name)
    }
}
