//! The audit log: one structured line for each act that somebody may be asked about later. It has a target of its own,
//! `audit`, which is on whatever `RUST_LOG` says of the rest, and holds names and ids, never a content or a secret.

use gateway_proto::Rpc;
use gateway_storage::{ConversationId, Owner, User};

use crate::call::Call;
use crate::gate::Withheld;

/// The target of audit lines.
pub(crate) const TARGET: &str = "audit";

/// A token asked for what it may not do.
pub(crate) fn refused(call: &Call, rpc: Rpc, withheld: Withheld) {
    let missing = match withheld {
        Withheld::Scope(scope) => scope,
        Withheld::ScopeId => "scope_ids",
    };
    tracing::info!(
        target: TARGET,
        action = "scope.refused",
        request_id = call.request_id.as_str(),
        tenant = call.caller.tenant().id.as_str(),
        token = call.caller.token().id,
        rpc = rpc.name(),
        missing,
        "token '{}' may not call {}: {missing}",
        call.caller.token().id,
        rpc.name()
    );
}

/// A conversation is gone for good.
pub(crate) fn conversation_deleted(call: &Call, owner: &Owner, conversation: ConversationId) {
    let (User::EndUser(user) | User::Token(user)) = &owner.user;
    tracing::info!(
        target: TARGET,
        action = "conversation.deleted",
        request_id = call.request_id.as_str(),
        tenant = owner.tenant.name(),
        token = call.caller.token().id,
        user = &**user,
        %conversation,
        "conversation {conversation} was deleted"
    );
}

/// A file of the configuration was read again and holds from now on.
pub(crate) fn reloaded(setting: &str) {
    tracing::info!(target: TARGET, action = "config.reloaded", setting, "{setting}: what the file says holds from now on");
}

/// A file of the configuration was read again and cannot be used: what it said before goes on.
pub(crate) fn reload_failed(setting: &str, reason: &str) {
    tracing::error!(
        target: TARGET,
        action = "config.reload_failed",
        setting,
        reason,
        "{setting}: the file has changed and cannot be used, so that what it said before goes on: {reason}"
    );
}
