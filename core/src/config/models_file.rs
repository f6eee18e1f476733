//! The operator's models file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::values;
use crate::domain::alias::ModelAlias;
use crate::domain::model::{Constraints, Modalities, ModelFacts, Prices};

/// The models file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelsFile {
    /// The servers by name.
    #[serde(default)]
    pub(super) upstreams: BTreeMap<String, ServerEntry>,
    /// The models, in the order in which they are listed.
    #[serde(default)]
    pub(super) models: Vec<ModelEntry>,
}

/// A server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerEntry {
    #[serde(deserialize_with = "base_url")]
    pub(super) base_url: Url,
    /// The environment variable that holds its key.
    #[serde(default)]
    api_key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    api_key_file: Option<PathBuf>,
}

/// A model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelEntry {
    pub(super) alias: String,
    pub(super) upstream: String,
    #[serde(default)]
    pub(super) upstream_model: Option<String>,
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    context_window: Option<u32>,
    #[serde(default)]
    max_output_tokens: Option<u32>,
    #[serde(default)]
    reserve_output_tokens: Option<u32>,
    #[serde(default)]
    tools: Option<bool>,
    #[serde(default)]
    reasoning: Option<bool>,
    #[serde(default)]
    modalities: Option<ModalitiesEntry>,
    #[serde(default)]
    constraints: ConstraintsEntry,
    #[serde(default)]
    prices: Option<PricesEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModalitiesEntry {
    input: Vec<Modality>,
    output: Vec<Modality>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Modality {
    Text,
    Image,
    Audio,
    Video,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstraintsEntry {
    #[serde(default)]
    min_max_tokens: Option<u32>,
    #[serde(default)]
    accepts_image_url: bool,
    #[serde(default)]
    typical_response_seconds: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PricesEntry {
    input_per_million_usd: f64,
    output_per_million_usd: f64,
    #[serde(default)]
    cached_input_per_million_usd: Option<f64>,
}

/// Reads the text of a models file. An unknown key, a wrong value or an alias given twice is an error that names it.
pub(super) fn parse(text: &str) -> Result<ModelsFile, String> {
    let file: ModelsFile = serde_saphyr::from_str(text).map_err(|error| error.without_snippet().to_string())?;
    let mut aliases: Vec<_> = file.models.iter().map(|model| model.alias.as_str()).collect();
    aliases.sort_unstable();
    if let Some(pair) = aliases.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("the alias '{}' is given twice", pair[0]));
    }
    Ok(file)
}

fn base_url<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    values::base_url(&text).map_err(|reason| serde::de::Error::custom(format!("base_url {reason}")))
}

impl ServerEntry {
    /// The key, from where the operator keeps it.
    pub(super) fn key(&self) -> Result<Option<SecretString>, String> {
        let key = match (&self.api_key_env, &self.api_key_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err("has both api_key_env and api_key_file".to_owned()),
            (Some(name), None) => variable(name).ok_or_else(|| format!("the variable {name} is not set"))?,
            (None, Some(path)) => {
                fs::read_to_string(path).map_err(|error| format!("api_key_file '{}': {error}", path.display()))?
            }
        };
        Ok(Some(key.trim().into()))
    }
}

#[expect(clippy::disallowed_methods, reason = "the operator names the variable in the models file")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Modality {
    fn name(self) -> String {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
        }
        .to_owned()
    }
}

impl ModelEntry {
    /// What the entry says of the model.
    pub(super) fn facts(self, alias: ModelAlias) -> ModelFacts {
        let names = |kinds: Vec<Modality>| kinds.into_iter().map(Modality::name).collect();
        ModelFacts {
            alias,
            family: self.family,
            context_window: self.context_window,
            max_output_tokens: self.max_output_tokens,
            reserve_output_tokens: self.reserve_output_tokens,
            tools: self.tools,
            reasoning: self.reasoning,
            modalities: self
                .modalities
                .map(|modalities| Modalities { input: names(modalities.input), output: names(modalities.output) }),
            constraints: Constraints {
                min_max_tokens: self.constraints.min_max_tokens,
                accepts_image_url: self.constraints.accepts_image_url,
                typical_response_seconds: self.constraints.typical_response_seconds,
            },
            prices: self.prices.map(|prices| Prices {
                input_per_million_usd: prices.input_per_million_usd,
                output_per_million_usd: prices.output_per_million_usd,
                cached_input_per_million_usd: prices.cached_input_per_million_usd,
            }),
        }
    }
}
