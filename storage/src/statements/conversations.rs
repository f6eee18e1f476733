//! Conversations and their messages, read, changed and deleted.

use bytes::Bytes;
use sqlx::Row as _;
use uuid::Uuid;

use super::keys::{self, Claimed};
use super::{Connection, Context, Row, count, counts};
use crate::identity::{Owner, Reader, User};
use crate::ids::ConversationId;
use crate::records::{ConversationChanges, ConversationRecord, KeyClaim, Listed, MessageRecord, Mutated, Page};
use crate::store::AnswerOf;

/// What [`record`] reads.
macro_rules! columns {
    () => {
        "id, owner, title, metadata, model, message_count, created_at, last_used_at"
    };
}

// One statement each, so that each finds its index.
pub(super) const OF_OWNER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM conversations WHERE tenant = $1 AND owner = $2 AND removed_at IS NULL AND number < $3 \
     ORDER BY number DESC LIMIT $4 OFFSET $5"
);
pub(super) const OF_TENANT: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM conversations WHERE tenant = $1 AND removed_at IS NULL AND $2 = '' AND number < $3 \
     ORDER BY number DESC LIMIT $4 OFFSET $5"
);

// The turn that holds the first message is found by index, whatever the offset.
pub(super) const MESSAGES: &str = "SELECT turns.first_sequence + messages.position, turns.id, messages.body, turns.complete, \
    turns.model, turns.created_at FROM turns JOIN messages ON messages.turn_id = turns.id \
    WHERE turns.conversation_id = $1 AND turns.tenant = $2 AND turns.first_sequence >= \
    (SELECT COALESCE(MAX(first_sequence), 0) FROM turns WHERE conversation_id = $1 AND first_sequence <= $3) \
    AND turns.first_sequence < $4 AND turns.first_sequence + messages.position >= $3 \
    AND turns.first_sequence + messages.position < $4 ORDER BY turns.first_sequence, messages.position";

fn record(row: &Row) -> Result<ConversationRecord, sqlx::Error> {
    Ok(ConversationRecord {
        id: ConversationId(row.try_get(0)?),
        user: User::from_key(row.try_get(1)?),
        title: row.try_get(2)?,
        metadata: row.try_get::<Option<Vec<u8>>, _>(3)?.map(Bytes::from),
        model: row.try_get(4)?,
        message_count: count(row.try_get(5)?),
        created_at: row.try_get(6)?,
        last_used_at: row.try_get(7)?,
    })
}

/// A page of conversations, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    reader: &Reader,
    page: Page,
) -> Result<Listed<ConversationRecord>, sqlx::Error> {
    const NUMBER: &str = "SELECT number FROM conversations WHERE id = $1 AND tenant = $2 AND ($3 = '' OR owner = $3) \
        AND removed_at IS NULL";
    let (tenant, owner) = (reader.tenant(), reader.owner_key());
    let before = match page.after {
        None => i64::MAX,
        Some(id) => {
            let row = sqlx::query(NUMBER).bind(id.0).bind(tenant).bind(&owner).fetch_optional(&mut *connection).await?;
            row.map_or(Ok(0), |row| row.try_get(0))?
        }
    };
    let statement = if owner.is_empty() { OF_TENANT } else { OF_OWNER };
    let query = sqlx::query(statement).bind(tenant).bind(&owner).bind(before);
    let rows = query.bind(i64::from(page.limit)).bind(i64::from(page.offset)).fetch_all(&mut *connection).await?;
    let items = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok(Listed { items, total: counts::total(connection, reader).await? })
}

/// One conversation.
pub(super) async fn get(
    connection: &mut Connection,
    reader: &Reader,
    id: ConversationId,
) -> Result<Option<ConversationRecord>, sqlx::Error> {
    const GET: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM conversations WHERE id = $1 AND tenant = $2 AND ($3 = '' OR owner = $3) AND removed_at IS NULL"
    );
    let query = sqlx::query(GET).bind(id.0).bind(reader.tenant()).bind(reader.owner_key());
    query.fetch_optional(connection).await?.as_ref().map(record).transpose()
}

/// A conversation with some of its messages.
pub(super) async fn messages(
    connection: &mut Connection,
    reader: &Reader,
    id: ConversationId,
    offset: u32,
    limit: u32,
) -> Result<Option<(ConversationRecord, Vec<MessageRecord>)>, sqlx::Error> {
    let Some(conversation) = get(&mut *connection, reader, id).await? else { return Ok(None) };
    let (begin, end) = (i64::from(offset), i64::from(offset) + i64::from(limit));
    let query = sqlx::query(MESSAGES).bind(id.0).bind(reader.tenant()).bind(begin).bind(end);
    let rows = query.fetch_all(connection).await?;
    let messages = rows.iter().map(|row| {
        Ok(MessageRecord {
            sequence: count(row.try_get(0)?),
            turn_id: row.try_get(1)?,
            body: row.try_get::<Vec<u8>, _>(2)?.into(),
            complete: row.try_get::<i64, _>(3)? == 1,
            model: row.try_get(4)?,
            created_at: row.try_get(5)?,
        })
    });
    Ok(Some((conversation, messages.collect::<Result<_, sqlx::Error>>()?)))
}

