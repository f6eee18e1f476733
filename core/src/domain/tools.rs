//! The tools of a request, which of them is to be called, and the form of the answer.

use std::borrow::Cow;

use gateway_proto::ApiError;
use gateway_proto::json::{Fault, Kind, Member, Reader};

use super::chat::JsonRequest;
use super::fields::{Names, ObjectRule, Tagged, boolean, object, string, tool_name};

/// The most tools of one request.
pub const MAX_TOOLS: usize = 128;

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

/// Tools that a request may name besides its own: those that the gateway runs itself.
#[derive(Clone, Copy, Debug)]
pub enum OtherTools<'a> {
    /// Which ones is not known yet.
    Any,
    /// These.
    Named(&'a [&'a str]),
}

impl OtherTools<'_> {
    /// None.
    pub const NONE: Self = Self::Named(&[]);

    fn is_empty(self) -> bool {
        matches!(self, Self::Named([]))
    }

    fn hold(self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(names) => names.contains(&name),
        }
    }
}

/// What a request, which was judged, says of tools.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolOutline {
    /// The names of its functions.
    pub functions: Vec<String>,
    /// Whether it has tools besides functions.
    pub has_others: bool,
    /// Which the model must call.
    pub choice: ToolChoice<'static>,
}

impl ToolOutline {
    /// What a request says.
    #[must_use]
    pub fn of(request: &JsonRequest) -> Self {
        let mut outline = Self::default();
        for tool in &request.tools {
            match Reader::new(tool).and_then(|mut reader| check_tool(&mut reader)) {
                Ok(Some(name)) => outline.functions.push(name.into_owned()),
                Ok(None) | Err(_) => outline.has_others = true,
            }
        }
        if !request.tool_choice.is_empty() {
            let choice = Reader::new(&request.tool_choice).and_then(|mut reader| check_tool_choice(&mut reader));
            outline.choice = choice.map_or(ToolChoice::Other, ToolChoice::into_owned);
        }
        outline
    }
}

/// Holds to it that the tool which must be called is there.
pub(super) fn check_choice(
    choice: &ToolChoice<'_>,
    functions: &[Cow<'_, str>],
    has_tools: bool,
    others: OtherTools<'_>,
) -> Result<(), ApiError> {
    match choice {
        ToolChoice::Required if !has_tools && others.is_empty() => Err(nothing_to_call()),
        ToolChoice::Function(name) if !functions.contains(name) && !others.hold(name) => {
            let message = format!("'tool_choice' names the function '{name}', which is not among the tools.");
            Err(ApiError::invalid_field("tool_choice.function.name", message))
        }
        ToolChoice::None | ToolChoice::Auto | ToolChoice::Required | ToolChoice::Function(_) | ToolChoice::Other => {
            Ok(())
        }
    }
}

/// A tool must be called and there is none.
pub(crate) fn nothing_to_call() -> ApiError {
    ApiError::invalid_field("tool_choice", "'tool_choice' is 'required' and there are no tools.")
}

/// Which tool the model must call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice<'a> {
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

impl ToolChoice<'_> {
    fn into_owned(self) -> ToolChoice<'static> {
        match self {
            Self::None => ToolChoice::None,
            Self::Auto => ToolChoice::Auto,
            Self::Required => ToolChoice::Required,
            Self::Function(name) => ToolChoice::Function(Cow::Owned(name.into_owned())),
            Self::Other => ToolChoice::Other,
        }
    }
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
