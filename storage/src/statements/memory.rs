//! What is remembered. The row of a bucket, which says what it holds, is locked first: so its writes run one after the
//! other, and what one of them finds is what it changes.

use sqlx::Row as _;
use uuid::Uuid;

use super::keyed::Mutation;
use super::{Connection, Context, Row, changes, confirmations, count};
use crate::identity::{Owner, User};
use crate::ids::ConversationId;
use crate::memory::{
    BUCKET_CAP_BYTES, Bucket, BucketUsage, Buckets, KeyedAnswer, MemoryRecord, MemoryWrite, MemoryWritten, Origin,
};
use crate::prompts::Change;
use crate::records::{KeyClaim, KeyState, Listed};

/// How the origin of a value is written down.
const HUMAN: i64 = 0;
const TOOL: i64 = 1;

/// What [`record`] reads.
macro_rules! columns {
    () => {
        "owner, key, value, origin, conversation_id, turn_id, created_at, updated_at"
    };
}

// One statement each, so that each finds its index.
pub(super) const OF_BUCKET: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM memory_entries WHERE tenant = $1 AND scope = $2 AND owner = $3 ORDER BY key LIMIT $4 OFFSET $5"
);
pub(super) const OF_SCOPE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM memory_entries WHERE tenant = $1 AND scope = $2 AND owner <> '' ORDER BY key, owner LIMIT $3 OFFSET $4"
);
/// The shared bucket of a scope and that of a user in it.
pub(super) const OF_CHAT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM memory_entries WHERE tenant = $1 AND scope = $2 AND owner IN ('', $3) ORDER BY owner, key"
);

pub(super) fn record(row: &Row) -> Result<MemoryRecord, sqlx::Error> {
    let owner: &str = row.try_get(0)?;
    let (conversation, turn): (Option<Uuid>, Option<Uuid>) = (row.try_get(4)?, row.try_get(5)?);
    let origin = match row.try_get::<i64, _>(3)? {
        HUMAN => Origin::Human,
        _ => Origin::Tool(conversation.map(ConversationId).zip(turn)),
    };
    Ok(MemoryRecord {
        user: (!owner.is_empty()).then(|| User::from_key(owner)),
        key: row.try_get(1)?,
        value: row.try_get(2)?,
        origin,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
    })
}

/// Stores a value.
pub(super) async fn put(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    write: &MemoryWrite,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<MemoryRecord>,
) -> Result<MemoryWritten, sqlx::Error> {
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(MemoryWritten::Key(state)),
    };
    let written = put_claimed(connection, owner, write).await?;
    match &written {
        MemoryWritten::Stored(record) => mutation.done(connection, || answer(record)).await?,
        MemoryWritten::Full { .. } | MemoryWritten::NotConfirmed | MemoryWritten::Key(_) => {
            mutation.refused(connection).await?;
        }
    }
    Ok(written)
}

async fn put_claimed(
    connection: &mut Connection,
    owner: &Owner,
    write: &MemoryWrite,
) -> Result<MemoryWritten, sqlx::Error> {
    let bucket = &write.bucket;
    if let Some(confirmation) = write.confirmation
        && !confirmations::is_given(connection, owner, write, confirmation).await?
    {
        return Ok(MemoryWritten::NotConfirmed);
    }
    let cap = i64::from(BUCKET_CAP_BYTES);
    let bytes = i64::try_from(write.key.len() + write.value.len()).unwrap_or(i64::MAX);
    // What finds no place in an empty bucket needs no lock to be refused.
    let now = if bytes > cap { 0 } else { lock_or_make(connection, bucket).await? };
    let (used, replaced) = held_with(connection, bucket, &write.key).await?;
    let would_be = used.saturating_add(bytes).saturating_sub(replaced.unwrap_or(0));
    if would_be > cap {
        return Ok(MemoryWritten::Full { used: count(used), would_be: count(would_be) });
    }
    // Spent last, so that nothing after it can fail: by now another one may have been faster, or its time be over.
    if let Some(confirmation) = write.confirmation
        && !confirmations::spend(connection, owner, write, confirmation).await?
    {
        return Ok(MemoryWritten::NotConfirmed);
    }
    let record = upsert(connection, owner, write, bytes, now).await?;
    let added = Held { entries: i64::from(replaced.is_none()), bytes: would_be - used };
    add(connection, bucket, added).await?;
    changes::note(connection, &[change_of(bucket)]).await?;
    Ok(MemoryWritten::Stored(record))
}