/// The bodies of the messages from this sequence number on, which begins a turn.
pub(super) async fn history(
    connection: &mut Connection,
    owner: &Owner,
    id: ConversationId,
    from_sequence: u32,
) -> Result<Vec<Bytes>, sqlx::Error> {
    const HISTORY: &str = "SELECT messages.body FROM turns JOIN messages ON messages.turn_id = turns.id \
        WHERE turns.conversation_id = $1 AND turns.tenant = $2 AND turns.owner = $3 AND turns.first_sequence >= $4 \
        ORDER BY turns.first_sequence, messages.position";
    let query = sqlx::query(HISTORY).bind(id.0).bind(owner.tenant.name()).bind(owner.user.key());
    let rows = query.bind(i64::from(from_sequence)).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get::<Vec<u8>, _>(0).map(Bytes::from)).collect()
}

/// Changes a conversation.
pub(super) async fn update(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    id: ConversationId,
    changes: &ConversationChanges,
    key: Option<&KeyClaim>,
    answer: AnswerOf,
) -> Result<Mutated<ConversationRecord>, sqlx::Error> {
    const UPDATE: &str = concat!(
        "UPDATE conversations SET title = CASE WHEN $4 = 1 THEN $5 ELSE title END, \
         metadata = CASE WHEN $6 = 1 THEN $7 ELSE metadata END \
         WHERE id = $1 AND tenant = $2 AND owner = $3 AND removed_at IS NULL RETURNING ",
        columns!()
    );
    let run = Uuid::now_v7();
    if let Some(key) = key
        && let Claimed::Refused(state) = keys::claim(connection, context, owner, key, run).await?
    {
        return Ok(Mutated::Key(state));
    }
    let query = sqlx::query(UPDATE).bind(id.0).bind(owner.tenant.name()).bind(owner.user.key());
    let query = query.bind(i64::from(changes.title.is_some())).bind(changes.title.clone().flatten());
    let query = query.bind(i64::from(changes.metadata.is_some()));
    let metadata = changes.metadata.clone().flatten();
    let row = query.bind(metadata.as_ref().map(|json| json.as_ref())).fetch_optional(&mut *connection).await?;
    let updated = row.as_ref().map(record).transpose()?;
    match (key, &updated) {
        (None, _) => {}
        (Some(key), None) => keys::release(connection, owner, key, run).await?,
        (Some(key), Some(record)) => {
            keys::settle(connection, owner, key, run, Some(id.0), Some(&answer(record))).await?;
        }
    }
    Ok(updated.map_or(Mutated::NotFound, Mutated::Done))
}

/// Deletes a conversation and all that belongs to it.
pub(super) async fn delete(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    id: ConversationId,
    key: Option<&KeyClaim>,
) -> Result<Mutated<()>, sqlx::Error> {
    // The lease before the conversation, as a turn does that ends: otherwise each may wait for the other.
    const END_TURN: &str = "DELETE FROM pending_turns WHERE conversation_id = $1 AND tenant = $2 AND owner = $3 \
        AND EXISTS (SELECT number FROM conversations WHERE id = $1 AND tenant = $2 AND owner = $3 \
        AND removed_at IS NULL)";
    const DELETE: &str =
        "DELETE FROM conversations WHERE id = $1 AND tenant = $2 AND owner = $3 AND removed_at IS NULL";
    let run = Uuid::now_v7();
    if let Some(key) = key
        && let Claimed::Refused(state) = keys::claim(connection, context, owner, key, run).await?
    {
        return Ok(Mutated::Key(state));
    }
    let query = sqlx::query(END_TURN).bind(id.0).bind(owner.tenant.name()).bind(owner.user.key());
    query.execute(&mut *connection).await?;
    let query = sqlx::query(DELETE).bind(id.0).bind(owner.tenant.name()).bind(owner.user.key());
    let is_deleted = query.execute(&mut *connection).await?.rows_affected() == 1;
    if is_deleted {
        for statement in [
            "DELETE FROM pending_turns WHERE conversation_id = $1",
            "DELETE FROM messages WHERE turn_id IN (SELECT id FROM turns WHERE conversation_id = $1)",
            "DELETE FROM turns WHERE conversation_id = $1",
            "DELETE FROM idempotency_keys WHERE conversation_id = $1",
        ] {
            sqlx::query(statement).bind(id.0).execute(&mut *connection).await?;
        }
        counts::add(connection, owner, id.0, -1).await?;
    }
    match (key, is_deleted) {
        (None, _) => {}
        (Some(key), false) => keys::release(connection, owner, key, run).await?,
        // Without the conversation: the answer to the deletion outlives it.
        (Some(key), true) => drop(keys::settle(connection, owner, key, run, None, Some(&Bytes::new())).await?),
    }
    Ok(if is_deleted { Mutated::Done(()) } else { Mutated::NotFound })
}
