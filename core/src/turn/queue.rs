//! Within a process, turns of one conversation wait for each other in the order in which they came.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use gateway_storage::{ConversationId, KeyClaim, Owner};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The turns of this process that wait for each other, and the keys in use; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Turns(Arc<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    conversations: Mutex<HashMap<ConversationId, Arc<Semaphore>>>,
    keys: Mutex<HashSet<KeyName>>,
}

type KeyName = (Owner, &'static str, String);

/// A place in the line of a conversation, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    turns: Turns,
    conversation: ConversationId,
    permit: Option<OwnedSemaphorePermit>,
}

/// A key in use, until it is dropped.
#[derive(Debug)]
pub(super) struct KeyInUse {
    turns: Turns,
    name: KeyName,
}

impl Turns {
    /// Joins the line of a conversation; the place is had once [`Place::reach`] ends.
    pub(super) fn join(&self, conversation: ConversationId) -> (Place, Arc<Semaphore>) {
        let mut lines = self.0.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Arc::clone(lines.entry(conversation).or_insert_with(|| Arc::new(Semaphore::new(1))));
        (Place { turns: self.clone(), conversation, permit: None }, line)
    }

    /// Takes a key into use; none when a request under it runs in this process.
    pub(super) fn use_key(&self, owner: &Owner, key: &KeyClaim) -> Option<KeyInUse> {
        let name = (owner.clone(), key.route, key.key.clone());
        let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(name.clone()).then(|| KeyInUse { turns: self.clone(), name })
    }
}

impl Place {
    /// Waits until nobody is before this place.
    pub(super) async fn reach(&mut self, line: Arc<Semaphore>) {
        // It is never closed.
        self.permit = line.acquire_owned().await.ok();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.turns.0.conversations.lock().unwrap_or_else(PoisonError::into_inner);
        self.permit = None;
        // Two owners of a line of which nobody stands in it: the map, and none.
        if lines.get(&self.conversation).is_some_and(|line| Arc::strong_count(line) == 1) {
            lines.remove(&self.conversation);
        }
    }
}

impl Drop for KeyInUse {
    fn drop(&mut self) {
        self.turns.0.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use gateway_storage::{Tenant, User};

    use super::*;

    #[tokio::test]
    async fn turns_go_in_the_order_in_which_they_came_and_leave_nothing_behind() {
        let turns = Turns::default();
        let conversation = ConversationId::new_random();
        let (mut first, line) = turns.join(conversation);
        first.reach(line).await;
        let (mut second, line) = turns.join(conversation);
        let mut second_reaches = Box::pin(second.reach(line));
        assert!(poll!(&mut second_reaches).is_pending());
        let (mut third, line) = turns.join(conversation);
        let mut third_reaches = Box::pin(third.reach(line));
        assert!(poll!(&mut third_reaches).is_pending());
        drop(first);
        assert!(poll!(&mut third_reaches).is_pending());
        second_reaches.await;
        drop(second);
        third_reaches.await;
        drop(third);
        assert!(turns.0.conversations.lock().unwrap().is_empty());
    }

    #[test]
    fn a_key_is_in_use_once() {
        let turns = Turns::default();
        let owner = Owner { tenant: Tenant::new("t"), user: User::Token("a".into()) };
        let key = KeyClaim { route: "r", key: "k".to_owned(), fingerprint: [0; 32] };
        let in_use = turns.use_key(&owner, &key).unwrap();
        assert!(turns.use_key(&owner, &key).is_none());
        drop(in_use);
        assert!(turns.use_key(&owner, &key).is_some());
    }
}