/// What a bucket holds, and what of it the entry of a key takes.
async fn held_with(connection: &mut Connection, bucket: &Bucket, key: &str) -> Result<(i64, Option<i64>), sqlx::Error> {
    const HELD: &str = "SELECT buckets.byte_count, entries.byte_count FROM memory_buckets AS buckets \
        LEFT JOIN memory_entries AS entries ON entries.tenant = buckets.tenant AND entries.scope = buckets.scope \
        AND entries.owner = buckets.owner AND entries.key = $4 \
        WHERE buckets.tenant = $1 AND buckets.scope = $2 AND buckets.owner = $3";
    let query = sqlx::query(HELD).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key()).bind(key);
    let Some(row) = query.fetch_optional(connection).await? else { return Ok((0, None)) };
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn upsert(
    connection: &mut Connection,
    owner: &Owner,
    write: &MemoryWrite,
    bytes: i64,
    now: i64,
) -> Result<MemoryRecord, sqlx::Error> {
    const PUT: &str = concat!(
        "INSERT INTO memory_entries (tenant, scope, owner, key, value, byte_count, writer, origin, conversation_id, \
         turn_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
         ON CONFLICT (tenant, scope, owner, key) DO UPDATE SET value = excluded.value, \
         byte_count = excluded.byte_count, writer = excluded.writer, origin = excluded.origin, \
         conversation_id = excluded.conversation_id, turn_id = excluded.turn_id, updated_at = excluded.updated_at \
         RETURNING ",
        columns!()
    );
    let (origin, turn) = match write.origin {
        Origin::Human => (HUMAN, None),
        Origin::Tool(turn) => (TOOL, turn),
    };
    let bucket = &write.bucket;
    let query = sqlx::query(PUT).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key());
    let query = query.bind(&write.key).bind(&write.value).bind(bytes).bind(owner.user.key()).bind(origin);
    let query = query.bind(turn.map(|(conversation, _)| conversation.0)).bind(turn.map(|(_, turn)| turn)).bind(now);
    record(&query.fetch_one(connection).await?)
}

/// The entry of a key.
pub(super) async fn get(
    connection: &mut Connection,
    bucket: &Bucket,
    key: &str,
) -> Result<Option<MemoryRecord>, sqlx::Error> {
    const GET: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM memory_entries WHERE tenant = $1 AND scope = $2 AND owner = $3 AND key = $4"
    );
    let query = sqlx::query(GET).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key()).bind(key);
    query.fetch_optional(connection).await?.as_ref().map(record).transpose()
}

/// A page of entries.
pub(super) async fn list(
    connection: &mut Connection,
    buckets: &Buckets,
    limit: u32,
    offset: u32,
) -> Result<Listed<MemoryRecord>, sqlx::Error> {
    const TOTAL: &str =
        "SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM memory_counts WHERE tenant = $1 AND scope = $2";
    let (limit, offset) = (i64::from(limit), i64::from(offset));
    let (rows, total) = match buckets {
        Buckets::One(bucket) => {
            let query = sqlx::query(OF_BUCKET).bind(bucket.tenant.name()).bind(&*bucket.scope);
            let query = query.bind(bucket.owner_key()).bind(limit).bind(offset);
            let rows = query.fetch_all(&mut *connection).await?;
            (rows, usage(connection, bucket).await?.entries.into())
        }
        Buckets::AllPrivate { tenant, scope } => {
            let query = sqlx::query(OF_SCOPE).bind(tenant.name()).bind(&**scope).bind(limit).bind(offset);
            let rows = query.fetch_all(&mut *connection).await?;
            let query = sqlx::query(TOTAL).bind(tenant.name()).bind(&**scope);
            (rows, count(query.fetch_one(connection).await?.try_get(0)?))
        }
    };
    Ok(Listed { items: rows.iter().map(record).collect::<Result<_, _>>()?, total })
}

/// What a bucket holds.
pub(super) async fn usage(connection: &mut Connection, bucket: &Bucket) -> Result<BucketUsage, sqlx::Error> {
    const USAGE: &str =
        "SELECT entry_count, byte_count FROM memory_buckets WHERE tenant = $1 AND scope = $2 AND owner = $3";
    let query = sqlx::query(USAGE).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key());
    let Some(row) = query.fetch_optional(connection).await? else { return Ok(BucketUsage::default()) };
    Ok(BucketUsage { entries: count(row.try_get(0)?), bytes: count(row.try_get(1)?) })
}

