//! The request for a turn of a stored conversation in: a chat request, and what is said of the conversation.

use bytes::Bytes;
use gateway_proto::json::{Fault, Members, Reader};
use gateway_proto::openai::ChatRequestMember;
use gateway_proto::v1::Turn;

use super::chat_request::{ChatBody, chat_member};
use crate::body::{BodyFault, read_object, slice, string, unless_null, user_id};

gateway_proto::json_members! {
    /// What a turn has besides a chat. In a chat alone these are unknown members, which the model server gets.
    pub(crate) enum TurnMember {
        Message = "message",
        ConversationId = "conversation_id",
        UserId = "user_id",
        Provider = "provider",
    }
}

/// A request for a turn as it was read.
#[derive(Debug)]
pub(crate) struct TurnBody {
    /// The turn.
    pub(crate) turn: Turn,
    /// Whether the answer is to be a stream.
    pub(crate) stream: bool,
}

/// Reads a request for a turn. Nothing of what the caller wrote is copied but scalars and unknown members.
pub(crate) fn turn_request(body: &Bytes) -> Result<TurnBody, BodyFault> {
    read_object(body, |reader| {
        let mut read = ChatBody::default();
        let mut turn = Turn::default();
        read.chat.unknown_members_json = reader.members_and_rest(|reader, member| {
            unless_null(reader, |reader| match member {
                Known::OfChat(member) => chat_member(reader, body, member, &mut read),
                Known::OfTurn(member) => turn_member(reader, body, member, &mut turn),
            })
        })?;
        turn.chat = Some(read.chat);
        Ok(TurnBody { turn, stream: read.stream })
    })
}

fn turn_member(reader: &mut Reader<'_>, body: &Bytes, member: TurnMember, turn: &mut Turn) -> Result<(), Fault> {
    match member {
        TurnMember::Message => turn.message_json = slice(reader, body)?,
        TurnMember::ConversationId => turn.conversation_id = string(reader)?,
        TurnMember::UserId => turn.user_id = user_id(reader)?,
        TurnMember::Provider => turn.provider = string(reader)?,
    }
    Ok(())
}

/// A known member of the request: the reader refuses one that is given twice.
#[derive(Clone, Copy, Debug)]
enum Known {
    OfChat(ChatRequestMember),
    OfTurn(TurnMember),
}

const NAMES_OF_CHAT: &[&str] = ChatRequestMember::NAMES;
const NAMES_OF_TURN: &[&str] = TurnMember::NAMES;

impl Members for Known {
    const NAMES: &'static [&'static str] = &{
        let mut names = [""; NAMES_OF_CHAT.len() + NAMES_OF_TURN.len()];
        let (of_chat, of_turn) = names.split_at_mut(NAMES_OF_CHAT.len());
        of_chat.copy_from_slice(NAMES_OF_CHAT);
        of_turn.copy_from_slice(NAMES_OF_TURN);
        names
    };

    fn from_name(name: &str) -> Option<Self> {
        let of_chat = ChatRequestMember::from_name(name).map(Self::OfChat);
        of_chat.or_else(|| TurnMember::from_name(name).map(Self::OfTurn))
    }

    fn index(self) -> usize {
        match self {
            Self::OfChat(member) => member.index(),
            Self::OfTurn(member) => NAMES_OF_CHAT.len() + member.index(),
        }
    }
}

#[cfg(test)]
mod tests;
