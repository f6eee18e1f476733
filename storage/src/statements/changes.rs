//! That something changed of what chats are given, counted in the transaction that changes it and told to who listens.

use sqlx::Row as _;
use uuid::Uuid;

use super::{Connection, tell};
use crate::prompts::Change;

/// Over how many rows a count is spread whose writers are not to wait for each other.
const SHARDS: i64 = 16;

/// Counts changes, and tells of each once it is committed. The last that a transaction does besides its key: others wait
/// for its shard from here on.
pub(super) async fn note(connection: &mut Connection, changes: &[Change]) -> Result<(), sqlx::Error> {
    const COUNT: &str = "INSERT INTO stack_changes (shard, counter) VALUES ($1, 1) \
        ON CONFLICT (shard) DO UPDATE SET counter = stack_changes.counter + 1 RETURNING counter";
    let shard = random_shard();
    for change in changes {
        let row = sqlx::query(COUNT).bind(shard).fetch_one(&mut *connection).await?;
        tell(connection, shard, row.try_get(0)?, change).await?;
    }
    Ok(())
}

/// Any of the shards over which a count is spread.
pub(super) fn random_shard() -> i64 {
    i64::from(Uuid::new_v4().as_bytes()[0]) % SHARDS
}
