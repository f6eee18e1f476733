//! Memory and system prompts as the contract's messages.

use gateway_proto::v1::{MemoryEntry, MemoryOrigin, MemoryUsage, SystemPrompt};
use gateway_storage::{
    BUCKET_CAP_BYTES, BucketUsage, MemoryRecord, Origin, PromptLevel, PromptPlace, PromptRecord, User, Visibility,
};

use super::conversation::timestamp;
use crate::memory::visibility_name;
use crate::system_prompts::Level;

/// An entry of a bucket in this scope.
pub(in crate::grpc) fn memory_entry(record: &MemoryRecord, scope: &str) -> MemoryEntry {
    let visibility = if record.user.is_some() { Visibility::Private } else { Visibility::Public };
    MemoryEntry {
        visibility: visibility_name(visibility).to_owned(),
        scope_id: scope.to_owned(),
        user_id: record.user.as_ref().and_then(end_user),
        key: record.key.clone(),
        value: record.value.clone(),
        origin: Some(origin(record.origin)),
        created_at: Some(timestamp(record.created_at)),
        updated_at: Some(timestamp(record.updated_at)),
    }
}

fn origin(origin: Origin) -> MemoryOrigin {
    let (kind, turn) = match origin {
        Origin::Human => ("human", None),
        Origin::Tool(turn) => ("tool", turn),
    };
    MemoryOrigin {
        kind: kind.to_owned(),
        conversation_id: turn.map(|(conversation, _)| conversation.to_string()),
        turn_id: turn.map(|(_, turn)| turn.to_string()),
    }
}

/// How full a bucket is.
pub(in crate::grpc) fn memory_usage(usage: BucketUsage, visibility: Visibility, scope: &str) -> MemoryUsage {
    MemoryUsage {
        visibility: visibility_name(visibility).to_owned(),
        scope_id: scope.to_owned(),
        entries: usage.entries,
        used_bytes: usage.bytes,
        cap_bytes: BUCKET_CAP_BYTES,
        remaining_bytes: BUCKET_CAP_BYTES.saturating_sub(usage.bytes),
    }
}

/// A version of the system prompt at this place.
pub(in crate::grpc) fn system_prompt(record: &PromptRecord, place: &PromptPlace) -> SystemPrompt {
    let (scope_id, user_id) = match &place.level {
        PromptLevel::Tenant => (None, None),
        PromptLevel::Scope(scope) => (Some(scope.to_string()), None),
        PromptLevel::User(user) => (None, end_user(user)),
    };
    SystemPrompt {
        level: Level::of(place).name().to_owned(),
        scope_id,
        user_id,
        version: record.version,
        is_current: record.is_current,
        content: record.content.clone(),
        size_bytes: record.content_bytes,
        note: record.note.clone(),
        author_token_id: record.author_token.clone(),
        author_user_id: record.author_user.clone(),
        created_at: Some(timestamp(record.created_at)),
    }
}

fn end_user(user: &User) -> Option<String> {
    match user {
        User::EndUser(name) => Some(name.to_string()),
        User::Token(_) => None,
    }
}
