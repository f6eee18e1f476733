//! Idempotency keys.

use bytes::Bytes;
use sqlx::Row;
use uuid::Uuid;

use super::{Connection, Context, milliseconds};
use crate::identity::Owner;
use crate::records::{KeyClaim, KeyState, KeyedRun, Stored};
use crate::store::KEY_LIFETIME;

const RUNS: i64 = 0;
const ANSWERED: i64 = 1;
const CUT: i64 = 2;

/// How often a claim is tried that others come in between.
const TRIES: u32 = 3;

/// What stands under a key.
enum Found {
    Nothing,
    /// A run past the time that keys are kept.
    Old(Uuid),
    Standing(KeyState),
    /// What is left of a run that came to nothing, or to half an answer.
    Remains(Remains),
}

/// What is left of an earlier run under the same key.
#[derive(Clone, Copy)]
pub(super) struct Remains {
    pub(super) turn: Uuid,
    pub(super) conversation: Option<Uuid>,
    state: i64,
}

/// What came of a claim.
pub(super) enum Claimed {
    Refused(KeyState),
    /// Nobody had it.
    Anew,
    /// An earlier run is superseded.
    Over(Remains),
}

async fn find(connection: &mut Connection, owner: &Owner, claim: &KeyClaim) -> Result<Found, sqlx::Error> {
    const FIND: &str = concat!(
        "SELECT fingerprint, state, turn_id, conversation_id, answer, \
         CAST(CASE WHEN lease_expires_at < ",
        now!(),
        " THEN 1 ELSE 0 END AS BIGINT), CAST(CASE WHEN created_at < ",
        now!(),
        " - $5 THEN 1 ELSE 0 END AS BIGINT) \
         FROM idempotency_keys WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4"
    );
    let query = sqlx::query(FIND).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route).bind(&claim.key);
    let query = query.bind(milliseconds(KEY_LIFETIME));
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(Found::Nothing) };
    let state: i64 = row.try_get(1)?;
    let (is_dead, is_old): (i64, i64) = (row.try_get(5)?, row.try_get(6)?);
    if is_old == 1 {
        return row.try_get(2).map(Found::Old);
    }
    if row.try_get::<Vec<u8>, _>(0)? != claim.fingerprint {
        return Ok(Found::Standing(KeyState::OtherRequest));
    }
    if state == ANSWERED {
        let answer: Option<Vec<u8>> = row.try_get(4)?;
        return Ok(Found::Standing(KeyState::Answered(answer.unwrap_or_default().into())));
    }
    if state == RUNS && is_dead == 0 {
        return Ok(Found::Standing(KeyState::Running));
    }
    Ok(Found::Remains(Remains { turn: row.try_get(2)?, conversation: row.try_get(3)?, state }))
}

/// What stands under a key, for a reader.
pub(super) async fn look_up(
    connection: &mut Connection,
    owner: &Owner,
    claim: &KeyClaim,
) -> Result<KeyState, sqlx::Error> {
    match find(connection, owner, claim).await? {
        Found::Standing(state) => Ok(state),
        Found::Nothing | Found::Old(_) | Found::Remains(_) => Ok(KeyState::Free),
    }
}

/// Claims a key for a run.
pub(super) async fn claim(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
) -> Result<Claimed, sqlx::Error> {
    for _ in 0..TRIES {
        match find(connection, owner, claim).await? {
            Found::Standing(state) => return Ok(Claimed::Refused(state)),
            Found::Old(run) => remove(connection, owner, claim, run).await?,
            Found::Nothing => {
                if insert(connection, context, owner, claim, run).await? {
                    return Ok(Claimed::Anew);
                }
            }
            Found::Remains(remains) => {
                if take_over(connection, context, owner, claim, run, remains).await? {
                    return Ok(Claimed::Over(remains));
                }
            }
        }
    }
    Ok(Claimed::Refused(KeyState::Running))
}

