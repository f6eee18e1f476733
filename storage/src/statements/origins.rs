//! Deletes what one turn of a conversation wrote, in whatever buckets that is.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::Row as _;
use uuid::Uuid;

use super::keyed::Mutation;
use super::memory::{self, Held};
use super::{Connection, Context, changes};
use crate::identity::{Owner, User};
use crate::ids::ConversationId;
use crate::memory::{Bucket, KeyedAnswer, OriginDeleted};
use crate::prompts::Change;
use crate::records::{KeyClaim, KeyState};

/// A turn whose entries go.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) conversation: ConversationId,
    pub(super) turn: Uuid,
    pub(super) may_delete_public: bool,
}

/// Deletes all that a turn wrote, or nothing where public entries are among it that may not be deleted.
pub(super) async fn delete(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    origin: Origin,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<u32>,
) -> Result<Result<OriginDeleted, KeyState>, sqlx::Error> {
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(Err(state)),
    };
    let buckets = buckets_of(connection, owner, origin).await?;
    if !origin.may_delete_public && buckets.iter().any(|bucket| bucket.user.is_none()) {
        mutation.refused(connection).await?;
        return Ok(Ok(OriginDeleted::PublicAmongThem));
    }
    // All locks first, in one order: two that do this wait for each other only one way.
    let mut locked = Vec::new();
    for bucket in buckets {
        if memory::lock(connection, &bucket).await?.is_some() {
            locked.push(bucket);
        }
    }
    let mut deleted = 0;
    let mut changed: Vec<Change> = Vec::new();
    for bucket in &locked {
        let gone = delete_in(connection, owner, origin, bucket).await?;
        if gone.entries > 0 {
            memory::add(connection, bucket, Held { entries: -gone.entries, bytes: -gone.bytes }).await?;
            changed.push(memory::change_of(bucket));
            deleted += gone.entries;
        }
    }
    changes::note(connection, &changed).await?;
    let deleted = u32::try_from(deleted).unwrap_or(u32::MAX);
    mutation.done(connection, || answer(&deleted)).await?;
    Ok(Ok(OriginDeleted::Done(deleted)))
}

/// The buckets in which a turn's entries are, in the order in which they are locked.
async fn buckets_of(connection: &mut Connection, owner: &Owner, origin: Origin) -> Result<Vec<Bucket>, sqlx::Error> {
    const BUCKETS: &str = "SELECT DISTINCT scope, owner FROM memory_entries \
        WHERE turn_id = $1 AND conversation_id = $2 AND tenant = $3 AND writer = $4";
    let query = sqlx::query(BUCKETS).bind(origin.turn).bind(origin.conversation.0);
    let rows = query.bind(owner.tenant.name()).bind(owner.user.key()).fetch_all(connection).await?;
    let mut buckets = BTreeMap::new();
    for row in rows {
        let (scope, bucket_owner): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let user = (!bucket_owner.is_empty()).then(|| User::from_key(&bucket_owner));
        let bucket = Bucket { tenant: owner.tenant.clone(), scope: Arc::from(&*scope), user };
        buckets.insert((scope, bucket_owner), bucket);
    }
    Ok(buckets.into_values().collect())
}

async fn delete_in(
    connection: &mut Connection,
    owner: &Owner,
    origin: Origin,
    bucket: &Bucket,
) -> Result<Held, sqlx::Error> {
    const DELETE: &str = "DELETE FROM memory_entries WHERE turn_id = $1 AND conversation_id = $2 AND tenant = $3 \
        AND writer = $4 AND scope = $5 AND owner = $6 RETURNING byte_count";
    let query = sqlx::query(DELETE).bind(origin.turn).bind(origin.conversation.0);
    let query = query.bind(owner.tenant.name()).bind(owner.user.key());
    let rows = query.bind(&*bucket.scope).bind(bucket.owner_key()).fetch_all(connection).await?;
    let mut gone = Held::default();
    for row in &rows {
        gone.entries += 1;
        gone.bytes += row.try_get::<i64, _>(0)?;
    }
    Ok(gone)
}
