//! The operator's models file.

mod server;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Deserialize;

use crate::domain::alias::ModelAlias;
use crate::domain::model::{Constraints, Modalities, ModelFacts, Prices};

pub(super) use server::{ServerEntry, breaker};

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

/// A model.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelEntry {
    pub(super) alias: String,
    /// Who serves it, in the short form: one server, and its own name for the model.
    #[serde(default)]
    upstream: Option<String>,
    #[serde(default)]
    upstream_model: Option<String>,
    /// The same in the long form: tiers in their order, each of targets by weight.
    #[serde(default)]
    tiers: Option<Vec<Vec<TargetEntry>>>,
    /// The same for an alias that is made of others, in their order.
    #[serde(default)]
    composite: Option<Vec<String>>,
    /// The aliases that may stand in for it once its allowance for the day is used up.
    #[serde(default)]
    pub(super) fallbacks: Vec<String>,
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

/// A model of a server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetEntry {
    pub(super) upstream: String,
    /// The server's own name; none: the alias.
    #[serde(default)]
    pub(super) upstream_model: Option<String>,
    /// Its share of the calls of its tier.
    #[serde(default = "one")]
    pub(super) weight: NonZeroU32,
}

/// Who serves a model.
#[derive(Debug)]
pub(super) enum ServedBy {
    /// Targets in tiers.
    Tiers(Vec<Vec<TargetEntry>>),
    /// Other aliases.
    Aliases(Vec<String>),
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
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
    /// Who serves it, in whichever of the three forms it is written.
    pub(super) fn served_by(&self) -> Result<ServedBy, String> {
        let upstream_model = self.upstream_model.clone();
        match (&self.upstream, &self.tiers, &self.composite) {
            (Some(upstream), None, None) => {
                let target = TargetEntry { upstream: upstream.clone(), upstream_model, weight: one() };
                Ok(ServedBy::Tiers(vec![vec![target]]))
            }
            (None, Some(tiers), None) if upstream_model.is_none() => Ok(ServedBy::Tiers(tiers.clone())),
            (None, None, Some(aliases)) if upstream_model.is_none() => Ok(ServedBy::Aliases(aliases.clone())),
            (Some(_), ..) | (None, Some(_), Some(_)) => {
                Err("it has more than one of upstream, tiers and composite".to_owned())
            }
            (None, None, None) => Err("it needs one of upstream, tiers and composite".to_owned()),
            (None, ..) => Err("upstream_model belongs to upstream; in tiers each target has its own".to_owned()),
        }
    }

    /// What the entry says of the model.
    pub(super) fn facts(&self, alias: ModelAlias) -> ModelFacts {
        let names = |kinds: &[Modality]| kinds.iter().copied().map(Modality::name).collect();
        ModelFacts {
            alias,
            family: self.family.clone(),
            context_window: self.context_window,
            max_output_tokens: self.max_output_tokens,
            reserve_output_tokens: self.reserve_output_tokens,
            tools: self.tools,
            reasoning: self.reasoning,
            modalities: self
                .modalities
                .as_ref()
                .map(|modalities| Modalities { input: names(&modalities.input), output: names(&modalities.output) }),
            constraints: Constraints {
                min_max_tokens: self.constraints.min_max_tokens,
                accepts_image_url: self.constraints.accepts_image_url,
                typical_response_seconds: self.constraints.typical_response_seconds,
            },
            prices: self.prices.as_ref().map(|prices| Prices {
                input_per_million_usd: prices.input_per_million_usd,
                output_per_million_usd: prices.output_per_million_usd,
                cached_input_per_million_usd: prices.cached_input_per_million_usd,
            }),
        }
    }
}
