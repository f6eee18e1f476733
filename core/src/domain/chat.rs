//! A chat request as a whole: which fields it must have, and what is wrong with those it has.

use std::borrow::Cow;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::{Fault, Member, Reader};
use gateway_proto::openai::ChatRequestMember;
use gateway_proto::v1::ChatRequest;

use super::alias::ModelAlias;
use super::fields::{json_element, json_field};
use super::message::{ImagePlace, check_message};
use super::parameters::check_parameters;
use super::tools::{MAX_TOOLS, OtherTools, check_choice, check_response_format, check_tool, check_tool_choice};

/// A chat request in its JSON form: what the caller wrote is JSON text, to be judged and handed on as it is.
#[derive(Clone, Debug, Default)]
pub struct JsonRequest {
    /// The messages, each an object.
    pub messages: Vec<Bytes>,
    /// The tools, each an object.
    pub tools: Vec<Bytes>,
    /// The choice of a tool; empty when absent.
    pub tool_choice: Bytes,
    /// The form of the answer; empty when absent.
    pub response_format: Bytes,
    /// Everything else; what stands above is empty here.
    pub parameters: ChatRequest,
}

/// What was learned of a request whose fields are all right.
#[derive(Debug)]
pub struct CheckedRequest {
    /// The model that it asks for.
    pub alias: ModelAlias,
    /// Its images, each with the number of its message.
    pub images: Vec<(usize, ImagePlace)>,
}

/// Judges every field of a request, to which these tools may be added.
pub fn check_request(request: &JsonRequest, others: OtherTools<'_>) -> Result<CheckedRequest, ApiError> {
    let alias = check_alias(&request.parameters.model)?;
    let images = check_messages(&request.messages)?;
    check_tools(request, others)?;
    json_field("response_format", &request.response_format, check_response_format)?;
    check_parameters(&request.parameters)?;
    json_field("unknown_members_json", &request.parameters.unknown_members_json, check_unknown_members)?;
    Ok(CheckedRequest { alias, images })
}

/// The path of an image's URL.
#[must_use]
pub fn image_param(message: usize, part: usize) -> String {
    format!("messages[{message}].content[{part}].image_url.url")
}

fn check_alias(model: &str) -> Result<ModelAlias, ApiError> {
    if model.is_empty() {
        return Err(ApiError::missing_field("model"));
    }
    ModelAlias::parse(model)
        .ok_or_else(|| ApiError::invalid_field("model", "'model' must be 1 to 256 visible ASCII characters."))
}

fn check_messages(messages: &[Bytes]) -> Result<Vec<(usize, ImagePlace)>, ApiError> {
    if messages.is_empty() {
        return Err(ApiError::missing_field("messages"));
    }
    let mut images = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let facts = json_element("messages", index, message, check_message)?;
        images.extend(facts.images.into_iter().map(|image| (index, image)));
    }
    Ok(images)
}

fn check_tools(request: &JsonRequest, others: OtherTools<'_>) -> Result<(), ApiError> {
    if request.tools.len() > MAX_TOOLS {
        let message = format!("'tools' must hold at most {MAX_TOOLS} tools, not {}.", request.tools.len());
        return Err(ApiError::invalid_field("tools", message).with_metadata("maximum", MAX_TOOLS.to_string()));
    }
    let mut functions: Vec<Cow<'_, str>> = Vec::new();
    for (index, tool) in request.tools.iter().enumerate() {
        functions.extend(json_element("tools", index, tool, check_tool)?);
    }
    let choice = json_field("tool_choice", &request.tool_choice, check_tool_choice)?;
    check_choice(&choice, &functions, !request.tools.is_empty(), others)
}

/// No known member may hide among the unknown ones: the model server would read it in place of the one that was judged.
fn check_unknown_members(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.members::<ChatRequestMember>(|reader, member| match member {
        Member::Known(_) => Err(Fault::invalid("is a known member; set the field of that name.")),
        Member::Unknown(_) => reader.value().map(drop),
    })
}

#[cfg(test)]
mod tests;
