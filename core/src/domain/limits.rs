//! What a model's constraints make of a request.

use std::borrow::Cow;

use gateway_proto::{ApiError, ErrorCode};

use super::alias::ModelAlias;
use super::chat::{CheckedRequest, JsonRequest, image_param};
use super::image::ImageSource;
use super::model::ModelFacts;

/// What the gateway changed in a request, for `spass-applied` and `spass-augment-applied`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// What was added to it.
    pub augmented: Augmented,
    /// Whether it goes without what is stored for it, because that could not be read.
    pub augment_skipped: bool,
    /// A token limit that was raised.
    pub floored: Option<Floored>,
    /// How many of the oldest turns were left out of the prompt.
    pub history_trimmed: u32,
    /// The alias that answered in place of the first choice.
    pub fallback: Option<ModelAlias>,
    /// Why the tool loop did not end by itself, as the catalog has it, and after how many steps.
    pub tool_loop: Option<(ErrorCode, u32)>,
}

/// What was added to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augmented {
    /// System prompts.
    pub system_prompt: bool,
    /// What is remembered.
    pub memory: bool,
    /// Tools of the server's own.
    pub server_tools: bool,
}

impl Applied {
    /// The members of `spass-applied`; none when nothing was changed.
    #[must_use]
    pub fn to_member_list(&self) -> Option<String> {
        let floored = self.floored.map(|floored| format!("max_tokens_floored={}", floored.floor));
        let skipped = self.augment_skipped.then(|| "augment_skipped".to_owned());
        let trimmed = (self.history_trimmed > 0).then(|| format!("history_trimmed={}", self.history_trimmed));
        let fallback = self.fallback.as_ref().map(|alias| format!("fallback={}", list_value(alias)));
        let tool_loop = self.tool_loop.map(|(code, iterations)| format!("{}={iterations}", code.facts().code));
        let members = floored.into_iter().chain(skipped).chain(trimmed).chain(fallback).chain(tool_loop);
        let members: Vec<_> = members.collect();
        (!members.is_empty()).then(|| members.join(", "))
    }
}

/// An alias as the value of a list's member: in quotes where it holds what would end the member.
fn list_value(alias: &ModelAlias) -> Cow<'_, str> {
    if alias.as_str().contains([',', ';', '"', '\\']) {
        Cow::Owned(format!("\"{}\"", alias.as_str().replace('\\', r"\\").replace('"', "\\\"")))
    } else {
        Cow::Borrowed(alias.as_str())
    }
}

/// A token limit that was under the model's floor, and was raised to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floored {
    /// The field: `max_tokens` or `max_completion_tokens`.
    pub field: &'static str,
    /// What the caller asked for.
    pub asked: i64,
    /// The model's floor.
    pub floor: u32,
}

impl Floored {
    /// The error for a limit that could not be raised after all.
    #[must_use]
    pub fn refusal(&self) -> ApiError {
        let Self { field, asked, floor } = self;
        let message =
            format!("'{field}' of {asked} is below what this model can work with, and could not be raised to {floor}.");
        ApiError::new(ErrorCode::MaxTokensBelowMinimum, message)
            .with_param(*field)
            .with_metadata("minimum", floor.to_string())
    }
}

/// Fits a request to a model, or says why it does not fit.
pub fn apply_constraints(
    request: &mut JsonRequest,
    facts: &CheckedRequest,
    model: &ModelFacts,
) -> Result<Applied, ApiError> {
    images(facts, model)?;
    tools(request, model)?;
    Ok(Applied { floored: raise_to_floor(request, model)?, ..Applied::default() })
}

fn images(facts: &CheckedRequest, model: &ModelFacts) -> Result<(), ApiError> {
    for (message, image) in &facts.images {
        if !model.takes_images() {
            let param = format!("messages[{message}].content[{}]", image.part);
            let message = format!("The model '{}' takes text only; send no images.", model.alias);
            return Err(ApiError::invalid_field(param, message));
        }
        if image.source == ImageSource::Remote && !model.constraints.accepts_image_url {
            return Err(ApiError::new(
                ErrorCode::ImageUrlNotSupported,
                format!("The model '{}' takes images only as data URIs, and the gateway fetches none.", model.alias),
            )
            .with_param(image_param(*message, image.part)));
        }
    }
    Ok(())
}

fn tools(request: &JsonRequest, model: &ModelFacts) -> Result<(), ApiError> {
    if model.tools == Some(false) && !request.tools.is_empty() {
        let message = format!("The model '{}' cannot call tools; send none.", model.alias);
        return Err(ApiError::invalid_field("tools", message));
    }
    Ok(())
}

