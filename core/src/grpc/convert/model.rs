//! Models out.

use gateway_proto::v1;

use crate::catalog::CatalogModel;

/// A model as clients see it.
pub(crate) fn model(model: &CatalogModel) -> v1::Model {
    let facts = &model.facts;
    v1::Model {
        alias: facts.alias.to_string(),
        family: facts.family.clone(),
        context_window: facts.context_window,
        tools: facts.tools,
        reasoning: facts.reasoning,
        modalities: facts
            .modalities
            .as_ref()
            .map(|modalities| v1::Modalities { input: modalities.input.clone(), output: modalities.output.clone() }),
        constraints: Some(v1::ModelConstraints {
            min_max_tokens: facts.constraints.min_max_tokens,
            accepts_image_url: facts.constraints.accepts_image_url,
            typical_response_seconds: facts.constraints.typical_response_seconds,
        }),
        max_output_tokens: facts.max_output_tokens,
        prices: facts.prices.as_ref().map(|prices| v1::ModelPrices {
            input_per_million_usd: prices.input_per_million_usd,
            output_per_million_usd: prices.output_per_million_usd,
            cached_input_per_million_usd: prices.cached_input_per_million_usd,
        }),
        created: model.created,
        owned_by: model.route.first().upstream().name().to_owned(),
    }
}
