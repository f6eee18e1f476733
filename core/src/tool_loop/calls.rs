//! The calls of one step, and what they gave.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;
use gateway_proto::v1::{AssistantMessage, ToolCall, tool_call};

use super::guard::Signature;
use super::offer::Offered;
use crate::tools::{Effect, Tool, ToolContext, run, text_of};

/// The most calls of one step that are run; a model that asks for more is told so.
const MAX_CALLS: usize = 32;

/// A call of a tool of the gateway, or of one that there is not.
#[derive(Clone, Debug)]
pub(super) struct OwnCall {
    id: String,
    name: String,
    arguments: String,
    /// None: there is no such tool.
    tool: Option<Arc<dyn Tool>>,
}

/// What a call gave, for the model.
#[derive(Debug)]
pub(super) struct CallResult {
    /// The tool's message.
    pub(super) message: Bytes,
    /// What the call changed.
    pub(super) effect: Effect,
}

impl OwnCall {
    pub(super) fn signature(&self) -> Signature {
        Signature::of(&self.name, &self.arguments)
    }
}

/// The calls of a message that are the gateway's to run, and whether there are others, which are the caller's.
pub(super) fn own_calls(message: &AssistantMessage, offered: &Offered) -> (Vec<OwnCall>, bool) {
    let mut own = Vec::new();
    let mut has_callers = false;
    for call in &message.tool_calls {
        match own_call(call, offered) {
            Some(call) => own.push(call),
            None => has_callers = true,
        }
    }
    (own, has_callers)
}

/// Whether a call is the caller's to run.
pub(super) fn is_callers(call: &ToolCall, offered: &Offered) -> bool {
    own_call(call, offered).is_none()
}

fn own_call(call: &ToolCall, offered: &Offered) -> Option<OwnCall> {
    let Some(tool_call::Call::Function(function)) = &call.call else { return None };
    if offered.is_callers(&function.name) {
        return None;
    }
    let tool = offered.tools.iter().find(|tool| tool.facts().name == function.name).cloned();
    Some(OwnCall { id: call.id.clone(), name: function.name.clone(), arguments: function.arguments.clone(), tool })
}

/// Runs the calls of one step side by side. What fails gives a result that says so; dropping the future cancels them all.
pub(super) async fn run_all(calls: Vec<OwnCall>, context: Arc<ToolContext>) -> Vec<CallResult> {
    let running = calls.into_iter().enumerate().map(|(index, call)| run_one(index, call, &context));
    join_all(running).await
}

async fn run_one(index: usize, call: OwnCall, context: &ToolContext) -> CallResult {
    let (ended, effect) = match &call.tool {
        None => (Err(unknown(&call.name)), Effect::None),
        Some(_) if index >= MAX_CALLS => (Err(too_many()), Effect::None),
        Some(tool) => {
            let ended = run(tool.as_ref(), context, Some(&call.id), call.arguments.as_bytes()).await;
            (ended, tool.facts().effect)
        }
    };
    // Text of any length was cut before.
    let text = text_of(ended, context);
    let mut writer = Writer::with_capacity(text.len() + call.id.len() + 64);
    writer.begin_object();
    writer.optional_string("role", Some("tool"));
    writer.optional_string("tool_call_id", Some(&call.id));
    writer.optional_string("content", Some(&String::from_utf8_lossy(&text)));
    writer.end_object();
    CallResult { message: writer.finish().into(), effect }
}

fn unknown(name: &str) -> ApiError {
    let name: String = name.chars().take(64).collect();
    ApiError::invalid_field("name", format!("There is no tool '{name}' here; call one of those that are offered."))
}

fn too_many() -> ApiError {
    let message = format!("At most {MAX_CALLS} calls of one step are run; this one was not. Call it again.");
    ApiError::invalid_field("tool_calls", message)
}
