//! The messages of a request.

use std::borrow::Cow;

use gateway_proto::json::{Fault, Kind, Member, Reader};
use gateway_proto::{ApiError, ErrorCode};

use super::fields::{Names, ObjectRule, Tagged, non_empty_string, string};
use super::image::{ImageSource, check_image_url};

gateway_proto::json_members! {
    enum MessageMember {
        Role = "role",
        Content = "content",
        Name = "name",
        ToolCalls = "tool_calls",
        ToolCallId = "tool_call_id",
        Refusal = "refusal",
        Audio = "audio",
        FunctionCall = "function_call",
    }
}

gateway_proto::json_members! {
    enum PartMember {
        Type = "type",
        Text = "text",
        ImageUrl = "image_url",
        InputAudio = "input_audio",
        File = "file",
        Refusal = "refusal",
    }
}

gateway_proto::json_members! { enum ImageMember { Url = "url", Detail = "detail" } }

const AUDIO: ObjectRule =
    ObjectRule { required: &[("data", non_empty_string), ("format", non_empty_string)], optional: &[] };
const FILE: ObjectRule =
    ObjectRule { required: &[], optional: &[("file_id", string), ("file_data", string), ("filename", string)] };
/// Audio of an earlier answer.
const AUDIO_REFERENCE: ObjectRule = ObjectRule { required: &[("id", non_empty_string)], optional: &[] };
const FUNCTION_CALL: ObjectRule =
    ObjectRule { required: &[("name", non_empty_string), ("arguments", string)], optional: &[] };
const CUSTOM_CALL: ObjectRule =
    ObjectRule { required: &[("name", non_empty_string), ("input", string)], optional: &[] };

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions by the application.
    System,
    /// Instructions by the application, the newer name.
    Developer,
    /// The end user.
    User,
    /// The model.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// The result of a function call, the older form of tool.
    Function,
}

const ROLES: Names<Role> = Names(&[
    ("system", Role::System),
    ("developer", Role::Developer),
    ("user", Role::User),
    ("assistant", Role::Assistant),
    ("tool", Role::Tool),
    ("function", Role::Function),
]);

/// How closely a model looks at an image.
const DETAILS: Names<()> = Names(&[("auto", ()), ("low", ()), ("high", ()), ("original", ())]);

/// What the gateway needs to know of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MessageFacts {
    /// Who speaks.
    pub(super) role: Role,
    /// The images in its content.
    pub(super) images: Vec<ImagePlace>,
}

/// An image in a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImagePlace {
    /// The number of its part, from 0.
    pub part: usize,
    /// Where it comes from.
    pub source: ImageSource,
}

/// What was found in the members of a message.
#[derive(Default)]
struct Found {
    role: Option<Role>,
    content: Content,
    has_name: bool,
    has_tool_call_id: bool,
    /// Tool calls, a function call, a refusal or audio: what an assistant may say instead of content.
    says_otherwise: bool,
    images: Vec<ImagePlace>,
}

#[derive(Default, PartialEq)]
enum Content {
    #[default]
    Absent,
    Null,
    Given,
}

/// Judges one message.
pub(super) fn check_message(reader: &mut Reader<'_>) -> Result<MessageFacts, Fault> {
    let mut found = Found::default();
    reader.members(|reader, member| found.take(reader, member))?;
    found.judge()
}

impl Found {
    fn take(&mut self, reader: &mut Reader<'_>, member: Member<'_, MessageMember>) -> Result<(), Fault> {
        match member {
            Member::Known(MessageMember::Role) => self.role = Some(ROLES.read(reader)?),
            Member::Known(MessageMember::Content) => self.content = content(reader, &mut self.images)?,
            Member::Known(MessageMember::Name) => self.has_name = reader.nullable(Reader::raw_string)?.is_some(),
            Member::Known(MessageMember::ToolCallId) => {
                self.has_tool_call_id = reader.nullable(non_empty_string)?.is_some();
            }
            Member::Known(MessageMember::ToolCalls) => {
                self.says_otherwise |= reader.nullable(|reader| reader.elements(tool_call))?.is_some();
            }
            Member::Known(MessageMember::Refusal) => {
                self.says_otherwise |= reader.nullable(Reader::raw_string)?.is_some();
            }
            Member::Known(MessageMember::Audio) => {
                self.says_otherwise |= reader.nullable(|reader| AUDIO_REFERENCE.check(reader))?.is_some();
            }
            Member::Known(MessageMember::FunctionCall) => {
                self.says_otherwise |= reader.nullable(|reader| FUNCTION_CALL.check(reader))?.is_some();
            }
            Member::Unknown(_) => drop(reader.value()?),
        }
        Ok(())
    }

