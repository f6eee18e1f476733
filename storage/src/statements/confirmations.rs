//! Confirmations of writes that were asked for before: each is used once, and for just that write.

use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use sqlx::query::Query;
use uuid::Uuid;

use super::{Connection, Database, milliseconds};
use crate::identity::Owner;
use crate::ids::ConversationId;
use crate::memory::{ConfirmIn, Confirmation, ConfirmationRequest, MemoryWrite};

/// Which confirmation allows a write. Whatever does not fit leaves it as it is, so that nobody spends another's. One that
/// was asked for in a turn fits in another turn of the same conversation alone, and no other one fits in a turn.
macro_rules! fits {
    () => {
        concat!(
            " FROM memory_confirmations WHERE token = $1 AND tenant = $2 AND owner = $3 AND scope = $4 \
             AND bucket_owner = $5 AND key = $6 AND value_digest = $7 AND conversation_id IS NOT DISTINCT FROM $8 \
             AND (turn_id <> $9 OR (turn_id IS NULL AND $10 = 1)) AND expires_at >= ",
            now!()
        )
    };
}

/// Remembers that a write is to be confirmed.
pub(super) async fn ask(connection: &mut Connection, request: &ConfirmationRequest) -> Result<(), sqlx::Error> {
    const ASK: &str = concat!(
        "INSERT INTO memory_confirmations (token, tenant, owner, scope, bucket_owner, key, value_digest, \
         conversation_id, turn_id, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, ",
        now!(),
        " + $10)"
    );
    let (conversation, turn) = turn_of(request.asked_in);
    let query = sqlx::query(ASK).bind(request.token.as_slice());
    let query = query.bind(request.owner.tenant.name()).bind(request.owner.user.key());
    let query = query.bind(&*request.bucket.scope).bind(request.bucket.owner_key()).bind(&request.key);
    let query = query.bind(digest(&request.value)).bind(conversation).bind(turn);
    query.bind(milliseconds(request.lifetime)).execute(connection).await.map(drop)
}

/// Whether a write has the confirmation that it names, which stays as it is.
pub(super) async fn is_given(
    connection: &mut Connection,
    owner: &Owner,
    write: &MemoryWrite,
    confirmation: Confirmation,
) -> Result<bool, sqlx::Error> {
    const FIND: &str = concat!("SELECT COUNT(*)", fits!());
    let query = bind(sqlx::query(FIND), owner, write, confirmation);
    Ok(query.fetch_one(connection).await?.try_get::<i64, _>(0)? == 1)
}

/// Spends the confirmation of a write; false: it does not hold, or another one was faster.
pub(super) async fn spend(
    connection: &mut Connection,
    owner: &Owner,
    write: &MemoryWrite,
    confirmation: Confirmation,
) -> Result<bool, sqlx::Error> {
    const SPEND: &str = concat!("DELETE", fits!());
    let query = bind(sqlx::query(SPEND), owner, write, confirmation);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Ends the confirmations of a conversation that other turns than this one asked for.
pub(super) async fn expire(
    connection: &mut Connection,
    owner: &Owner,
    conversation: ConversationId,
    turn: Uuid,
) -> Result<(), sqlx::Error> {
    const EXPIRE: &str = "DELETE FROM memory_confirmations \
        WHERE conversation_id = $1 AND tenant = $2 AND owner = $3 AND turn_id <> $4";
    let query = sqlx::query(EXPIRE).bind(conversation.0).bind(owner.tenant.name()).bind(owner.user.key());
    query.bind(turn).execute(connection).await.map(drop)
}

/// Clears away those past their time, and returns how many.
pub(super) async fn forget(connection: &mut Connection, most: i64) -> Result<u64, sqlx::Error> {
    const FORGET: &str = concat!(
        "DELETE FROM memory_confirmations WHERE token IN \
         (SELECT token FROM memory_confirmations WHERE expires_at < ",
        now!(),
        " LIMIT $1)"
    );
    Ok(sqlx::query(FORGET).bind(most).execute(connection).await?.rows_affected())
}

fn bind<'q>(
    query: Query<'q, Database, <Database as sqlx::Database>::Arguments>,
    owner: &'q Owner,
    write: &'q MemoryWrite,
    confirmation: Confirmation,
) -> Query<'q, Database, <Database as sqlx::Database>::Arguments> {
    let (conversation, turn) = turn_of(confirmation.used_in);
    let query = query.bind(confirmation.token.to_vec()).bind(owner.tenant.name()).bind(owner.user.key());
    let query = query.bind(&*write.bucket.scope).bind(write.bucket.owner_key()).bind(&write.key);
    let query = query.bind(digest(&write.value)).bind(conversation).bind(turn);
    query.bind(i64::from(turn.is_none()))
}

/// The conversation and the turn to which a confirmation is bound.
fn turn_of(confirm: ConfirmIn) -> (Option<Uuid>, Option<Uuid>) {
    match confirm {
        ConfirmIn::AnyTurn => (None, None),
        ConfirmIn::LaterTurn { conversation, turn } => (conversation.map(|id| id.0), Some(turn)),
    }
}

fn digest(value: &str) -> Vec<u8> {
    Sha256::digest(value).to_vec()
}
