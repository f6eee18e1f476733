//! The tool that lists the models.

use async_trait::async_trait;
use gateway_auth::Scope;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;
use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::Arguments;
use super::{Effect, Tool, ToolContext, ToolFacts, ToolOutput};
use crate::api_errors;

/// Lists the models that the caller may use.
#[derive(Debug)]
pub(super) struct ListModels {
    facts: ToolFacts,
    arguments: Arguments<Nothing>,
}

/// No arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Default for ListModels {
    fn default() -> Self {
        let arguments = Arguments::of_type();
        let description = "Lists the models that can be used here, by their names.";
        Self { facts: ToolFacts::new("list_models", description, arguments.schema(), Effect::None), arguments }
    }
}

#[async_trait]
impl Tool for ListModels {
    fn facts(&self) -> &ToolFacts {
        &self.facts
    }

    async fn run(&self, context: &ToolContext, arguments: &[u8]) -> Result<ToolOutput, ApiError> {
        let Nothing {} = self.arguments.read(arguments)?;
        if !context.call.caller.token().grants.hold(Scope::ModelsRead) {
            return Err(api_errors::forbidden());
        }
        let catalog = context.shared.catalog().load();
        let mut writer = Writer::with_capacity(256);
        writer.begin_object();
        writer.name("models");
        writer.begin_array();
        catalog.models_of(context.call.caller.tenant()).for_each(|model| writer.string(model.facts.alias.as_str()));
        writer.end_array();
        writer.end_object();
        Ok(ToolOutput::of(writer.finish()))
    }
}