    fn judge(self) -> Result<MessageFacts, Fault> {
        let role = self.role.ok_or_else(|| Fault::missing("role"))?;
        match (role, self.content) {
            (_, Content::Given) => {}
            (Role::Assistant, _) if self.says_otherwise => {}
            (Role::Function, Content::Null) => {}
            (_, Content::Absent) => return Err(Fault::missing("content")),
            (_, Content::Null) => {
                return Err(Fault::invalid("must be a string or an array of parts, not null.").in_member("content"));
            }
        }
        if role == Role::Tool && !self.has_tool_call_id {
            return Err(Fault::missing("tool_call_id"));
        }
        if role == Role::Function && !self.has_name {
            return Err(Fault::missing("name"));
        }
        Ok(MessageFacts { role, images: self.images })
    }
}

fn content(reader: &mut Reader<'_>, images: &mut Vec<ImagePlace>) -> Result<Content, Fault> {
    match reader.kind()? {
        Kind::Null => reader.value().map(|_| Content::Null),
        Kind::String => reader.raw_string().map(|_| Content::Given),
        Kind::Array => {
            let mut count = 0;
            reader.elements(|reader, index| {
                count += 1;
                let image = part(reader)?;
                images.extend(image.map(|source| ImagePlace { part: index, source }));
                Ok(())
            })?;
            if count == 0 {
                return Err(Fault::invalid("must hold at least one part."));
            }
            Ok(Content::Given)
        }
        Kind::Object | Kind::Number | Kind::Boolean => Err(Fault::invalid("must be a string or an array of parts.")),
    }
}

/// Judges one part. A part of an unknown type is the model server's affair.
fn part(reader: &mut Reader<'_>) -> Result<Option<ImageSource>, Fault> {
    let mut part_type: Option<Cow<'_, str>> = None;
    let mut judged = None;
    // What came before the type, to be judged once the type is known.
    let mut waiting: Vec<(PartMember, &str)> = Vec::new();
    let mut has = 0_u32;
    reader.members(|reader, member| {
        match (member, part_type.as_deref()) {
            (Member::Known(PartMember::Type), _) => part_type = Some(reader.string()?),
            (Member::Known(member), Some(known)) => {
                has |= 1 << member as u32;
                judged = judged.or(part_member(reader, member, known)?);
            }
            (Member::Known(member), None) => {
                has |= 1 << member as u32;
                waiting.push((member, reader.value()?));
            }
            (Member::Unknown(_), _) => drop(reader.value()?),
        }
        Ok(())
    })?;
    let part_type = part_type.ok_or_else(|| Fault::missing("type"))?;
    for (member, value) in waiting {
        let found = part_member(&mut Reader::of_str(value), member, &part_type);
        judged = judged.or(found.map_err(|fault| fault.in_member(PART_NAMES[member as usize]))?);
    }
    let required = PART_NAMES.iter().position(|name| *name == part_type).filter(|index| *index > 0);
    match required {
        Some(index) if has & (1 << index) == 0 => Err(Fault::missing(PART_NAMES[index])),
        _ => Ok(judged),
    }
}

/// The members of a part. Apart from `type`, each is named after the type that needs it.
const PART_NAMES: &[&str] = <PartMember as gateway_proto::json::Members>::NAMES;

/// Judges a member of a part by the part's type; one that belongs to another type is passed over.
fn part_member(reader: &mut Reader<'_>, member: PartMember, part_type: &str) -> Result<Option<ImageSource>, Fault> {
    if PART_NAMES[member as usize] != part_type {
        return reader.value().map(|_| None);
    }
    match member {
        PartMember::ImageUrl => image(reader).map(Some),
        PartMember::Text | PartMember::Refusal => string(reader).map(|()| None),
        PartMember::InputAudio => AUDIO.check(reader).map(|()| None),
        PartMember::File => FILE.check(reader).map(|()| None),
        PartMember::Type => Ok(None),
    }
}

fn image(reader: &mut Reader<'_>) -> Result<ImageSource, Fault> {
    let mut source = None;
    reader.members(|reader, member| {
        match member {
            Member::Known(ImageMember::Url) => {
                let url = reader.string()?;
                let judged = check_image_url(&url);
                source = Some(judged.map_err(|fault| image_error(&fault))?);
            }
            Member::Known(ImageMember::Detail) => drop(reader.nullable(|reader| DETAILS.read(reader))?),
            Member::Unknown(_) => drop(reader.value()?),
        }
        Ok(())
    })?;
    source.ok_or_else(|| Fault::missing("url"))
}

fn image_error(fault: &super::image::ImageFault) -> Fault {
    Fault::value(ApiError::new(ErrorCode::ImageDecodeError, format!("The image {fault}")))
}

/// A tool call of an assistant message. One of an unknown type is the model server's affair.
fn tool_call(reader: &mut Reader<'_>, _: usize) -> Result<(), Fault> {
    let call = Tagged::read(reader, &["id", "function", "custom"])?;
    call.require("id", non_empty_string)?;
    match &*call.kind {
        "function" => call.require("function", |reader| FUNCTION_CALL.check(reader)),
        "custom" => call.require("custom", |reader| CUSTOM_CALL.check(reader)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
