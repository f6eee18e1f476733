//! Clears away what is past its time, a bounded number of rows at a time.

use std::time::Duration;

use sqlx::Row;
use uuid::Uuid;

use super::{Connection, budgets, confirmations, counts, memory, milliseconds};
use crate::identity::{Owner, Tenant, User};
use crate::records::Swept;
use crate::store::KEY_LIFETIME;

/// The most rows that go in one transaction, so that the traffic beside it hardly waits.
const BATCH: i64 = 500;
/// The most conversations that are taken from sight in one transaction: each costs several writes.
const HIDDEN_AT_ONCE: i64 = 100;

/// One step of clearing away.
pub(super) async fn sweep(connection: &mut Connection, retention: Option<Duration>) -> Result<Swept, sqlx::Error> {
    const TURNS: &str = concat!("DELETE FROM pending_turns WHERE lease_expires_at < ", now!());
    const KEYS: &str = concat!(
        "DELETE FROM idempotency_keys WHERE (tenant, owner, route, key) IN \
         (SELECT tenant, owner, route, key FROM idempotency_keys WHERE created_at < ",
        now!(),
        " - $1 LIMIT $2)"
    );
    let turns = sqlx::query(TURNS).execute(&mut *connection).await?.rows_affected();
    let query = sqlx::query(KEYS).bind(milliseconds(KEY_LIFETIME)).bind(BATCH);
    let keys = query.execute(&mut *connection).await?.rows_affected();
    budgets::forget(connection, BATCH).await?;
    let confirmations = confirmations::forget(connection, BATCH).await?;
    let buckets = memory::forget_empty(connection, BATCH).await?;
    let mut conversation_rows = remove(connection).await?;
    if let (Some(age), 0) = (retention, conversation_rows) {
        conversation_rows = hide(connection, age).await?;
    }
    let more = conversation_rows > 0 || [keys, confirmations, buckets].contains(&BATCH.unsigned_abs());
    Ok(Swept { turns, keys, conversation_rows, more })
}

/// Takes conversations from sight that are past their age; a turn that runs keeps its conversation.
async fn hide(connection: &mut Connection, age: Duration) -> Result<u64, sqlx::Error> {
    const HIDE: &str = concat!(
        "UPDATE conversations SET removed_at = ",
        now!(),
        " WHERE removed_at IS NULL AND number IN (SELECT number FROM conversations WHERE removed_at IS NULL \
         AND last_used_at < ",
        now!(),
        " - $1 AND NOT EXISTS (SELECT 1 FROM pending_turns WHERE conversation_id = conversations.id) \
         ORDER BY last_used_at LIMIT $2) RETURNING id, tenant, owner"
    );
    let query = sqlx::query(HIDE).bind(milliseconds(age)).bind(HIDDEN_AT_ONCE);
    let rows = query.fetch_all(&mut *connection).await?;
    for row in &rows {
        let id: Uuid = row.try_get(0)?;
        let owner = Owner { tenant: Tenant::new(row.try_get(1)?), user: User::from_key(row.try_get(2)?) };
        counts::add(connection, &owner, id, -1).await?;
    }
    Ok(rows.len() as u64)
}

/// Removes rows of conversations that are out of sight: the messages first, the conversation last.
async fn remove(connection: &mut Connection) -> Result<u64, sqlx::Error> {
    for statement in [
        "DELETE FROM messages WHERE (turn_id, position) IN (SELECT messages.turn_id, messages.position \
         FROM conversations JOIN turns ON turns.conversation_id = conversations.id \
         JOIN messages ON messages.turn_id = turns.id WHERE conversations.removed_at IS NOT NULL LIMIT $1)",
        "DELETE FROM turns WHERE id IN (SELECT turns.id FROM conversations \
         JOIN turns ON turns.conversation_id = conversations.id WHERE conversations.removed_at IS NOT NULL LIMIT $1)",
        "DELETE FROM idempotency_keys WHERE (tenant, owner, route, key) IN (SELECT keys.tenant, keys.owner, keys.route, \
         keys.key FROM conversations JOIN idempotency_keys AS keys ON keys.conversation_id = conversations.id \
         WHERE conversations.removed_at IS NOT NULL LIMIT $1)",
        "DELETE FROM conversations WHERE number IN (SELECT number FROM conversations \
         WHERE removed_at IS NOT NULL LIMIT $1)",
    ] {
        let removed = sqlx::query(statement).bind(BATCH).execute(&mut *connection).await?.rows_affected();
        if removed > 0 {
            return Ok(removed);
        }
    }
    Ok(0)
}
