//! A mutation that is one transaction, and the idempotency key that it may have come under.

use bytes::Bytes;
use uuid::Uuid;

use super::keys::{self, Claimed};
use super::{Connection, Context};
use crate::identity::Owner;
use crate::records::{KeyClaim, KeyState};

/// A mutation that runs.
pub(super) struct Mutation<'a> {
    owner: &'a Owner,
    claim: Option<&'a KeyClaim>,
    run: Uuid,
}

impl<'a> Mutation<'a> {
    /// Claims the key, if there is one, before any other row is touched; or says what stands in the way.
    pub(super) async fn begin(
        connection: &mut Connection,
        context: Context,
        owner: &'a Owner,
        claim: Option<&'a KeyClaim>,
    ) -> Result<Result<Self, KeyState>, sqlx::Error> {
        let run = Uuid::now_v7();
        if let Some(key) = claim
            && let Claimed::Refused(state) = keys::claim(connection, context, owner, key, run).await?
        {
            return Ok(Err(state));
        }
        Ok(Ok(Self { owner, claim, run }))
    }

    /// It was done. The answer is kept for as long as keys are, also when what it tells of is deleted meanwhile:
    /// otherwise a request that is sent again would bring that back.
    pub(super) async fn done(
        self,
        connection: &mut Connection,
        answer: impl FnOnce() -> Bytes,
    ) -> Result<(), sqlx::Error> {
        let Some(key) = self.claim else { return Ok(()) };
        keys::settle(connection, self.owner, key, self.run, None, Some(&answer())).await.map(drop)
    }

    /// It was refused, which is not recorded.
    pub(super) async fn refused(self, connection: &mut Connection) -> Result<(), sqlx::Error> {
        let Some(key) = self.claim else { return Ok(()) };
        keys::release(connection, self.owner, key, self.run).await
    }
}
