//! The tool that remembers.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;
use gateway_storage::{Bucket, ConfirmIn, Confirmation, ConfirmationRequest, Origin, Visibility};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Act, Whose, bucket, in_arguments, scope};
use crate::api_errors;
use crate::memory::{MemoryKey, MemoryValue, NewEntry, put, visibility_name};
use crate::tools::arguments::Arguments;
use crate::tools::{Effect, Tool, ToolContext, ToolFacts, ToolOutput};

/// How long a confirm token can be used (`expires_in` of the contract).
const CONFIRM_LIFETIME: Duration = Duration::from_secs(60);
/// How long one can be used that is for a later turn, should the user never come back; otherwise it ends with the next turn.
const CONFIRM_LATER_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const DESCRIPTION: &str = "Remembers a value under a key, across conversations. A value that is there is replaced. \
    To write to public memory takes two calls: the first is answered with a confirm_token, the second repeats the same \
    arguments with it.";

/// Remembers a value.
#[derive(Debug)]
pub(super) struct MemoryRemember {
    facts: ToolFacts,
    arguments: Arguments<Remember>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Remember {
    /// A short name of what is remembered, up to 256 bytes.
    key: String,
    /// What is remembered.
    value: String,
    visibility: Whose,
    /// The scope of this request; another one is refused. Best left out.
    #[serde(default)]
    #[schemars(with = "String")]
    scope: Option<String>,
    /// The token that the first call for public memory was answered with.
    #[serde(default)]
    #[schemars(with = "String")]
    confirm_token: Option<SecretText>,
}

/// Text that is not to be printed.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct SecretText(SecretString);

impl Default for MemoryRemember {
    fn default() -> Self {
        let arguments = Arguments::of_type();
        let facts = ToolFacts::new("memory_remember", DESCRIPTION, arguments.schema(), Effect::WritesMemory);
        Self { facts, arguments }
    }
}

#[async_trait]
impl Tool for MemoryRemember {
    fn facts(&self) -> &ToolFacts {
        &self.facts
    }

    async fn run(&self, context: &ToolContext, arguments: &[u8]) -> Result<ToolOutput, ApiError> {
        let Remember { key, value, visibility, scope: named, confirm_token } = self.arguments.read(arguments)?;
        if named.is_some_and(|named| scope(context).map(|scope| scope.as_str() != named).unwrap_or(true)) {
            let message =
                "'arguments.scope' must be the scope of the request, which SPASS-Scope-Id names; leave it out.";
            return Err(ApiError::invalid_field("arguments.scope", message));
        }
        let key = MemoryKey::parse(key, "key").map_err(in_arguments)?;
        let value = MemoryValue::parse(Some(value)).map_err(in_arguments)?;
        let bucket = bucket(context, visibility.into(), Act::Write)?;
        let confirmation = match (bucket.visibility(), confirm_token.filter(|token| !token.is_empty())) {
            (Visibility::Private, _) => None,
            (Visibility::Public, None) => return ask(context, bucket, &key, &value).await,
            (Visibility::Public, Some(token)) => {
                let used_in = confirm_in(context).filter(|used_in| may_confirm(context, *used_in));
                let used_in = used_in.ok_or_else(|| in_arguments(api_errors::memory_not_confirmed()))?;
                Some(Confirmation { token: token.digest(), used_in })
            }
        };
        let origin = Origin::Tool(context.moment.conversation.map(|conversation| (conversation, context.moment.turn)));
        let told = stored(&key, bucket.visibility());
        let entry = NewEntry { bucket, key, value, origin, confirmation };
        let answer = std::sync::Arc::new(|_: &_| Bytes::new());
        put(&context.shared, &context.call, &context.owner, entry, None, answer).await.map_err(in_arguments)?;
        Ok(told)
    }
}

/// Asks for the write to be confirmed.
async fn ask(
    context: &ToolContext,
    bucket: Bucket,
    key: &MemoryKey,
    value: &MemoryValue,
) -> Result<ToolOutput, ApiError> {
    let token = new_token();
    let later = context.call.caller.tenant().confirms_in_later_turn;
    let lifetime = if later { CONFIRM_LATER_LIFETIME } else { CONFIRM_LIFETIME };
    let asked_in = confirm_in(context).unwrap_or(ConfirmIn::AnyTurn);
    let request = ConfirmationRequest {
        owner: context.owner.clone(),
        bucket,
        key: key.as_str().to_owned(),
        value: value.as_str().to_owned(),
        token: token.digest(),
        asked_in,
        lifetime,
    };
    context.shared.store().ask_confirmation(request).await.map_err(api_errors::from_store)?;
    let mut writer = Writer::with_capacity(256);
    writer.begin_object();
    writer.name("confirm_required");
    writer.boolean(true);
    writer.optional_string("confirm_token", Some(token.0.expose_secret()));
    writer.name("expires_in");
    writer.integer(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
    let message = if later {
        "Nothing is stored yet. Ask the user whether everybody may read this; once the user has said so, in a later message, \
         call again with the same arguments and this confirm_token."
    } else {
        "Nothing is stored yet. To store it, call again with the same arguments and this confirm_token."
    };
    writer.optional_string("message", Some(message));
    writer.end_object();
    Ok(ToolOutput::of(writer.finish()))
}

fn stored(key: &MemoryKey, visibility: Visibility) -> ToolOutput {
    let mut writer = Writer::with_capacity(key.as_str().len() + 64);
    writer.begin_object();
    writer.name("stored");
    writer.boolean(true);
    writer.optional_string("key", Some(key.as_str()));
    writer.optional_string("visibility", Some(visibility_name(visibility)));
    writer.end_object();
    ToolOutput::of(writer.finish())
}

/// In which turn it is asked or confirmed, as far as that matters to the tenant.
fn confirm_in(context: &ToolContext) -> Option<ConfirmIn> {
    let moment = context.moment;
    Some(if context.call.caller.tenant().confirms_in_later_turn {
        ConfirmIn::LaterTurn { conversation: moment.conversation, turn: moment.turn }
    } else {
        ConfirmIn::AnyTurn
    })
}

/// Whether a confirmation can be given at this moment. Where the user is to give it, the user must have said something.
fn may_confirm(context: &ToolContext, used_in: ConfirmIn) -> bool {
    matches!(used_in, ConfirmIn::AnyTurn) || context.moment.is_of_user
}

/// A new token: 244 random bits.
fn new_token() -> SecretText {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    SecretText(URL_SAFE_NO_PAD.encode(bytes).into())
}

impl SecretText {
    fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose_secret()).into()
    }
}
