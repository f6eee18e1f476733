//! What is stored, in the store's own terms. Times are milliseconds since 1970, by the database's clock.

use bytes::Bytes;
use uuid::Uuid;

use crate::identity::User;
use crate::ids::ConversationId;

/// A conversation as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRecord {
    /// Its id.
    pub id: ConversationId,
    /// The user it belongs to.
    pub user: User,
    /// What people call it.
    pub title: Option<String>,
    /// The caller's labels, byte for byte.
    pub metadata: Option<Bytes>,
    /// The model of its last turn.
    pub model: String,
    /// How many messages it holds.
    pub message_count: u32,
    /// When it came to be.
    pub created_at: i64,
    /// When its last turn ended.
    pub last_used_at: i64,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its place in the conversation, from 0.
    pub sequence: u32,
    /// The turn that it belongs to.
    pub turn_id: Uuid,
    /// The message, byte for byte.
    pub body: Bytes,
    /// Whether its turn was answered in full.
    pub complete: bool,
    /// The model of its turn.
    pub model: String,
    /// When its turn was begun.
    pub created_at: i64,
}

/// A page of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The most rows.
    pub limit: u32,
    /// How many to pass over.
    pub offset: u32,
    /// The conversation after which it begins.
    pub after: Option<ConversationId>,
}

/// Some of a list, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The page.
    pub items: Vec<T>,
    /// All that there are.
    pub total: u64,
}

/// What a mutation is known by when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyClaim {
    /// The route that it came by; keys of different routes are different keys.
    pub route: &'static str,
    /// The key.
    pub key: String,
    /// The SHA-256 of the request.
    pub fingerprint: [u8; 32],
}

/// What was found under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing that stands in the way: the request may run.
    Free,
    /// The first request still runs.
    Running,
    /// The first request was another one.
    OtherRequest,
    /// The answer to the first request.
    Answered(Bytes),
}

/// A turn that is to begin.
#[derive(Clone, Debug)]
pub struct NewTurn {
    /// Its id.
    pub turn: Uuid,
    /// The conversation; none: a new one.
    pub conversation: Option<ConversationId>,
    /// The model that is asked.
    pub model: String,
    /// The key that it was sent under.
    pub key: Option<KeyClaim>,
}

/// What came of a turn that was to begin.
#[derive(Clone, Debug)]
pub enum Begun {
    /// It runs, until it is finished, given up, or its lease expires.
    Running(RunningTurn),
    /// Another turn of the conversation runs.
    Busy,
    /// There is no such conversation for this user.
    NotFound,
    /// What was found under the key.
    Key(KeyState),
}

/// A turn that runs.
#[derive(Clone, Debug)]
pub struct RunningTurn {
    /// Its id.
    pub turn: Uuid,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Whether the conversation comes to be with this turn.
    pub is_first: bool,
    /// How many bytes the conversation holds.
    pub byte_count: u64,
    /// How many messages the conversation holds.
    pub message_count: u32,
    /// The turns so far, oldest first; from where the prompt of the last turn began, if it was for the same model.
    pub history: Vec<TurnSize>,
    /// How many turns are before those.
    pub passed_over: u32,
    /// When it was begun.
    pub begun_at: i64,
    /// The key that it was sent under.
    pub key: Option<KeyClaim>,
}

/// How large a turn is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnSize {
    /// The sequence number of its first message.
    pub first_sequence: u32,
    /// Its messages together, in bytes.
    pub bytes: u64,
    /// Its messages together, in tokens as they were counted when it was stored.
    pub tokens: u64,
    /// Whether it makes no sense without the turn before.
    pub continues: bool,
}

/// A turn that ended and is to be stored.
#[derive(Clone, Debug)]
pub struct FinishedTurn {
    /// The model.
    pub model: String,
    /// Its messages, in their order.
    pub messages: Vec<Bytes>,
    /// Its messages together, in tokens.
    pub tokens: u64,
    /// Whether it makes no sense without the turn before.
    pub continues: bool,
    /// Whether the answer is whole.
    pub complete: bool,
    /// Where its prompt began.
    pub prompt_start: u32,
    /// What the same request gets when it is sent again; only for a whole answer under a key.
    pub answer: Option<Bytes>,
}

/// Whether something was stored by whoever still had the right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is on disk.
    Yes,
    /// The conversation was deleted meanwhile; nothing was stored.
    ConversationGone,
    /// Somebody else took over; nothing was stored.
    LeaseLost,
}

/// A chat that keeps no history, and runs under a key.
#[derive(Clone, Debug)]
pub struct KeyedRun {
    /// Its id.
    pub run: Uuid,
    /// The key.
    pub key: KeyClaim,
}

/// What is to be changed in a conversation: none: left as it is, none within: taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConversationChanges {
    /// The title.
    pub title: Option<Option<String>>,
    /// The caller's labels.
    pub metadata: Option<Option<Bytes>>,
}

/// What came of a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mutated<T> {
    /// It was done.
    Done(T),
    /// There is no such conversation for this user.
    NotFound,
    /// What was found under the key.
    Key(KeyState),
}

/// What was cleared away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Turns whose lease had run out.
    pub turns: u64,
    /// Keys past their age.
    pub keys: u64,
    /// Rows of conversations past their age.
    pub conversation_rows: u64,
    /// Whether there is likely to be more.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = ConversationId::new_random();
        assert_eq!(ConversationId::parse(&id.to_string()), Some(id));
        let text = id.to_string();
        for bad in ["", "x", &text.to_uppercase(), &text.replace('-', ""), &format!("{{{text}}}"), &text[1..]] {
            assert_eq!(ConversationId::parse(bad), None, "{bad}");
        }
        assert_eq!(id.0.get_version_num(), 7);
    }
}
