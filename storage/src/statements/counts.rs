//! How many conversations there are.

use sqlx::Row;
use uuid::Uuid;

use super::{Connection, count};
use crate::identity::{Owner, Reader};

/// Over how many rows the count of a tenant is spread.
const SHARDS: i64 = 16;

const ADD: &str = "INSERT INTO conversation_counts (tenant, owner, shard, total) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (tenant, owner, shard) DO UPDATE SET total = conversation_counts.total + excluded.total";

/// Counts a conversation that came, or one that went.
pub(super) async fn add(
    connection: &mut Connection,
    owner: &Owner,
    conversation: Uuid,
    change: i64,
) -> Result<(), sqlx::Error> {
    let shard = i64::from(conversation.as_bytes()[15]) % SHARDS;
    let tenant = owner.tenant.name();
    let query = sqlx::query(ADD).bind(tenant).bind(owner.user.key()).bind(0_i64).bind(change);
    query.execute(&mut *connection).await?;
    sqlx::query(ADD).bind(tenant).bind("").bind(shard).bind(change).execute(connection).await.map(drop)
}

/// How many conversations a reader sees.
pub(super) async fn total(connection: &mut Connection, reader: &Reader) -> Result<u64, sqlx::Error> {
    const TOTAL: &str =
        "SELECT CAST(COALESCE(SUM(total), 0) AS BIGINT) FROM conversation_counts WHERE tenant = $1 AND owner = $2";
    let query = sqlx::query(TOTAL).bind(reader.tenant()).bind(reader.owner_key());
    Ok(count(query.fetch_one(connection).await?.try_get(0)?))
}