/// Raises a token limit that is under the model's floor. An absent one stays absent.
fn raise_to_floor(request: &mut JsonRequest, model: &ModelFacts) -> Result<Option<Floored>, ApiError> {
    let Some(floor) = model.constraints.min_max_tokens else { return Ok(None) };
    let parameters = &mut request.parameters;
    let limits =
        [("max_tokens", &mut parameters.max_tokens), ("max_completion_tokens", &mut parameters.max_completion_tokens)];
    for (field, limit) in limits {
        let Some(value) = limit.as_mut().filter(|value| **value < i64::from(floor)) else { continue };
        let floored = Floored { field, asked: *value, floor };
        if model.max_output_tokens.is_some_and(|most| most < floor) {
            return Err(floored.refusal());
        }
        *value = i64::from(floor);
        return Ok(Some(floored));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::image::ImageSource;
    use super::super::message::ImagePlace;
    use super::super::model::{Constraints, Modalities};
    use super::*;

    fn model(floor: Option<u32>, most: Option<u32>, input: &[&str]) -> ModelFacts {
        ModelFacts {
            alias: ModelAlias::parse("m").unwrap(),
            family: None,
            context_window: None,
            max_output_tokens: most,
            reserve_output_tokens: None,
            tools: Some(false),
            reasoning: None,
            modalities: Some(Modalities { input: input.iter().map(ToString::to_string).collect(), output: vec![] }),
            constraints: Constraints { min_max_tokens: floor, ..Constraints::default() },
            prices: None,
        }
    }

    fn checked(images: Vec<(usize, ImagePlace)>) -> CheckedRequest {
        CheckedRequest { alias: ModelAlias::parse("m").unwrap(), images }
    }

    fn limited(max_tokens: Option<i64>) -> JsonRequest {
        let mut request = JsonRequest::default();
        request.parameters.max_tokens = max_tokens;
        request
    }

    #[test]
    fn a_low_limit_is_raised_and_an_absent_one_stays_absent() {
        let model = model(Some(200), None, &["text"]);
        for (asked, sent) in
            [(Some(1), Some(200)), (Some(199), Some(200)), (Some(200), Some(200)), (Some(201), Some(201)), (None, None)]
        {
            let mut request = limited(asked);
            let applied = apply_constraints(&mut request, &checked(vec![]), &model).unwrap();
            assert_eq!(request.parameters.max_tokens, sent);
            assert_eq!(applied.floored.is_some(), asked != sent);
        }
    }

    #[test]
    fn a_floor_above_the_models_own_maximum_cannot_be_met() {
        let model = model(Some(200), Some(100), &["text"]);
        let error = apply_constraints(&mut limited(Some(50)), &checked(vec![]), &model).unwrap_err();
        assert_eq!((error.code(), error.param()), (ErrorCode::MaxTokensBelowMinimum, Some("max_tokens")));
        assert!(apply_constraints(&mut limited(Some(300)), &checked(vec![]), &model).is_ok());
    }

    #[test]
    fn images_go_only_where_they_are_taken() {
        let image = |source| checked(vec![(2, ImagePlace { part: 1, source })]);
        let judge = |input: &[&str], source| {
            let error = apply_constraints(&mut limited(None), &image(source), &model(None, None, input)).err();
            error.map(|error| (error.code(), error.param().unwrap().to_owned()))
        };
        assert_eq!(judge(&["text", "image"], ImageSource::Inline), None);
        let refused = Some((ErrorCode::InvalidField, "messages[2].content[1]".to_owned()));
        assert_eq!(judge(&["text"], ImageSource::Inline), refused);
        let remote = Some((ErrorCode::ImageUrlNotSupported, "messages[2].content[1].image_url.url".to_owned()));
        assert_eq!(judge(&["text", "image"], ImageSource::Remote), remote);
    }

    #[test]
    fn tools_go_only_where_they_are_taken() {
        let mut request = limited(None);
        request.tools.push("{}".into());
        let error = apply_constraints(&mut request, &checked(vec![]), &model(None, None, &["text"])).unwrap_err();
        assert_eq!(error.param(), Some("tools"));
    }

    #[test]
    fn what_was_applied_is_a_list() {
        let fallback =
            |alias: &str| Applied { history_trimmed: 2, fallback: ModelAlias::parse(alias), ..Applied::default() };
        let told = |applied: Applied| applied.to_member_list().unwrap();
        assert_eq!(told(fallback("org/gpt-image:v2")), "history_trimmed=2, fallback=org/gpt-image:v2");
        assert_eq!(told(fallback(r#"a,"b\"#)), r#"history_trimmed=2, fallback="a,\"b\\""#);
        assert_eq!(Applied::default().to_member_list(), None);
    }
}
