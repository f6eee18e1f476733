//! Chat requests in: the typed form of a gRPC caller becomes the JSON form that every request is judged in.

use std::mem::take;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::json::Writer;
use gateway_proto::openai::write_tool_call;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, ContentPart, FunctionTool, ImagePart, JsonSchemaFormat, ResponseFormat, Role, Tool,
    ToolChoice, chat_message, content_part, image_part, response_format, tool, tool_choice,
};

use crate::domain::chat::JsonRequest;

/// Brings a request into its JSON form. Text that the caller gave as JSON is taken as it is.
pub(crate) fn json_request(mut request: ChatRequest) -> Result<JsonRequest, ApiError> {
    let messages = take(&mut request.messages);
    let messages = messages.into_iter().enumerate().map(|(index, message)| json_message(message, index));
    Ok(JsonRequest {
        messages: messages.collect::<Result<_, _>>()?,
        tools: take(&mut request.tools).into_iter().map(json_tool).collect(),
        tool_choice: request.tool_choice.take().map(json_tool_choice).unwrap_or_default(),
        response_format: request.response_format.take().map(json_response_format).unwrap_or_default(),
        parameters: request,
    })
}

fn json_message(mut message: ChatMessage, index: usize) -> Result<Bytes, ApiError> {
    let json = take(&mut message.message_json);
    if json.is_empty() {
        return Ok(typed_message(&message));
    }
    if message == ChatMessage::default() {
        return Ok(json);
    }
    let param = format!("messages[{index}]");
    let message = format!("'{param}' has message_json and typed fields as well; set only one of the two forms.");
    Err(ApiError::invalid_field(param, message))
}

fn typed_message(message: &ChatMessage) -> Bytes {
    write(|writer| {
        // Without a role the message is judged as one that lacks it.
        let role = match message.role() {
            Role::Unspecified => None,
            Role::System => Some("system"),
            Role::Developer => Some("developer"),
            Role::User => Some("user"),
            Role::Assistant => Some("assistant"),
            Role::Tool => Some("tool"),
            Role::Function => Some("function"),
        };
        writer.optional_string("role", role);
        match &message.content {
            None => {}
            Some(chat_message::Content::Text(text)) => writer.optional_string("content", Some(text)),
            Some(chat_message::Content::ContentJson(json)) => member(writer, "content", json),
            Some(chat_message::Content::Parts(parts)) => {
                writer.name("content");
                writer.begin_array();
                parts.parts.iter().for_each(|part| content_part(writer, part));
                writer.end_array();
            }
        }
        writer.optional_string("name", message.name.as_deref());
        if !message.tool_calls.is_empty() {
            writer.name("tool_calls");
            writer.begin_array();
            message.tool_calls.iter().for_each(|call| write_tool_call(writer, call));
            writer.end_array();
        }
        writer.optional_string("tool_call_id", message.tool_call_id.as_deref());
        writer.optional_string("refusal", message.refusal.as_deref());
        writer.members_of(&message.unknown_members_json);
    })
}

fn content_part(writer: &mut Writer, part: &ContentPart) {
    if let Some(content_part::Part::PartJson(json)) = &part.part {
        return writer.raw(json);
    }
    writer.begin_object();
    match &part.part {
        None | Some(content_part::Part::PartJson(_)) => {}
        Some(content_part::Part::Text(text)) => {
            writer.optional_string("type", Some("text"));
            writer.optional_string("text", Some(text));
        }
        Some(content_part::Part::Refusal(text)) => {
            writer.optional_string("type", Some("refusal"));
            writer.optional_string("refusal", Some(text));
        }
        Some(content_part::Part::Image(image)) => {
            writer.optional_string("type", Some("image_url"));
            writer.name("image_url");
            image_url(writer, image);
        }
        Some(content_part::Part::Audio(audio)) => {
            writer.optional_string("type", Some("input_audio"));
            writer.name("input_audio");
            writer.begin_object();
            writer.optional_string("data", Some(&STANDARD.encode(&audio.content)));
            writer.optional_string("format", Some(&audio.format));
            writer.end_object();
        }
    }
    writer.end_object();
}

fn image_url(writer: &mut Writer, image: &ImagePart) {
    writer.begin_object();
    match &image.source {
        None => {}
        Some(image_part::Source::Url(url)) => writer.optional_string("url", Some(url)),
        Some(image_part::Source::Data(data)) => {
            let url = format!("data:{};base64,{}", data.mime_type, STANDARD.encode(&data.content));
            writer.optional_string("url", Some(&url));
        }
    }
    writer.optional_string("detail", image.detail.as_deref());
    writer.end_object();
}

fn json_tool(tool: Tool) -> Bytes {
    match tool.tool {
        Some(tool::Tool::ToolJson(json)) => json,
        Some(tool::Tool::Function(function)) => write(|writer| function_tool(writer, &function)),
        None => write(|_| {}),
    }
}

fn function_tool(writer: &mut Writer, function: &FunctionTool) {
    writer.optional_string("type", Some("function"));
    writer.name("function");
    writer.begin_object();
    writer.optional_string("name", Some(&function.name));
    writer.optional_string("description", function.description.as_deref());
    member(writer, "parameters", &function.parameters_json);
    strict(writer, function.strict);
    writer.end_object();
}

fn json_tool_choice(choice: ToolChoice) -> Bytes {
    match choice.choice {
        Some(tool_choice::Choice::ChoiceJson(json)) => json,
        Some(tool_choice::Choice::Mode(mode)) => {
            let mut writer = Writer::default();
            writer.string(&mode);
            writer.finish().into()
        }
        Some(tool_choice::Choice::Function(name)) => write(|writer| {
            writer.optional_string("type", Some("function"));
            writer.name("function");
            writer.begin_object();
            writer.optional_string("name", Some(&name));
            writer.end_object();
        }),
        None => Bytes::new(),
    }
}

fn json_response_format(format: ResponseFormat) -> Bytes {
    match format.format {
        Some(response_format::Format::FormatJson(json)) => json,
        Some(response_format::Format::Type(name)) => write(|writer| writer.optional_string("type", Some(&name))),
        Some(response_format::Format::JsonSchema(schema)) => write(|writer| json_schema(writer, &schema)),
        None => Bytes::new(),
    }
}

fn json_schema(writer: &mut Writer, schema: &JsonSchemaFormat) {
    writer.optional_string("type", Some("json_schema"));
    writer.name("json_schema");
    writer.begin_object();
    writer.optional_string("name", Some(&schema.name));
    writer.optional_string("description", schema.description.as_deref());
    member(writer, "schema", &schema.schema_json);
    strict(writer, schema.strict);
    writer.end_object();
}

fn strict(writer: &mut Writer, strict: Option<bool>) {
    if let Some(strict) = strict {
        writer.name("strict");
        writer.boolean(strict);
    }
}

/// A member of JSON text; empty text is absent.
fn member(writer: &mut Writer, name: &str, json: &[u8]) {
    if !json.is_empty() {
        writer.name(name);
        writer.raw(json);
    }
}

/// An object of what `members` writes.
fn write(members: impl FnOnce(&mut Writer)) -> Bytes {
    let mut writer = Writer::with_capacity(128);
    writer.begin_object();
    members(&mut writer);
    writer.end_object();
    writer.finish().into()
}

#[cfg(test)]
mod tests;
