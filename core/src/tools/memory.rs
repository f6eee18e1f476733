//! The tools that remember, recall and forget.
//!
//! What a model writes to public memory, all users of the scope read: it takes two calls, the second with the confirm
//! token that the first was answered with. The token is random, good for one use, bound to the very same arguments and to
//! who asked, and only its SHA-256 is stored.

mod forget;
mod recall;
mod remember;

use std::sync::Arc;

use gateway_auth::{Scope, ScopeId};
use gateway_proto::ApiError;
use gateway_storage::{Bucket, Visibility};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Tool, ToolContext};
use crate::api_errors;

/// All of them.
pub(super) fn all() -> Vec<Arc<dyn Tool>> {
    vec![
        Arc::new(remember::MemoryRemember::default()),
        Arc::new(recall::MemoryRecall::default()),
        Arc::new(forget::MemoryForget::default()),
    ]
}

/// Whose memory it is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(description = "private: for this user alone; public: for everybody in the same scope.")]
enum Whose {
    Private,
    Public,
}

impl From<Whose> for Visibility {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Private => Self::Private,
            Whose::Public => Self::Public,
        }
    }
}

/// What is done with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Read,
    Write,
}

/// The bucket of a visibility, where the caller may do this with it.
fn bucket(context: &ToolContext, visibility: Visibility, act: Act) -> Result<Bucket, ApiError> {
    let scope = scope(context)?;
    if !may(context, visibility, act) {
        return Err(api_errors::forbidden());
    }
    Ok(Bucket::of(&context.owner, scope.as_str(), visibility))
}

/// Whether the caller's token may do this.
fn may(context: &ToolContext, visibility: Visibility, act: Act) -> bool {
    let needed = match (act, visibility) {
        (Act::Read, Visibility::Private) => Scope::MemoryReadPrivate,
        (Act::Read, Visibility::Public) => Scope::MemoryReadPublic,
        (Act::Write, Visibility::Private) => Scope::MemoryWritePrivate,
        (Act::Write, Visibility::Public) => Scope::MemoryWritePublic,
    };
    context.call.caller.token().grants.hold(needed)
}

fn scope(context: &ToolContext) -> Result<&ScopeId, ApiError> {
    context.scope.as_ref().ok_or_else(api_errors::forbidden)
}

/// The arguments of tools stand one level deeper than the fields of the service. A confirm token keeps the name that the
/// catalog publishes for it.
fn in_arguments(error: ApiError) -> ApiError {
    let name = ["key", "value"].into_iter().find(|name| error.param() == Some(name));
    match name {
        Some(name) => error.renamed(name, &format!("arguments.{name}")),
        None => error,
    }
}
