//! What stored and new messages say of themselves, as far as a conversation needs it.

use bytes::Bytes;
use gateway_proto::json::{Fault, Member, Reader};

gateway_proto::json_members! {
    enum OutlineMember { Role = "role", ToolCalls = "tool_calls", ToolCallId = "tool_call_id" }
}
gateway_proto::json_members! { enum CallMember { Id = "id" } }

/// What a message says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// Who speaks.
    pub role: String,
    /// The ids of the tool calls that it asks for.
    pub calls: Vec<String>,
    /// The tool call that it answers.
    pub answers: Option<String>,
}

/// Reads a message that was judged before; one that cannot be read says nothing.
#[must_use]
pub fn outline(message: &Bytes) -> Outline {
    Reader::new(message).and_then(|mut reader| read(&mut reader)).unwrap_or_default()
}

fn read(reader: &mut Reader<'_>) -> Result<Outline, Fault> {
    let mut outline = Outline::default();
    reader.members(|reader, member| {
        match member {
            Member::Known(OutlineMember::Role) => outline.role = reader.string()?.into_owned(),
            Member::Known(OutlineMember::ToolCallId) => {
                outline.answers = reader.nullable(Reader::string)?.map(std::borrow::Cow::into_owned);
            }
            Member::Known(OutlineMember::ToolCalls) => {
                reader.nullable(|reader| reader.elements(|reader, _| call_id(reader, &mut outline.calls)))?;
            }
            Member::Unknown(_) => drop(reader.value()?),
        }
        Ok(())
    })?;
    Ok(outline)
}

fn call_id(reader: &mut Reader<'_>, calls: &mut Vec<String>) -> Result<(), Fault> {
    reader.members(|reader, member| {
        match member {
            Member::Known(CallMember::Id) => calls.push(reader.string()?.into_owned()),
            Member::Unknown(_) => drop(reader.value()?),
        }
        Ok(())
    })
}

/// The tool calls that wait for a result at the end of a history.
#[must_use]
pub fn open_calls(history: &[Bytes]) -> Vec<String> {
    let mut answered = Vec::new();
    for message in history.iter().rev() {
        let outline = outline(message);
        match outline.answers {
            Some(id) => answered.push(id),
            None => return outline.calls.into_iter().filter(|id| !answered.contains(id)).collect(),
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_wait_until_they_are_answered() {
        let asks = Bytes::from_static(br#"{"role":"assistant","content":null,"tool_calls":[{"id":"a"},{"id":"b"}]}"#);
        let answers = Bytes::from_static(br#"{"role":"tool","tool_call_id":"a","content":"1"}"#);
        let says = Bytes::from_static(br#"{"role":"user","content":"x"}"#);
        assert_eq!(open_calls(&[]), Vec::<String>::new());
        assert_eq!(open_calls(&[says.clone(), asks.clone()]), ["a", "b"]);
        assert_eq!(open_calls(&[asks.clone(), answers.clone()]), ["b"]);
        assert_eq!(open_calls(&[asks, answers, says]), Vec::<String>::new());
    }
}
