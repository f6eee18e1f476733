//! What a running answer holds in the database, and how it lets go of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_storage::{FinishedTurn, KeyedRun, LEASE, Owner, RunningTurn, Store, StoreError, Stored};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::api_errors;

/// How often a lease is lengthened: two renewals may fail before it runs out.
const RENEWAL: Duration = Duration::from_secs(10);
/// How often letting go is tried while the database does not work.
const LETTING_GO: Duration = Duration::from_secs(1);

/// What is held.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// The lease of a conversation, and a key where there is one.
    Turn(Box<RunningTurn>),
    /// A key.
    Key(KeyedRun),
}

/// A claim that is lengthened until it is settled, and is let go when it is dropped unsettled.
#[derive(Debug)]
pub(super) struct Hold {
    store: Arc<dyn Store>,
    owner: Owner,
    claim: Claim,
    renewing: JoinHandle<()>,
    lost: CancellationToken,
    is_settled: bool,
}

impl Hold {
    /// Begins to lengthen a claim.
    pub(super) fn new(store: &Arc<dyn Store>, owner: &Owner, claim: Claim) -> Self {
        let lost = CancellationToken::new();
        let renewing = tokio::spawn(renew(Arc::clone(store), owner.clone(), claim.clone(), lost.clone()));
        Self { store: Arc::clone(store), owner: owner.clone(), claim, renewing, lost, is_settled: false }
    }

    /// Ends when somebody else took over.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Stores a turn.
    pub(super) async fn finish_turn(mut self, end: FinishedTurn) -> Result<(), ApiError> {
        let stored = match &self.claim {
            Claim::Turn(turn) => self.store.finish_turn(&self.owner, turn, end).await,
            Claim::Key(_) => return Err(ApiError::internal("a chat without a conversation has no turn")),
        };
        self.settle(stored)
    }

    /// Stores the answer under a key.
    pub(super) async fn finish_keyed(mut self, answer: Bytes) -> Result<(), ApiError> {
        let stored = match &self.claim {
            Claim::Key(run) => self.store.finish_keyed(&self.owner, run, answer).await,
            Claim::Turn(_) => return Err(ApiError::internal("a turn is not stored as an answer alone")),
        };
        self.settle(stored)
    }

    /// Lets go, and returns once it is done or cannot be done now.
    pub(super) async fn let_go(mut self) {
        // What fails now is tried again when this is dropped.
        self.is_settled = let_go(&self.store, &self.owner, &self.claim).await.is_ok();
    }

    fn settle(&mut self, stored: Result<Stored, StoreError>) -> Result<(), ApiError> {
        match stored {
            Ok(Stored::Yes) => {
                self.is_settled = true;
                Ok(())
            }
            Ok(Stored::ConversationGone) => {
                self.is_settled = true;
                Err(api_errors::conversation_gone())
            }
            Ok(Stored::LeaseLost) => {
                self.is_settled = true;
                Err(api_errors::lease_lost())
            }
            // It may have been stored after all; then there is nothing to let go of.
            Err(error) => Err(api_errors::from_commit(error)),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.renewing.abort();
        if !self.is_settled {
            let (store, owner, claim) = (Arc::clone(&self.store), self.owner.clone(), self.claim.clone());
            tokio::spawn(async move {
                let end = Instant::now() + LEASE;
                while let_go(&store, &owner, &claim).await.is_err() && Instant::now() < end {
                    sleep(LETTING_GO).await;
                }
            });
        }
    }
}

async fn let_go(store: &Arc<dyn Store>, owner: &Owner, claim: &Claim) -> Result<(), StoreError> {
    match claim {
        Claim::Turn(turn) => store.abandon_turn(owner, turn).await,
        Claim::Key(run) => store.abandon_keyed(owner, run).await,
    }
}

async fn renew(store: Arc<dyn Store>, owner: Owner, claim: Claim, lost: CancellationToken) {
    loop {
        sleep(RENEWAL).await;
        let renewed = match &claim {
            Claim::Turn(turn) => store.renew_turn(&owner, turn).await,
            Claim::Key(run) => store.renew_keyed(&owner, run).await,
        };
        match renewed {
            Ok(true) => {}
            Ok(false) => return lost.cancel(),
            // The lease outlasts a short outage; whether it did shows when the answer is stored.
            Err(error) => tracing::warn!(cause = %error, "a lease could not be lengthened"),
        }
    }
}
