//! Which of the gateway's tools a request is given.

use std::sync::Arc;

use bytes::Bytes;
use gateway_proto::ApiError;

use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::domain::chat::JsonRequest;
use crate::domain::tools::{MAX_TOOLS, ToolChoice, ToolOutline, nothing_to_call};
use crate::shared::Shared;
use crate::tools::Tool;

/// Where a request came in, since its callers expect different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// A chat, whose caller expects the request to go on unchanged.
    Chat,
    /// A turn of a stored conversation.
    Conversation,
}

/// The tools that a caller's requests may be given.
#[derive(Debug, Default)]
pub(crate) struct Offer(Vec<Arc<dyn Tool>>);

/// The tools that a request is given.
#[derive(Debug)]
pub(crate) struct Offered {
    /// By name.
    pub(super) tools: Vec<Arc<dyn Tool>>,
    /// What the request says of its own.
    pub(super) of_caller: ToolOutline,
}

impl Offer {
    /// Those of a caller who asked for them (on), or not to have them (off), or said nothing.
    pub(crate) fn of(shared: &Shared, call: &Call, switch: Option<bool>, surface: Surface) -> Self {
        let token = call.caller.token();
        let is_usual = surface == Surface::Conversation || token.server_tools_on_v1;
        if switch.unwrap_or(is_usual) { Self(shared.tools().of_token(token)) } else { Self::default() }
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.iter().map(|tool| tool.facts().name.as_str()).collect()
    }

    /// Those that fit a request, which was judged, and its model; none where it is to go on as it is. A tool of the
    /// caller's with the same name goes first.
    pub(crate) fn fit(self, request: &JsonRequest, model: &CatalogModel) -> Result<Option<Offered>, ApiError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let of_caller = ToolOutline::of(request);
        let mut tools = self.0;
        tools.retain(|tool| !of_caller.functions.contains(&tool.facts().name));
        let is_for_caller = match &of_caller.choice {
            ToolChoice::None | ToolChoice::Other => true,
            ToolChoice::Function(name) => of_caller.functions.iter().any(|function| function == name),
            ToolChoice::Auto | ToolChoice::Required => false,
        };
        let parameters = &request.parameters;
        let speaks_older_form = !parameters.functions_json.is_empty() || !parameters.function_call_json.is_empty();
        let fits = !is_for_caller
            && !tools.is_empty()
            && model.takes_tools()
            && parameters.n.unwrap_or(1) == 1
            && !speaks_older_form
            && request.tools.len() + tools.len() <= MAX_TOOLS;
        if fits {
            return Ok(Some(Offered { tools, of_caller }));
        }
        match &of_caller.choice {
            ToolChoice::Required if request.tools.is_empty() => Err(nothing_to_call()),
            ToolChoice::Function(name) if !of_caller.functions.iter().any(|function| function == name) => {
                let message = format!("'tool_choice' names the function '{name}', which is not offered here.");
                Err(ApiError::invalid_field("tool_choice.function.name", message))
            }
            ToolChoice::None
            | ToolChoice::Auto
            | ToolChoice::Required
            | ToolChoice::Function(_)
            | ToolChoice::Other => Ok(None),
        }
    }
}

/// Whether a model server refused a request because it, or its model, takes no tools. Each says it in other words; none
/// without this one.
pub(super) fn refuses_tools(error: &ApiError) -> bool {
    let is_refusal = matches!(error.metadata("upstream_status"), Some("400" | "404" | "422" | "501"));
    is_refusal && error.message().to_ascii_lowercase().contains("tool")
}

impl Offered {
    /// Whether the request would be the caller's own without these.
    pub(super) fn are_all(&self) -> bool {
        let of_caller = &self.of_caller;
        of_caller.functions.is_empty() && !of_caller.has_others && of_caller.choice == ToolChoice::Auto
    }

    /// How they stand among the tools of a request.
    pub(super) fn definitions(&self) -> impl Iterator<Item = Bytes> {
        self.tools.iter().map(|tool| tool.facts().definition().clone())
    }

    /// Whether a function of this name is the caller's to run. What nobody knows is the caller's only where the caller has
    /// tools that the gateway cannot see into.
    pub(super) fn is_callers(&self, name: &str) -> bool {
        let is_ours = self.tools.iter().any(|tool| tool.facts().name == name);
        !is_ours && (self.of_caller.has_others || self.of_caller.functions.iter().any(|function| function == name))
    }
}
