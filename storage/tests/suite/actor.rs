//! A user at a store, who says in a word what the tests do all the time.

use std::sync::Arc;

use bytes::Bytes;
use gateway_storage::{
    Begun, ConversationId, ConversationRecord, FinishedTurn, KeyClaim, KeyedRun, Listed, NewTurn, Owner, Page, Reader,
    RunningTurn, Store, Stored, Tenant, User,
};
use uuid::Uuid;

pub(crate) const MODEL: &str = "demo";
pub(crate) const ALL: Page = Page { limit: 1000, offset: 0, after: None };

/// A user at a store.
#[derive(Clone)]
pub(crate) struct Actor {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) owner: Owner,
}

/// The end user Ann of the tenant `acme`.
pub(crate) fn ann(store: &Arc<dyn Store>) -> Actor {
    Actor { store: Arc::clone(store), owner: owner("acme", User::EndUser("ann".into())) }
}

pub(crate) fn owner(tenant: &str, user: User) -> Owner {
    Owner { tenant: Tenant::new(tenant), user }
}

/// A key on the route of chats.
pub(crate) fn key(name: &str) -> KeyClaim {
    KeyClaim { route: "chat", key: name.to_owned(), fingerprint: [7; 32] }
}

/// A keyed chat without history.
pub(crate) fn keyed_run(name: &str) -> KeyedRun {
    KeyedRun { run: Uuid::now_v7(), key: key(name) }
}

pub(crate) fn new_turn(conversation: Option<ConversationId>, key: Option<KeyClaim>) -> NewTurn {
    NewTurn { turn: Uuid::now_v7(), conversation, model: MODEL.to_owned(), key }
}

/// A whole turn of these messages.
pub(crate) fn end_of(messages: &[&str]) -> FinishedTurn {
    FinishedTurn {
        model: MODEL.to_owned(),
        messages: messages.iter().map(|text| Bytes::from((*text).to_owned())).collect(),
        tokens: 1,
        continues: false,
        complete: true,
        prompt_start: 0,
        answer: None,
    }
}

/// A whole turn under a key.
pub(crate) fn answered(messages: &[&str], answer: &'static str) -> FinishedTurn {
    FinishedTurn { answer: Some(Bytes::from_static(answer.as_bytes())), ..end_of(messages) }
}

/// A turn that was cut.
pub(crate) fn cut(messages: &[&str]) -> FinishedTurn {
    FinishedTurn { complete: false, ..end_of(messages) }
}

/// The turn that was begun.
pub(crate) fn running(begun: Begun) -> RunningTurn {
    match begun {
        Begun::Running(turn) => turn,
        other => panic!("the turn does not run: {other:?}"),
    }
}

impl Actor {
    pub(crate) fn reader(&self) -> Reader {
        Reader::Owner(self.owner.clone())
    }

    /// Begins a turn that must run.
    pub(crate) async fn begin(&self, conversation: Option<ConversationId>, key: Option<KeyClaim>) -> RunningTurn {
        running(self.try_begin(conversation, key).await)
    }

    pub(crate) async fn try_begin(&self, conversation: Option<ConversationId>, key: Option<KeyClaim>) -> Begun {
        self.store.begin_turn(&self.owner, new_turn(conversation, key)).await.unwrap()
    }

    pub(crate) async fn finish(&self, turn: &RunningTurn, end: FinishedTurn) -> Stored {
        self.store.finish_turn(&self.owner, turn, end).await.unwrap()
    }

    /// Stores a turn from its begin to its end.
    pub(crate) async fn turn(&self, conversation: Option<ConversationId>, end: FinishedTurn) -> ConversationId {
        self.keyed_turn(conversation, None, end).await
    }

    pub(crate) async fn keyed_turn(
        &self,
        conversation: Option<ConversationId>,
        key: Option<KeyClaim>,
        end: FinishedTurn,
    ) -> ConversationId {
        let turn = self.begin(conversation, key).await;
        assert_eq!(self.finish(&turn, end).await, Stored::Yes);
        turn.conversation
    }

    /// The texts of all messages, with the check that their sequence numbers are 0..n and all is counted.
    pub(crate) async fn texts(&self, id: ConversationId) -> Vec<String> {
        let (conversation, messages) = self.store.messages(&self.reader(), id, 0, 10_000).await.unwrap().unwrap();
        let sequence: Vec<u32> = messages.iter().map(|message| message.sequence).collect();
        assert_eq!(sequence, (0..conversation.message_count).collect::<Vec<_>>());
        let bodies: Vec<Bytes> = messages.into_iter().map(|message| message.body).collect();
        assert_eq!(self.store.history(&self.owner, id, 0).await.unwrap(), bodies);
        bodies.iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect()
    }

    pub(crate) async fn get(&self, id: ConversationId) -> Option<ConversationRecord> {
        self.store.conversation(&self.reader(), id).await.unwrap()
    }

    pub(crate) async fn list(&self) -> Listed<ConversationRecord> {
        self.store.conversations(&self.reader(), ALL).await.unwrap()
    }
}
