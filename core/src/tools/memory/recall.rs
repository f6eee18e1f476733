//! The tool that recalls.

use async_trait::async_trait;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;
use gateway_storage::{Buckets, MemoryRecord, Visibility};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Act, Whose, bucket, in_arguments, may};
use crate::api_errors;
use crate::memory::{MemoryKey, visibility_name};
use crate::tools::arguments::Arguments;
use crate::tools::{Effect, Tool, ToolContext, ToolFacts, ToolOutput};

const DESCRIPTION: &str = "Recalls what was remembered: the value of one key, or all keys and values where no key is given; \
    private and public memory where no visibility is given.";
/// More entries than a bucket of 16,384 bytes can hold.
const ALL: u32 = 20_000;

/// Recalls values.
#[derive(Debug)]
pub(super) struct MemoryRecall {
    facts: ToolFacts,
    arguments: Arguments<Recall>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Recall {
    /// The key, as it was remembered.
    #[serde(default)]
    #[schemars(with = "String")]
    key: Option<String>,
    #[serde(default)]
    #[schemars(with = "Whose")]
    visibility: Option<Whose>,
}

impl Default for MemoryRecall {
    fn default() -> Self {
        let arguments = Arguments::of_type();
        let facts = ToolFacts::new("memory_recall", DESCRIPTION, arguments.schema(), Effect::ReadsMemory);
        Self { facts, arguments }
    }
}

#[async_trait]
impl Tool for MemoryRecall {
    fn facts(&self) -> &ToolFacts {
        &self.facts
    }

    async fn run(&self, context: &ToolContext, arguments: &[u8]) -> Result<ToolOutput, ApiError> {
        let Recall { key, visibility } = self.arguments.read(arguments)?;
        let key = key.filter(|key| !key.is_empty());
        let key = key.map(|key| MemoryKey::parse(key, "key")).transpose().map_err(in_arguments)?;
        let asked = match visibility {
            Some(whose) => vec![whose.into()],
            // Of what may be read; nothing is an error only where nothing may be.
            None => {
                let both = [Visibility::Private, Visibility::Public];
                both.into_iter().filter(|visibility| may(context, *visibility, Act::Read)).collect()
            }
        };
        if asked.is_empty() {
            return Err(api_errors::forbidden());
        }
        let mut writer = Writer::with_capacity(256);
        writer.begin_object();
        writer.name("entries");
        writer.begin_array();
        for visibility in asked {
            let bucket = bucket(context, visibility, Act::Read)?;
            let store = context.shared.store();
            let found: Vec<MemoryRecord> = match &key {
                Some(key) => store.memory(&bucket, key.as_str()).await.map(|found| found.into_iter().collect()),
                None => store.memories(&Buckets::One(bucket), ALL, 0).await.map(|listed| listed.items),
            }
            .map_err(api_errors::from_store)?;
            found.iter().for_each(|record| write(&mut writer, record, visibility));
        }
        writer.end_array();
        writer.end_object();
        Ok(ToolOutput::of(writer.finish()))
    }
}

fn write(writer: &mut Writer, record: &MemoryRecord, visibility: Visibility) {
    writer.begin_object();
    writer.optional_string("key", Some(&record.key));
    writer.optional_string("value", Some(&record.value));
    writer.optional_string("visibility", Some(visibility_name(visibility)));
    writer.end_object();
}
