//! The sampling parameters and options of a request.

use gateway_proto::json::{Fault, Kind, Member, NoMembers, Reader};
use gateway_proto::v1::ChatRequest;
use gateway_proto::{ApiError, ErrorCode};

use super::fields::{
    Names, ObjectRule, Tagged, json_field, non_empty_string, object, quoted, string, text_or_parts, tool_name,
};

/// The most stop texts.
const MAX_STOPS: usize = 4;
/// Limits of `metadata`, in characters where they are about text.
const MAX_METADATA_PAIRS: usize = 16;
const MAX_METADATA_KEY: usize = 64;
const MAX_METADATA_VALUE: usize = 512;
const MAX_BIAS: f64 = 100.0;

const REASONING_EFFORTS: Names<()> =
    Names(&[("none", ()), ("minimal", ()), ("low", ()), ("medium", ()), ("high", ()), ("xhigh", ()), ("max", ())]);
const VERBOSITIES: Names<()> = Names(&[("low", ()), ("medium", ()), ("high", ())]);
const SERVICE_TIERS: Names<()> = Names(&[
    ("auto", ()),
    ("default", ()),
    ("flex", ()),
    ("scale", ()),
    ("priority", ()),
    // Groq's and Anthropic's, which OpenAI-compatible servers hand on.
    ("on_demand", ()),
    ("performance", ()),
    ("standard_only", ()),
]);
const CACHE_RETENTIONS: Names<()> = Names(&[("in_memory", ()), ("in-memory", ()), ("24h", ())]);
const MODALITIES: Names<()> = Names(&[("text", ()), ("audio", ()), ("image", ())]);
const AUDIO_FORMATS: Names<()> =
    Names(&[("wav", ()), ("aac", ()), ("mp3", ()), ("flac", ()), ("opus", ()), ("pcm16", ())]);
const CONTEXT_SIZES: Names<()> = Names(&[("low", ()), ("medium", ()), ("high", ())]);
const FUNCTION_MODES: Names<()> = Names(&[("none", ()), ("auto", ())]);

const AUDIO: ObjectRule = ObjectRule { required: &[("voice", voice), ("format", audio_format)], optional: &[] };
const VOICE: ObjectRule = ObjectRule { required: &[("id", non_empty_string)], optional: &[] };
const WEB_SEARCH: ObjectRule =
    ObjectRule { required: &[], optional: &[("search_context_size", context_size), ("user_location", object)] };
const FUNCTION: ObjectRule =
    ObjectRule { required: &[("name", tool_name)], optional: &[("description", string), ("parameters", object)] };
const NAMED: ObjectRule = ObjectRule { required: &[("name", tool_name)], optional: &[] };

/// Judges everything of a request but its model, messages and tools.
pub(super) fn check_parameters(request: &ChatRequest) -> Result<(), ApiError> {
    range("temperature", request.temperature, 0.0, 2.0)?;
    range("top_p", request.top_p, 0.0, 1.0)?;
    range("frequency_penalty", request.frequency_penalty, -2.0, 2.0)?;
    range("presence_penalty", request.presence_penalty, -2.0, 2.0)?;
    whole_range("n", request.n, 1, 128)?;
    whole_range("top_logprobs", request.top_logprobs, 0, 20)?;
    if request.top_logprobs.is_some_and(|count| count > 0) && request.logprobs != Some(true) {
        return Err(ApiError::invalid_field("top_logprobs", "'top_logprobs' needs 'logprobs' to be true."));
    }
    token_limits(request)?;
    stops(&request.stop)?;

    one_of("reasoning_effort", request.reasoning_effort.as_deref(), &REASONING_EFFORTS)?;
    one_of("verbosity", request.verbosity.as_deref(), &VERBOSITIES)?;
    one_of("service_tier", request.service_tier.as_deref(), &SERVICE_TIERS)?;
    one_of("prompt_cache_retention", request.prompt_cache_retention.as_deref(), &CACHE_RETENTIONS)?;
    for (index, modality) in request.modalities.iter().enumerate() {
        let judged = MODALITIES.find(modality).map_err(|fault| fault.in_element(index).in_member("modalities"));
        judged.map_err(|fault| fault.into_error(&[], ""))?;
    }
    if request.modalities.iter().any(|modality| modality == "audio") && request.audio_json.is_empty() {
        return Err(ApiError::new(ErrorCode::MissingField, "'audio' is required when 'modalities' holds 'audio'.")
            .with_param("audio"));
    }

    json_field("logit_bias", &request.logit_bias_json, logit_bias)?;
    json_field("metadata", &request.metadata_json, metadata)?;
    json_field("audio", &request.audio_json, |reader| AUDIO.check(reader))?;
    json_field("prediction", &request.prediction_json, prediction)?;
    json_field("web_search_options", &request.web_search_options_json, |reader| WEB_SEARCH.check(reader))?;
    json_field("functions", &request.functions_json, |reader| reader.elements(|reader, _| FUNCTION.check(reader)))?;
    json_field("function_call", &request.function_call_json, function_call)
}

