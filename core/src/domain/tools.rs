//! The tools of a request, which of them is to be called, and the form of the answer.

use std::borrow::Cow;

use gateway_proto::json::{Fault, Kind, Member, Reader};

use super::fields::{Names, ObjectRule, Tagged, boolean, object, string, tool_name};

/// The most tools of one request.
pub(super) const MAX_TOOLS: usize = 128;

gateway_proto::json_members! { enum NameMember { Name = "name" } }

const FUNCTION: ObjectRule = ObjectRule {
    required: &[("name", tool_name)],
    optional: &[("description", string), ("parameters", object), ("strict", boolean)],
};
const CUSTOM: ObjectRule =
    ObjectRule { required: &[("name", tool_name)], optional: &[("description", string), ("format", object)] };
const JSON_SCHEMA: ObjectRule = ObjectRule {
    required: &[("name", tool_name)],
    optional: &[("description", string), ("schema", object), ("strict", boolean)],
};
const NAMED: ObjectRule = ObjectRule { required: &[("name", tool_name)], optional: &[] };

/// What `tool_choice` can be as a string.
const MODES: Names<ToolChoice<'static>> =
    Names(&[("none", ToolChoice::None), ("auto", ToolChoice::Auto), ("required", ToolChoice::Required)]);

/// Which tool the model must call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum ToolChoice<'a> {
    /// None.
    None,
    /// The model decides.
    #[default]
    Auto,
    /// Some tool.
    Required,
    /// The function of this name.
    Function(Cow<'a, str>),
    /// Something that only the model server understands.
    Other,
}

/// Judges one tool, and tells the name of a function. One of an unknown type is the model server's affair.
pub(super) fn check_tool<'a>(reader: &mut Reader<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let tool = Tagged::read(reader, &["function", "custom"])?;
    match &*tool.kind {
        "function" => {
            tool.require("function", |reader| FUNCTION.check(reader))?;
            Ok(tool.member("function").and_then(name_of))
        }
        "custom" => tool.require("custom", |reader| CUSTOM.check(reader)).map(|()| None),
        _ => Ok(None),
    }
}

/// Judges the choice of a tool.
pub(super) fn check_tool_choice<'a>(reader: &mut Reader<'a>) -> Result<ToolChoice<'a>, Fault> {
    match reader.kind()? {
        Kind::String => MODES.read(reader),
        Kind::Object => {
            let choice = Tagged::read(reader, &["function", "custom", "allowed_tools"])?;
            match &*choice.kind {
                "function" => {
                    choice.require("function", |reader| NAMED.check(reader))?;
                    let name = choice.member("function").and_then(name_of);
                    Ok(name.map_or(ToolChoice::Other, ToolChoice::Function))
                }
                "custom" => choice.require("custom", |reader| NAMED.check(reader)).map(|()| ToolChoice::Other),
                "allowed_tools" => choice.require("allowed_tools", object).map(|()| ToolChoice::Other),
                _ => Ok(ToolChoice::Other),
            }
        }
        _ => Err(Fault::invalid("must be 'none', 'auto', 'required' or an object that names a tool.")),
    }
}

/// Judges the form that the answer must have. One of an unknown type is the model server's affair.
pub(super) fn check_response_format(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let format = Tagged::read(reader, &["json_schema"])?;
    match &*format.kind {
        "json_schema" => format.require("json_schema", |reader| JSON_SCHEMA.check(reader)),
        _ => Ok(()),
    }
}

/// The `name` of an object that was judged before.
fn name_of(object: &str) -> Option<Cow<'_, str>> {
    let mut name = None;
    let read = Reader::of_str(object).members(|reader, member| {
        match member {
            Member::Known(NameMember::Name) => name = Some(reader.string()?),
            Member::Unknown(_) => drop(reader.value()?),
        }
        Ok(())
    });
    read.ok().and(name)
}
