//! What is known of a model.

use super::alias::ModelAlias;

/// A model as the operator describes it; a fact that is not known is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFacts {
    /// The name that requests use.
    pub alias: ModelAlias,
    /// The family for people.
    pub family: Option<String>,
    /// Prompt and answer together, in tokens.
    pub context_window: Option<u32>,
    /// The most tokens of one answer.
    pub max_output_tokens: Option<u32>,
    /// What an answer is thought to come to at most, in tokens, where a request does not say.
    pub reserve_output_tokens: Option<u32>,
    /// Whether it can ask for tools.
    pub tools: Option<bool>,
    /// Whether it reasons before it answers.
    pub reasoning: Option<bool>,
    /// What goes in and comes out.
    pub modalities: Option<Modalities>,
    /// What a request must respect.
    pub constraints: Constraints,
    /// What it costs.
    pub prices: Option<Prices>,
}

/// What goes in and comes out of a model: text, image, audio, video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modalities {
    /// Kinds of input.
    pub input: Vec<String>,
    /// Kinds of output.
    pub output: Vec<String>,
}

/// What a request must respect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    /// The floor of `max_tokens`; a smaller value is raised to it.
    pub min_max_tokens: Option<u32>,
    /// Whether images may be http(s) URLs, which the model server then fetches.
    pub accepts_image_url: bool,
    /// How long an answer usually takes, in seconds.
    pub typical_response_seconds: Option<u32>,
}

/// What a model costs, in US dollars per million tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// For tokens of the prompt.
    pub input_per_million_usd: f64,
    /// For tokens of the answer.
    pub output_per_million_usd: f64,
    /// For tokens of the prompt read from the provider's cache; none: as input.
    pub cached_input_per_million_usd: Option<f64>,
}

impl ModelFacts {
    /// Whether images may go in. A model whose modalities are not known is not denied.
    #[must_use]
    pub fn takes_images(&self) -> bool {
        self.modalities.as_ref().is_none_or(|modalities| modalities.input.iter().any(|kind| kind == "image"))
    }
}
