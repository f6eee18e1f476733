//! For whom a chat is answered, and with what.

use gateway_auth::ScopeId;
use gateway_proto::ApiError;
use gateway_storage::Owner;
use http::HeaderMap;

use super::{Identity, owner, scope};
use crate::augment::Switches;
use crate::call::Call;
use crate::shared::Shared;
use crate::tools::{Moment, ToolContext};

/// For whom a chat is answered, and with what.
#[derive(Clone, Debug)]
pub struct Acting {
    /// Whose chat it is.
    pub owner: Owner,
    /// The scope of its memory and system prompts; none: it acts in no scope.
    pub scope: Option<ScopeId>,
    /// What its caller switches.
    pub switches: Switches,
}

impl Acting {
    /// For whom and where tools run, at this moment.
    pub(crate) fn tool_context(&self, shared: &Shared, call: &Call, moment: Moment) -> ToolContext {
        let (shared, call) = (shared.clone(), call.clone());
        ToolContext { shared, call, owner: self.owner.clone(), scope: self.scope.clone(), moment }
    }
}

/// For whom a call whose identity holds has a chat answered, and with what.
pub fn acting(call: &Call, identity: &Identity, headers: &HeaderMap) -> Result<Acting, ApiError> {
    let switches = Switches::read(headers)?;
    Ok(Acting { owner: owner(call, identity), scope: scope(&call.caller, identity), switches })
}
