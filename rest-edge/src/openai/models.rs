//! Models out: OpenAI's list, and the catalog with what is known of each.

use gateway_proto::v1;
use serde::Serialize;

/// `{"object":"list","data":[...]}`.
#[derive(Serialize)]
pub(crate) struct ModelList<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

/// A model as OpenAI's API lists it.
#[derive(Serialize)]
pub(crate) struct Model<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

/// `{"models":[...]}`.
#[derive(Serialize)]
pub(crate) struct Info<'a> {
    models: Vec<ModelInfo<'a>>,
}

/// What is known of a model; a fact that is not known is null.
#[derive(Serialize)]
struct ModelInfo<'a> {
    alias: &'a str,
    family: Option<&'a str>,
    context_window: Option<u32>,
    max_output_tokens: Option<u32>,
    tools: Option<bool>,
    reasoning: Option<bool>,
    modalities: Option<Modalities<'a>>,
    constraints: Constraints,
}

#[derive(Serialize)]
struct Modalities<'a> {
    input: &'a [String],
    output: &'a [String],
}

#[derive(Serialize)]
struct Constraints {
    min_max_tokens: Option<u32>,
    accepts_image_url: bool,
    typical_response_seconds: Option<u32>,
}

/// OpenAI's list of models.
pub(crate) fn model_list(models: &[v1::Model]) -> ModelList<'_> {
    ModelList { object: "list", data: models.iter().map(model).collect() }
}

/// One model as OpenAI's API gives it.
pub(crate) fn model(model: &v1::Model) -> Model<'_> {
    Model { id: &model.alias, object: "model", created: model.created, owned_by: &model.owned_by }
}

/// The catalog.
pub(crate) fn info(models: &[v1::Model]) -> Info<'_> {
    Info { models: models.iter().map(model_info).collect() }
}

fn model_info(model: &v1::Model) -> ModelInfo<'_> {
    let constraints = model.constraints.as_ref();
    ModelInfo {
        alias: &model.alias,
        family: model.family.as_deref(),
        context_window: model.context_window,
        max_output_tokens: model.max_output_tokens,
        tools: model.tools,
        reasoning: model.reasoning,
        modalities: model
            .modalities
            .as_ref()
            .map(|modalities| Modalities { input: &modalities.input, output: &modalities.output }),
        constraints: Constraints {
            min_max_tokens: constraints.and_then(|constraints| constraints.min_max_tokens),
            accepts_image_url: constraints.is_some_and(|constraints| constraints.accepts_image_url),
            typical_response_seconds: constraints.and_then(|constraints| constraints.typical_response_seconds),
        },
    }
}