fn range(name: &str, value: Option<f64>, least: f64, most: f64) -> Result<(), ApiError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ApiError::invalid_field(name, format!("'{name}' must be from {least} to {most}, not {value}."))
                .with_metadata("minimum", least.to_string())
                .with_metadata("maximum", most.to_string()))
        }
        _ => Ok(()),
    }
}

fn whole_range(name: &str, value: Option<i64>, least: i64, most: i64) -> Result<(), ApiError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ApiError::invalid_field(name, format!("'{name}' must be from {least} to {most}, not {value}."))
                .with_metadata("minimum", least.to_string())
                .with_metadata("maximum", most.to_string()))
        }
        _ => Ok(()),
    }
}

fn token_limits(request: &ChatRequest) -> Result<(), ApiError> {
    let limits = [("max_tokens", request.max_tokens), ("max_completion_tokens", request.max_completion_tokens)];
    for (name, value) in limits {
        if let Some(value) = value.filter(|value| *value < 1) {
            return Err(ApiError::new(
                ErrorCode::MaxTokensBelowMinimum,
                format!("'{name}' must be at least 1, not {value}. Leave it out for the model's own limit."),
            )
            .with_param(name)
            .with_metadata("minimum", "1"));
        }
    }
    if request.max_tokens.is_some() && request.max_completion_tokens.is_some() {
        return Err(ApiError::invalid_field(
            "max_tokens",
            "'max_tokens' and 'max_completion_tokens' say the same; send only one of them.",
        ));
    }
    Ok(())
}

fn stops(stops: &[String]) -> Result<(), ApiError> {
    if stops.len() > MAX_STOPS {
        let message = format!("'stop' must hold at most {MAX_STOPS} texts, not {}.", stops.len());
        return Err(ApiError::invalid_field("stop", message).with_metadata("maximum", MAX_STOPS.to_string()));
    }
    Ok(())
}

fn one_of(name: &str, value: Option<&str>, names: &Names<()>) -> Result<(), ApiError> {
    let judged = value.map_or(Ok(()), |value| names.find(value));
    judged.map_err(|fault| fault.in_member(name).into_error(&[], ""))
}

fn logit_bias(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.members::<NoMembers>(|reader, _| {
        let bias = reader.double()?;
        if bias.abs() <= MAX_BIAS {
            return Ok(());
        }
        Err(Fault::invalid(format!("must be from -{MAX_BIAS} to {MAX_BIAS}, not {bias}.")))
    })
}

pub(super) fn metadata(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let mut pairs = 0;
    reader.members::<NoMembers>(|reader, member| {
        pairs += 1;
        if let Member::Unknown(name) = member
            && name.text().chars().count() > MAX_METADATA_KEY
        {
            let name = name.text();
            return Err(Fault::invalid(format!("'{}' is a key of over {MAX_METADATA_KEY} characters.", quoted(&name))));
        }
        if reader.string()?.chars().count() > MAX_METADATA_VALUE {
            return Err(Fault::invalid(format!("must be at most {MAX_METADATA_VALUE} characters.")));
        }
        Ok(())
    })?;
    if pairs > MAX_METADATA_PAIRS {
        return Err(Fault::invalid(format!("must hold at most {MAX_METADATA_PAIRS} pairs, not {pairs}.")));
    }
    Ok(())
}

fn voice(reader: &mut Reader<'_>) -> Result<(), Fault> {
    match reader.kind()? {
        Kind::Object => VOICE.check(reader),
        _ => non_empty_string(reader),
    }
}

fn audio_format(reader: &mut Reader<'_>) -> Result<(), Fault> {
    AUDIO_FORMATS.read(reader)
}

fn context_size(reader: &mut Reader<'_>) -> Result<(), Fault> {
    CONTEXT_SIZES.read(reader)
}

fn prediction(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let prediction = Tagged::read(reader, &["content"])?;
    match &*prediction.kind {
        "content" => prediction.require("content", text_or_parts),
        other => Err(Fault::invalid(format!("must be 'content', not '{}'.", quoted(other))).in_member("type")),
    }
}

fn function_call(reader: &mut Reader<'_>) -> Result<(), Fault> {
    match reader.kind()? {
        Kind::String => FUNCTION_MODES.read(reader),
        _ => NAMED.check(reader),
    }
}
