//! Several leading system or developer messages as one, without a change in what they say.

use bytes::Bytes;
use gateway_proto::json::{Fault, Kind, Member, Reader};

use super::PieceWriter;

gateway_proto::json_members! { enum InstructionMember { Role = "role", Content = "content" } }

/// What stands between two texts that become one, escaped as in JSON.
const BETWEEN: &[u8] = br"\n\n";

/// A system or developer message.
struct Instruction {
    role: Role,
    /// Its content as it was written: a string with its quotes, or an array of parts with its brackets.
    content: Bytes,
    is_text: bool,
}

#[derive(Clone, Copy)]
enum Role {
    System,
    Developer,
}

impl PieceWriter<'_> {
    /// Writes the leading system and developer messages as one of the first one's role, and returns how many they were.
    /// With fewer than two of them nothing is written. Of their other members (`name`) the one message keeps none.
    pub(super) fn merged_instructions(&mut self, messages: &[Bytes]) -> usize {
        let leading: Vec<_> = messages.iter().map_while(read).collect();
        let [first, _, ..] = leading.as_slice() else { return 0 };
        self.text.begin_object();
        self.text.name("role");
        self.text.string(match first.role {
            Role::System => "system",
            Role::Developer => "developer",
        });
        self.text.name("content");
        if leading.iter().all(|instruction| instruction.is_text) {
            self.one_text(&leading);
        } else {
            self.all_parts(&leading);
        }
        self.text.end_object();
        leading.len()
    }

    fn one_text(&mut self, instructions: &[Instruction]) {
        self.text.raw_elsewhere();
        self.text.frame(b"\"");
        for (index, instruction) in instructions.iter().enumerate() {
            if index > 0 {
                self.text.frame(BETWEEN);
            }
            self.fragment(&inner(&instruction.content));
        }
        self.text.frame(b"\"");
    }

    fn all_parts(&mut self, instructions: &[Instruction]) {
        self.text.begin_array();
        for instruction in instructions {
            if instruction.is_text {
                self.text.begin_object();
                self.text.name("type");
                self.text.string("text");
                self.text.name("text");
                self.piece(&instruction.content);
                self.text.end_object();
            } else {
                self.piece(&inner(&instruction.content));
            }
        }
        self.text.end_array();
    }
}

/// What stands between the first and the last character.
fn inner(content: &Bytes) -> Bytes {
    content.slice(1..content.len() - 1)
}

/// A leading message, when it is an instruction.
fn read(message: &Bytes) -> Option<Instruction> {
    let (mut role, mut content) = (None, None);
    // A message of another role ends the reading at once, and so does what was not judged before.
    Reader::new(message).and_then(|mut reader| read_members(&mut reader, &mut role, &mut content)).ok()?;
    let (raw, is_text) = content?;
    Some(Instruction { role: role?, content: message.slice_ref(raw.as_bytes()), is_text })
}

fn read_members<'a>(
    reader: &mut Reader<'a>,
    role: &mut Option<Role>,
    content: &mut Option<(&'a str, bool)>,
) -> Result<(), Fault> {
    reader.members(|reader, member| {
        match member {
            Member::Known(InstructionMember::Role) => {
                *role = Some(match &*reader.string()? {
                    "system" => Role::System,
                    "developer" => Role::Developer,
                    _ => return Err(reader.refuse("it is no instruction")),
                });
            }
            Member::Known(InstructionMember::Content) => {
                let is_text = reader.kind()? == Kind::String;
                *content = Some((reader.value()?, is_text));
            }
            Member::Unknown(_) => drop(reader.value()?),
        }
        Ok(())
    })
}
