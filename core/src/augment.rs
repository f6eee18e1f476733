//! What the gateway adds to a chat: the system prompts of its tenant, scope and user, and what is remembered, as one
//! leading system message.
//!
//! The message of each caller is put together once ([`Composition`]) and kept until something in it changes, so that it
//! stays the same to the byte, and a chat asks no database for it, not even when there is nothing to add. What was
//! changed is told by [`Compositions::changed`] in the process that wrote it, and heard from the others by [`follow`].

mod cache;
mod composition;
mod follow;
mod memory_block;
mod switches;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use gateway_auth::{Caller, Scope};
use gateway_proto::ApiError;
use gateway_storage::{Change, Store, StoreError};
use tokio::sync::watch;

use crate::api_errors;
use crate::domain::limits::Applied;
use crate::gate::Acting;
use cache::{Cache, Key, Place};
use composition::{Composition, Parts, compose};

pub use switches::Switches;

pub(crate) use follow::follow;
pub(crate) use switches::header_value;

/// What is added to the chats of each caller, as it was last read.
pub struct Compositions {
    store: Arc<dyn Store>,
    works: watch::Receiver<bool>,
    cache: Arc<Cache<Composition>>,
}

impl Compositions {
    /// Knows nothing yet.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        let works = store.availability();
        Self { store, works, cache: Arc::default() }
    }

    /// The message that goes before those of a chat, if there is one; what was done is noted in `applied`.
    ///
    /// Where the database does not work, it is the last one that was read. Where none was, the chat goes without, unless
    /// its tenant forbids that.
    pub(crate) async fn message(
        &self,
        caller: &Caller,
        acting: &Acting,
        applied: &mut Applied,
    ) -> Result<Option<Bytes>, ApiError> {
        let parts = wanted(caller, acting);
        if parts.is_empty() {
            return Ok(None);
        }
        let place = Place { scope: acting.scope.as_ref().map(Into::into), parts };
        let key = Key { owner: acting.owner.clone(), place };
        let found = match self.cache.fresh(&key) {
            Some(found) => Ok(found),
            None => self.load(key).await,
        };
        match found {
            Ok(composition) => {
                applied.augmented.system_prompt = composition.has_prompt;
                applied.augmented.memory = composition.has_memory;
                Ok(composition.message)
            }
            Err(error) if parts.prompts && caller.tenant().requires_prompt => {
                Err(api_errors::prompts_unreadable(error))
            }
            Err(_) => {
                metrics::counter!("gateway_augment_skipped_total").increment(1);
                applied.augment_skipped = true;
                Ok(None)
            }
        }
    }

    async fn load(&self, key: Key) -> Result<Composition, Arc<StoreError>> {
        if !*self.works.borrow() {
            return self.cache.last(&key).ok_or_else(|| Arc::new(StoreError::Unavailable));
        }
        let (store, wanted) = (Arc::clone(&self.store), key.clone());
        let read = || async move {
            let stack = store.prompt_stack(&wanted.owner, wanted.place.scope.as_deref()).await?;
            Ok(compose(&stack, wanted.place.parts))
        };
        self.cache.read(key, read).await
    }

    /// Takes note of a write that was committed.
    pub(crate) fn changed(&self, change: &Change) {
        self.cache.changed(change);
    }

    /// Takes note that anything may have been written.
    pub(crate) fn everything_changed(&self) {
        self.cache.everything_changed();
    }
}

/// The parts that a caller may have and does not decline. Without a scope there is nothing of a scope.
fn wanted(caller: &Caller, acting: &Acting) -> Parts {
    let grants = caller.token().grants;
    let remembers = acting.switches.memory != Some(false) && acting.scope.is_some();
    Parts {
        prompts: acting.switches.system_prompt != Some(false),
        public: remembers && grants.hold(Scope::MemoryReadPublic),
        private: remembers && grants.hold(Scope::MemoryReadPrivate),
    }
}

impl fmt::Debug for Compositions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Compositions").finish_non_exhaustive()
    }
}
