//! The tool that forgets.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Whose, bucket, in_arguments};
use crate::conversations::Changed;
use crate::memory::{MemoryKey, delete};
use crate::tools::arguments::Arguments;
use crate::tools::{Effect, Tool, ToolContext, ToolFacts, ToolOutput};

const DESCRIPTION: &str = "Forgets the value of a key, and tells whether there was one.";

/// Forgets a value.
#[derive(Debug)]
pub(super) struct MemoryForget {
    facts: ToolFacts,
    arguments: Arguments<Forget>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Forget {
    /// The key, as it was remembered.
    key: String,
    visibility: Whose,
}

impl Default for MemoryForget {
    fn default() -> Self {
        let arguments = Arguments::of_type();
        let facts = ToolFacts::new("memory_forget", DESCRIPTION, arguments.schema(), Effect::WritesMemory);
        Self { facts, arguments }
    }
}

#[async_trait]
impl Tool for MemoryForget {
    fn facts(&self) -> &ToolFacts {
        &self.facts
    }

    async fn run(&self, context: &ToolContext, arguments: &[u8]) -> Result<ToolOutput, ApiError> {
        let Forget { key, visibility } = self.arguments.read(arguments)?;
        let key = MemoryKey::parse(key, "key").map_err(in_arguments)?;
        let bucket = bucket(context, visibility.into(), Act::Write)?;
        let answer = Arc::new(|_: &bool| Bytes::new());
        let deleted = delete(&context.shared, &context.call, &context.owner, &bucket, key, None, answer).await?;
        let mut writer = Writer::with_capacity(32);
        writer.begin_object();
        writer.name("deleted");
        writer.boolean(matches!(deleted, Changed::Now(true)));
        writer.end_object();
        Ok(ToolOutput::of(writer.finish()))
    }
}
