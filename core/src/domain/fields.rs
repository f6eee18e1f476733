//! Small rules that larger ones are made of.

use std::borrow::Cow;

use gateway_proto::ApiError;
use gateway_proto::json::{Fault, Kind, Reader};

/// How much of a wrong value a message repeats.
const MAX_QUOTED_CHARS: usize = 64;

/// Judges a field that holds JSON text, all of it; an empty one is absent.
pub(crate) fn json_field<'a, T: Default>(
    name: &str,
    text: &'a [u8],
    rule: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>,
) -> Result<T, ApiError> {
    if text.is_empty() {
        return Ok(T::default());
    }
    whole(text, rule).map_err(|fault| fault.in_member(name).into_error(text, &format!("'{name}'")))
}

/// Judges one of the JSON texts of a list.
pub(super) fn json_element<'a, T>(
    name: &str,
    index: usize,
    text: &'a [u8],
    rule: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>,
) -> Result<T, ApiError> {
    whole(text, rule)
        .map_err(|fault| fault.in_element(index).in_member(name).into_error(text, &format!("'{name}[{index}]'")))
}

fn whole<'a, T>(text: &'a [u8], rule: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>) -> Result<T, Fault> {
    let mut reader = Reader::new(text)?;
    let judged = rule(&mut reader)?;
    reader.end().map(|()| judged)
}

/// A rule for the value of a member: takes the value, or says what is wrong with it.
pub(super) type Rule = fn(&mut Reader<'_>) -> Result<(), Fault>;

/// What an object must be, member by member. Other members are the model server's affair.
pub(super) struct ObjectRule {
    /// Members that must be there, and not be null.
    pub(super) required: &'static [(&'static str, Rule)],
    /// Members that may be there, or be null.
    pub(super) optional: &'static [(&'static str, Rule)],
}

impl ObjectRule {
    /// Judges an object.
    pub(super) fn check(&self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let rules = self.required.iter().chain(self.optional);
        let mut found = 0_u64;
        reader.named_members(rules.clone().map(|(name, _)| *name), |reader, known| {
            let Some(index) = known else { return reader.value().map(drop) };
            found |= 1 << index;
            match self.required.get(index) {
                Some((_, rule)) => rule(reader),
                None => reader.nullable(self.optional[index - self.required.len()].1).map(drop),
            }
        })?;
        let missing = self.required.iter().enumerate().find(|(index, _)| found & (1 << index) == 0);
        missing.map_or(Ok(()), |(_, (name, _))| Err(Fault::missing(name)))
    }
}

/// Any string.
pub(super) fn string(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.raw_string().map(drop)
}

/// A string that is not empty.
pub(super) fn non_empty_string(reader: &mut Reader<'_>) -> Result<(), Fault> {
    if reader.raw_string()?.is_empty() {
        return Err(Fault::invalid("must not be empty."));
    }
    Ok(())
}

/// `true` or `false`.
pub(super) fn boolean(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.boolean().map(drop)
}

/// Any object.
pub(super) fn object(reader: &mut Reader<'_>) -> Result<(), Fault> {
    reader.object_value().map(drop)
}

/// The name of a function, a custom tool or a schema.
pub(super) fn tool_name(reader: &mut Reader<'_>) -> Result<(), Fault> {
    let name = reader.string()?;
    let has_form = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if has_form {
        return Ok(());
    }
    Err(Fault::invalid("must be 1 to 64 letters, digits, underscores and hyphens."))
}

/// A string, or an array of text parts.
pub(super) fn text_or_parts(reader: &mut Reader<'_>) -> Result<(), Fault> {
    const PART: ObjectRule = ObjectRule { required: &[("type", string)], optional: &[("text", string)] };
    match reader.kind()? {
        Kind::String => string(reader),
        Kind::Array => reader.elements(|reader, _| PART.check(reader)),
        _ => Err(Fault::invalid("must be a string or an array of parts.")),
    }
}

/// The values that a field may have, by name.
pub(super) struct Names<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Clone> Names<T> {
    /// Reads one of the names.
    pub(super) fn read(&self, reader: &mut Reader<'_>) -> Result<T, Fault> {
        let text = reader.string()?;
        self.find(&text)
    }

    /// The value of one of the names.
    pub(super) fn find(&self, text: &str) -> Result<T, Fault> {
        let found = self.0.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let names: Vec<_> = self.0.iter().map(|(name, _)| format!("'{name}'")).collect();
            let (last, others) = names.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
            let separator = if others.is_empty() { "" } else { " or " };
            Fault::invalid(format!("must be {}{separator}{last}, not '{}'.", others.join(", "), quoted(text)))
        })
    }
}

/// The beginning of a value, for a message.
pub(super) fn quoted(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_QUOTED_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// An object whose `type` says which of its other members counts.
pub(super) struct Tagged<'a> {
    /// The `type`.
    pub(super) kind: Cow<'a, str>,
    members: Vec<(&'static str, &'a str)>,
}

impl<'a> Tagged<'a> {
    /// Reads such an object, and keeps those of its members that may count.
    pub(super) fn read(reader: &mut Reader<'a>, names: &'static [&'static str]) -> Result<Self, Fault> {
        let mut kind = None;
        let mut members = Vec::new();
        reader.named_members(["type"].into_iter().chain(names.iter().copied()), |reader, known| {
            match known {
                Some(0) => kind = Some(reader.string()?),
                Some(index) => members.push((names[index - 1], reader.value()?)),
                None => drop(reader.value()?),
            }
            Ok(())
        })?;
        let kind = kind.ok_or_else(|| Fault::missing("type"))?;
        Ok(Self { kind, members })
    }

    /// A member as it was written.
    pub(super) fn member(&self, name: &str) -> Option<&'a str> {
        self.members.iter().find(|(found, _)| *found == name).map(|(_, value)| *value)
    }

    /// Judges a member that must be there.
    pub(super) fn require(
        &self,
        name: &str,
        rule: impl FnOnce(&mut Reader<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let value = self.member(name).ok_or_else(|| Fault::missing(name))?;
        rule(&mut Reader::of_str(value)).map_err(|fault| fault.in_member(name))
    }
}
