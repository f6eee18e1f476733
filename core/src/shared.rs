//! What the parts of the core share.

use std::sync::Arc;
use std::time::Duration;

use gateway_auth::Authenticator;
use gateway_storage::Store;

use crate::augment::Compositions;
use crate::catalog::CatalogHandle;
use crate::config::ConversationLimits;
use crate::layers::InFlight;
use crate::tools::Tools;
use crate::turn::Turns;
use crate::usage::Accounts;

/// What a gRPC message may hold besides the JSON body that it carries.
const MESSAGE_OVERHEAD_BYTES: usize = 1 << 20;

/// What the parts of the core share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Parts>);

/// The parts of [`Shared`].
#[derive(Debug)]
pub struct Parts {
    /// Knows the tokens.
    pub authenticator: Authenticator,
    /// Knows the models.
    pub catalog: CatalogHandle,
    /// The calls in flight.
    pub in_flight: InFlight,
    /// The address of the page on errors, without a fragment.
    pub docs_url: String,
    /// The largest JSON body that the edge takes.
    pub max_body_bytes: usize,
    /// How long the head of a stream waits for its first event.
    pub stream_head_wait: Duration,
    /// Keeps what outlives the process.
    pub store: Arc<dyn Store>,
    /// The turns of this process that wait for each other, and the keys in use.
    pub turns: Turns,
    /// What bounds stored conversations.
    pub conversations: ConversationLimits,
    /// What calls use, and may use.
    pub accounts: Arc<Accounts>,
    /// The tools that the gateway runs itself.
    pub tools: Tools,
    /// What is added to chats.
    pub compositions: Arc<Compositions>,
    /// The most bytes of a system prompt of one level.
    pub max_system_prompt_bytes: usize,
}

impl Shared {
    /// Shares these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Knows the tokens.
    #[must_use]
    pub fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    /// Knows the models.
    #[must_use]
    pub fn catalog(&self) -> &CatalogHandle {
        &self.0.catalog
    }

    /// The calls in flight.
    #[must_use]
    pub fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    /// The address of the page on errors, without a fragment.
    #[must_use]
    pub fn docs_url(&self) -> &str {
        &self.0.docs_url
    }

    /// The largest JSON body that the edge takes, in bytes.
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.0.max_body_bytes
    }

    /// How long the head of a stream waits for its first event.
    #[must_use]
    pub fn stream_head_wait(&self) -> Duration {
        self.0.stream_head_wait
    }

    /// Keeps what outlives the process.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The turns of this process that wait for each other, and the keys in use.
    #[must_use]
    pub fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// What bounds stored conversations.
    #[must_use]
    pub fn conversations(&self) -> ConversationLimits {
        self.0.conversations
    }

    /// What calls use, and may use.
    #[must_use]
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.0.accounts
    }

    /// The tools that the gateway runs itself.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.0.tools
    }

    /// What is added to chats.
    #[must_use]
    pub fn compositions(&self) -> &Arc<Compositions> {
        &self.0.compositions
    }

    /// The most bytes of a system prompt of one level.
    #[must_use]
    pub fn max_system_prompt_bytes(&self) -> usize {
        self.0.max_system_prompt_bytes
    }

    /// The largest gRPC message, in bytes: every body that the edge takes fits.
    #[must_use]
    pub fn max_message_bytes(&self) -> usize {
        self.0.max_body_bytes + MESSAGE_OVERHEAD_BYTES
    }
}