/// Deletes the entry of a key: whether there was one.
pub(super) async fn delete(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    bucket: &Bucket,
    key: &str,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<bool>,
) -> Result<Result<bool, KeyState>, sqlx::Error> {
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(Err(state)),
    };
    let is_deleted = delete_claimed(connection, bucket, key).await?;
    mutation.done(connection, || answer(&is_deleted)).await?;
    Ok(Ok(is_deleted))
}

async fn delete_claimed(connection: &mut Connection, bucket: &Bucket, key: &str) -> Result<bool, sqlx::Error> {
    const DELETE: &str = "DELETE FROM memory_entries WHERE tenant = $1 AND scope = $2 AND owner = $3 AND key = $4 \
        RETURNING byte_count";
    if lock(connection, bucket).await?.is_none() {
        return Ok(false);
    }
    let query = sqlx::query(DELETE).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key()).bind(key);
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(false) };
    add(connection, bucket, Held { entries: -1, bytes: -row.try_get::<i64, _>(0)? }).await?;
    changes::note(connection, &[change_of(bucket)]).await?;
    Ok(true)
}

/// By how much what a bucket holds changes.
#[derive(Clone, Copy, Default)]
pub(super) struct Held {
    pub(super) entries: i64,
    pub(super) bytes: i64,
}

/// Locks a bucket, and returns when that was; none: there is none, since it holds nothing. Whoever goes on without the
/// lock would wait for entries and for the bucket in another order than those that have it.
pub(super) async fn lock(connection: &mut Connection, bucket: &Bucket) -> Result<Option<i64>, sqlx::Error> {
    const LOCK: &str = concat!(
        "UPDATE memory_buckets SET entry_count = entry_count WHERE tenant = $1 AND scope = $2 AND owner = $3 RETURNING ",
        now!()
    );
    let query = sqlx::query(LOCK).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key());
    query.fetch_optional(connection).await?.map(|row| row.try_get(0)).transpose()
}

/// Locks a bucket, which is made if there is none, and returns when that was.
async fn lock_or_make(connection: &mut Connection, bucket: &Bucket) -> Result<i64, sqlx::Error> {
    const MAKE: &str = concat!(
        "INSERT INTO memory_buckets (tenant, scope, owner, entry_count, byte_count) VALUES ($1, $2, $3, 0, 0) \
         ON CONFLICT (tenant, scope, owner) DO UPDATE SET entry_count = memory_buckets.entry_count RETURNING ",
        now!()
    );
    if let Some(now) = lock(connection, bucket).await? {
        return Ok(now);
    }
    let query = sqlx::query(MAKE).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key());
    query.fetch_one(connection).await?.try_get(0)
}

/// Counts what came into a locked bucket, or went.
pub(super) async fn add(connection: &mut Connection, bucket: &Bucket, added: Held) -> Result<(), sqlx::Error> {
    const ADD: &str = "UPDATE memory_buckets SET entry_count = entry_count + $4, byte_count = byte_count + $5 \
        WHERE tenant = $1 AND scope = $2 AND owner = $3";
    const COUNT: &str = "INSERT INTO memory_counts (tenant, scope, shard, total) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (tenant, scope, shard) DO UPDATE SET total = memory_counts.total + excluded.total";
    let query = sqlx::query(ADD).bind(bucket.tenant.name()).bind(&*bucket.scope).bind(bucket.owner_key());
    query.bind(added.entries).bind(added.bytes).execute(&mut *connection).await?;
    if bucket.user.is_some() && added.entries != 0 {
        let query = sqlx::query(COUNT).bind(bucket.tenant.name()).bind(&*bucket.scope);
        query.bind(changes::random_shard()).bind(added.entries).execute(connection).await?;
    }
    Ok(())
}

/// Clears away buckets that hold nothing, and returns how many. Not by whoever empties one: those who wait for the row
/// would have to make it anew and get into each other's way.
pub(super) async fn forget_empty(connection: &mut Connection, most: i64) -> Result<u64, sqlx::Error> {
    const FORGET: &str = "DELETE FROM memory_buckets WHERE entry_count = 0 AND (tenant, scope, owner) IN \
        (SELECT tenant, scope, owner FROM memory_buckets WHERE entry_count = 0 LIMIT $1)";
    Ok(sqlx::query(FORGET).bind(most).execute(connection).await?.rows_affected())
}

/// Which chats see a change of a bucket.
pub(super) fn change_of(bucket: &Bucket) -> Change {
    Change { tenant: bucket.tenant.clone(), scope: Some(bucket.scope.clone()), user: bucket.user.clone() }
}
