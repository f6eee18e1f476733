//! The audit log: one structured line for each act that somebody may be asked about later. It has a target of its own,
//! `audit`, which is on whatever `RUST_LOG` says of the rest, and holds names and ids, never a content or a secret.

use gateway_proto::Rpc;
use gateway_storage::{ConversationId, Owner, PromptLevel, PromptPlace, User};
use uuid::Uuid;

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

/// What was done to memory that all users of a scope share.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PublicMemory {
    Written,
    Deleted,
}

/// An entry that all users of a scope share was written or deleted. Its key may be as private as its value.
pub(crate) fn public_memory(what: PublicMemory, call: &Call, owner: &Owner, scope: &str) {
    let (action, done) = match what {
        PublicMemory::Written => ("memory.public_written", "written"),
        PublicMemory::Deleted => ("memory.public_deleted", "deleted"),
    };
    let (User::EndUser(user) | User::Token(user)) = &owner.user;
    tracing::info!(
        target: TARGET,
        action,
        request_id = call.request_id.as_str(),
        tenant = owner.tenant.name(),
        token = call.caller.token().id,
        user = &**user,
        scope,
        "an entry of the public memory of the scope '{scope}' was {done}"
    );
}

/// All that one turn wrote is gone, public entries among it where the token may delete them.
pub(crate) fn memory_of_turn_deleted(
    call: &Call,
    owner: &Owner,
    conversation: ConversationId,
    turn: Uuid,
    entries: u32,
) {
    let (User::EndUser(user) | User::Token(user)) = &owner.user;
    tracing::info!(
        target: TARGET,
        action = "memory.deleted_by_origin",
        request_id = call.request_id.as_str(),
        tenant = owner.tenant.name(),
        token = call.caller.token().id,
        user = &**user,
        %conversation,
        %turn,
        entries,
        "{entries} entries of memory were deleted, which the turn {turn} wrote"
    );
}

/// What was done to a system prompt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PromptChange {
    Written,
    MadeCurrent,
    Unset,
    Deleted,
}

/// A system prompt is another one from now on, or a version of it is gone.
pub(crate) fn system_prompt(what: PromptChange, call: &Call, owner: &Owner, place: &PromptPlace, version: Option<u32>) {
    let (action, done) = match what {
        PromptChange::Written => ("system_prompt.written", "was written and made current"),
        PromptChange::MadeCurrent => ("system_prompt.made_current", "was made current"),
        PromptChange::Unset => ("system_prompt.unset", "is current no more"),
        PromptChange::Deleted => ("system_prompt.deleted", "was deleted"),
    };
    let (User::EndUser(user) | User::Token(user)) = &owner.user;
    let (level, scope) = match &place.level {
        PromptLevel::Tenant => ("tenant", None),
        PromptLevel::Scope(scope) => ("scope", Some(&**scope)),
        PromptLevel::User(_) => ("user", None),
    };
    let what = version.map_or_else(|| "whatever version".to_owned(), |version| format!("version {version}"));
    tracing::info!(
        target: TARGET,
        action,
        request_id = call.request_id.as_str(),
        tenant = owner.tenant.name(),
        token = call.caller.token().id,
        user = &**user,
        level,
        scope,
        version,
        "{what} of the system prompt of the level '{level}' {done}"
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