async fn insert(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
) -> Result<bool, sqlx::Error> {
    const INSERT: &str = concat!(
        "INSERT INTO idempotency_keys (tenant, owner, route, key, fingerprint, state, turn_id, lease_owner, \
         lease_expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, ",
        now!(),
        " + $9, ",
        now!(),
        ") ON CONFLICT DO NOTHING"
    );
    let query = sqlx::query(INSERT).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    let query = query.bind(&claim.key).bind(claim.fingerprint.as_slice()).bind(RUNS).bind(run);
    let query = query.bind(context.process).bind(milliseconds(context.lease));
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

async fn take_over(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
    remains: Remains,
) -> Result<bool, sqlx::Error> {
    const TAKE_OVER: &str = concat!(
        "UPDATE idempotency_keys SET state = $5, turn_id = $6, conversation_id = NULL, answer = NULL, \
         lease_owner = $7, lease_expires_at = ",
        now!(),
        " + $8 WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4 AND turn_id = $9 AND state = $10"
    );
    let query = sqlx::query(TAKE_OVER).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    let query = query.bind(&claim.key).bind(RUNS).bind(run).bind(context.process).bind(milliseconds(context.lease));
    let query = query.bind(remains.turn).bind(remains.state);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Lengthens a claim.
pub(super) async fn renew(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
) -> Result<bool, sqlx::Error> {
    const RENEW: &str = concat!(
        "UPDATE idempotency_keys SET lease_expires_at = ",
        now!(),
        " + $6 WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4 AND turn_id = $5 AND state = 0"
    );
    let query = sqlx::query(RENEW).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    let query = query.bind(&claim.key).bind(run).bind(milliseconds(context.lease));
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Stores what came of a run; without an answer it was cut. False: the claim was lost.
pub(super) async fn settle(
    connection: &mut Connection,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
    conversation: Option<Uuid>,
    answer: Option<&Bytes>,
) -> Result<bool, sqlx::Error> {
    const SETTLE: &str = "UPDATE idempotency_keys SET state = $6, conversation_id = $7, answer = $8 \
        WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4 AND turn_id = $5 AND state = 0";
    let query = sqlx::query(SETTLE).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    let query = query.bind(&claim.key).bind(run).bind(if answer.is_some() { ANSWERED } else { CUT });
    let query = query.bind(conversation).bind(answer.map(|answer| answer.as_ref()));
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Gives up a claim. What was answered under it stays: whoever gives up may not have heard of the commit.
pub(super) async fn release(
    connection: &mut Connection,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
) -> Result<(), sqlx::Error> {
    const RELEASE: &str = "DELETE FROM idempotency_keys \
        WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4 AND turn_id = $5 AND state = 0";
    let query = sqlx::query(RELEASE).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    query.bind(&claim.key).bind(run).execute(connection).await.map(drop)
}

/// Takes away what stands under a key, whatever it is.
pub(super) async fn remove(
    connection: &mut Connection,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
) -> Result<(), sqlx::Error> {
    const REMOVE: &str = "DELETE FROM idempotency_keys \
        WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4 AND turn_id = $5";
    let query = sqlx::query(REMOVE).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    query.bind(&claim.key).bind(run).execute(connection).await.map(drop)
}

/// Gives up a claim that superseded nothing yet, and leaves the key as it was found.
pub(super) async fn give_back(
    connection: &mut Connection,
    owner: &Owner,
    claim: &KeyClaim,
    run: Uuid,
    remains: Remains,
) -> Result<(), sqlx::Error> {
    const GIVE_BACK: &str = "UPDATE idempotency_keys SET state = $6, turn_id = $7, conversation_id = $8, \
        lease_expires_at = 0 WHERE tenant = $1 AND owner = $2 AND route = $3 AND key = $4 AND turn_id = $5";
    let query = sqlx::query(GIVE_BACK).bind(owner.tenant.name()).bind(owner.user.key()).bind(claim.route);
    let query = query.bind(&claim.key).bind(run).bind(remains.state).bind(remains.turn).bind(remains.conversation);
    query.execute(connection).await.map(drop)
}

/// Claims a key for a chat that keeps no history.
pub(super) async fn begin(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    run: &KeyedRun,
) -> Result<KeyState, sqlx::Error> {
    match claim(connection, context, owner, &run.key, run.run).await? {
        Claimed::Refused(state) => Ok(state),
        Claimed::Anew | Claimed::Over(_) => Ok(KeyState::Free),
    }
}

/// Stores the answer to a chat that keeps no history.
pub(super) async fn finish(
    connection: &mut Connection,
    owner: &Owner,
    run: &KeyedRun,
    answer: &Bytes,
) -> Result<Stored, sqlx::Error> {
    let is_stored = settle(connection, owner, &run.key, run.run, None, Some(answer)).await?;
    Ok(if is_stored { Stored::Yes } else { Stored::LeaseLost })
}
