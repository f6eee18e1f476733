//! The life of a turn. Its row in `pending_turns` is the lease of its conversation.

use bytes::Bytes;
use sqlx::Row;
use uuid::Uuid;

use super::keys::{self, Claimed, Remains};
use super::{Connection, Context, count, counts, milliseconds};
use crate::identity::Owner;
use crate::ids::ConversationId;
use crate::records::{Begun, FinishedTurn, NewTurn, RunningTurn, Stored, TurnSize};

/// Begins a turn.
pub(super) async fn begin(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    new: &NewTurn,
) -> Result<Begun, sqlx::Error> {
    let remains = match &new.key {
        None => None,
        Some(key) => match keys::claim(connection, context, owner, key, new.turn).await? {
            Claimed::Refused(state) => return Ok(Begun::Key(state)),
            Claimed::Anew => None,
            Claimed::Over(remains) => Some(remains),
        },
    };
    let begun = begin_claimed(connection, context, owner, new, remains).await?;
    if let (Some(key), Begun::Busy | Begun::NotFound) = (&new.key, &begun) {
        match remains {
            // The next try has to find the turn that it supersedes.
            Some(remains) => keys::give_back(connection, owner, key, new.turn, remains).await?,
            None => keys::release(connection, owner, key, new.turn).await?,
        }
    }
    Ok(begun)
}

async fn begin_claimed(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    new: &NewTurn,
    remains: Option<Remains>,
) -> Result<Begun, sqlx::Error> {
    // What is asked again without a conversation goes on in the one that the first try began.
    let asked = new.conversation.map(|id| id.0);
    let known = match asked {
        Some(id) => Some(id),
        None => match remains.and_then(|remains| remains.conversation) {
            Some(id) if exists(connection, owner, id).await? => Some(id),
            _ => None,
        },
    };
    if let Some(id) = asked
        && !exists(connection, owner, id).await?
    {
        // Its first turn may still run.
        return Ok(if is_pending(connection, owner, id).await? { Begun::Busy } else { Begun::NotFound });
    }
    let id = known.unwrap_or_else(|| ConversationId::new_random().0);
    let Some(begun_at) = take_lease(connection, context, owner, id, new.turn).await? else { return Ok(Begun::Busy) };
    if let (Some(remains), Some(_)) = (remains, known) {
        remove_turn(connection, owner, id, remains.turn).await?;
    }
    // From here on nobody else changes the history.
    let mut turn = RunningTurn {
        turn: new.turn,
        conversation: ConversationId(id),
        is_first: true,
        byte_count: 0,
        message_count: 0,
        history: Vec::new(),
        passed_over: 0,
        begun_at,
        key: new.key.clone(),
    };
    if known.is_some() {
        read_history(connection, owner, &new.model, &mut turn).await?;
        if turn.is_first && new.conversation.is_some() && remains.is_none() {
            // It was deleted a moment ago.
            release_lease(connection, context, owner, id, new.turn).await?;
            return Ok(Begun::NotFound);
        }
    }
    Ok(Begun::Running(turn))
}

async fn exists(connection: &mut Connection, owner: &Owner, id: Uuid) -> Result<bool, sqlx::Error> {
    const EXISTS: &str =
        "SELECT number FROM conversations WHERE id = $1 AND tenant = $2 AND owner = $3 AND removed_at IS NULL";
    let query = sqlx::query(EXISTS).bind(id).bind(owner.tenant.name()).bind(owner.user.key());
    Ok(query.fetch_optional(connection).await?.is_some())
}

async fn is_pending(connection: &mut Connection, owner: &Owner, id: Uuid) -> Result<bool, sqlx::Error> {
    const PENDING: &str = concat!(
        "SELECT lease_expires_at FROM pending_turns WHERE conversation_id = $1 AND tenant = $2 AND owner = $3 \
         AND lease_expires_at >= ",
        now!()
    );
    let query = sqlx::query(PENDING).bind(id).bind(owner.tenant.name()).bind(owner.user.key());
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// Takes the lease of a conversation that nobody holds, and returns when that was.
async fn take_lease(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    id: Uuid,
    turn: Uuid,
) -> Result<Option<i64>, sqlx::Error> {
    const TAKE: &str = concat!(
        "INSERT INTO pending_turns (conversation_id, turn_id, tenant, owner, lease_owner, lease_expires_at) \
         VALUES ($1, $2, $3, $4, $5, ",
        now!(),
        " + $6) ON CONFLICT (conversation_id) DO UPDATE SET turn_id = excluded.turn_id, \
         lease_owner = excluded.lease_owner, lease_expires_at = excluded.lease_expires_at \
         WHERE pending_turns.tenant = excluded.tenant AND pending_turns.owner = excluded.owner \
         AND pending_turns.lease_expires_at < ",
        now!(),
        " RETURNING lease_expires_at"
    );
    let lease = milliseconds(context.lease);
    let query = sqlx::query(TAKE).bind(id).bind(turn).bind(owner.tenant.name()).bind(owner.user.key());
    let row = query.bind(context.process).bind(lease).fetch_optional(connection).await?;
    row.map(|row| row.try_get::<i64, _>(0).map(|expires_at| expires_at - lease)).transpose()
}

async fn release_lease(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    id: Uuid,
    turn: Uuid,
) -> Result<bool, sqlx::Error> {
    const RELEASE: &str = "DELETE FROM pending_turns \
        WHERE conversation_id = $1 AND turn_id = $2 AND lease_owner = $3 AND tenant = $4 AND owner = $5";
    let query = sqlx::query(RELEASE).bind(id).bind(turn).bind(context.process);
    let query = query.bind(owner.tenant.name()).bind(owner.user.key());
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

async fn read_history(
    connection: &mut Connection,
    owner: &Owner,
    model: &str,
    turn: &mut RunningTurn,
) -> Result<(), sqlx::Error> {
    const CONVERSATION: &str = "SELECT byte_count, prompt_start, prompt_model, message_count FROM conversations \
        WHERE id = $1 AND tenant = $2 AND owner = $3 AND removed_at IS NULL";
    const SIZES: &str = "SELECT first_sequence, byte_count, token_count, continues FROM turns \
        WHERE conversation_id = $1 AND tenant = $2 AND owner = $3 AND first_sequence >= $4 ORDER BY first_sequence";
    const BEFORE: &str = "SELECT COUNT(*) FROM turns \
        WHERE conversation_id = $1 AND tenant = $2 AND owner = $3 AND first_sequence < $4";
    let (id, tenant, user) = (turn.conversation.0, owner.tenant.name(), owner.user.key());
    let query = sqlx::query(CONVERSATION).bind(id).bind(tenant).bind(&user);
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(()) };
    turn.is_first = false;
    turn.byte_count = count(row.try_get(0)?);
    turn.message_count = count(row.try_get(3)?);
    let start: i64 = if row.try_get::<String, _>(2)? == model { row.try_get(1)? } else { 0 };
    let query = sqlx::query(SIZES).bind(id).bind(tenant).bind(&user).bind(start);
    for row in query.fetch_all(&mut *connection).await? {
        turn.history.push(TurnSize {
            first_sequence: count(row.try_get(0)?),
            bytes: count(row.try_get(1)?),
            tokens: count(row.try_get(2)?),
            continues: row.try_get::<i64, _>(3)? == 1,
        });
    }
    if start > 0 {
        let query = sqlx::query(BEFORE).bind(id).bind(tenant).bind(&user).bind(start);
        turn.passed_over = count(query.fetch_one(connection).await?.try_get(0)?);
    }
    Ok(())
}

/// Takes out a turn that is superseded, and closes the gap. A conversation without any other turn goes with it.
async fn remove_turn(
    connection: &mut Connection,
    owner: &Owner,
    conversation: Uuid,
    turn: Uuid,
) -> Result<(), sqlx::Error> {
    const REMOVE: &str = "DELETE FROM turns WHERE id = $1 AND conversation_id = $2 AND tenant = $3 AND owner = $4 \
        RETURNING first_sequence, message_count, byte_count";
    const CLOSE_GAP: &str = "UPDATE turns SET first_sequence = first_sequence - $3 \
        WHERE conversation_id = $1 AND first_sequence > $2";
    const SHRINK: &str = "UPDATE conversations SET message_count = message_count - $2, byte_count = byte_count - $3, \
        prompt_start = 0 WHERE id = $1 RETURNING message_count";
    let query = sqlx::query(REMOVE).bind(turn).bind(conversation).bind(owner.tenant.name()).bind(owner.user.key());
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(()) };
    let (first, messages, bytes): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    sqlx::query("DELETE FROM messages WHERE turn_id = $1").bind(turn).execute(&mut *connection).await?;
    sqlx::query(CLOSE_GAP).bind(conversation).bind(first).bind(messages).execute(&mut *connection).await?;
    let query = sqlx::query(SHRINK).bind(conversation).bind(messages).bind(bytes);
    if query.fetch_one(&mut *connection).await?.try_get::<i64, _>(0)? == 0 {
        sqlx::query("DELETE FROM conversations WHERE id = $1").bind(conversation).execute(&mut *connection).await?;
        counts::add(connection, owner, conversation, -1).await?;
    }
    Ok(())
}

/// Lengthens the claim of a turn's key, and the lease of the turn.
pub(super) async fn renew(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    turn: &RunningTurn,
) -> Result<bool, sqlx::Error> {
    const RENEW: &str = concat!(
        "UPDATE pending_turns SET lease_expires_at = ",
        now!(),
        " + $4 WHERE conversation_id = $1 AND turn_id = $2 AND lease_owner = $3 AND tenant = $5 AND owner = $6"
    );
    // In the order of a begin.
    if let Some(key) = &turn.key
        && !keys::renew(connection, context, owner, key, turn.turn).await?
    {
        return Ok(false);
    }
    let query = sqlx::query(RENEW).bind(turn.conversation.0).bind(turn.turn).bind(context.process);
    let query = query.bind(milliseconds(context.lease)).bind(owner.tenant.name()).bind(owner.user.key());
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Stores a turn that ended.
pub(super) async fn finish(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    turn: &RunningTurn,
    end: &FinishedTurn,
) -> Result<Stored, sqlx::Error> {
    let id = turn.conversation.0;
    // The key before the lease, as in a begin: those who come at once then wait, and do not block each other.
    let is_claimed = match &turn.key {
        Some(key) => keys::settle(connection, owner, key, turn.turn, Some(id), end.answer.as_ref()).await?,
        None => true,
    };
    let is_ours = release_lease(connection, context, owner, id, turn.turn).await?;
    if !is_claimed || (!is_ours && (turn.is_first || exists(connection, owner, id).await?)) {
        // Its request runs again elsewhere, or did, or another turn took its place.
        if let Some(key) = turn.key.as_ref().filter(|_| is_claimed) {
            keys::remove(connection, owner, key, turn.turn).await?;
        }
        return Ok(Stored::LeaseLost);
    }
    let bytes: usize = end.messages.iter().map(Bytes::len).sum();
    let added = Added { messages: length(end.messages.len()), bytes: length(bytes) };
    let first_sequence = if !is_ours {
        None
    } else if turn.is_first {
        insert_conversation(connection, owner, turn, end, added).await?;
        Some(0)
    } else {
        extend_conversation(connection, owner, id, end, added).await?
    };
    let Some(first_sequence) = first_sequence else {
        if let Some(key) = &turn.key {
            keys::remove(connection, owner, key, turn.turn).await?;
        }
        return Ok(Stored::ConversationGone);
    };
    insert_turn(connection, owner, turn, end, added, first_sequence).await?;
    Ok(Stored::Yes)
}

/// By how much a conversation grows.
#[derive(Clone, Copy)]
struct Added {
    messages: i64,
    bytes: i64,
}

fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

async fn insert_conversation(
    connection: &mut Connection,
    owner: &Owner,
    turn: &RunningTurn,
    end: &FinishedTurn,
    added: Added,
) -> Result<(), sqlx::Error> {
    const INSERT: &str = concat!(
        "INSERT INTO conversations (id, tenant, owner, model, message_count, byte_count, prompt_start, prompt_model, \
         created_at, last_used_at) VALUES ($1, $2, $3, $4, $5, $6, 0, $4, $7, ",
        now!(),
        ")"
    );
    let id = turn.conversation.0;
    let query = sqlx::query(INSERT).bind(id).bind(owner.tenant.name()).bind(owner.user.key()).bind(&end.model);
    let query = query.bind(added.messages).bind(added.bytes).bind(turn.begun_at);
    query.execute(&mut *connection).await?;
    counts::add(connection, owner, id, 1).await
}

/// Returns the sequence number of the turn's first message; none when the conversation is gone.
async fn extend_conversation(
    connection: &mut Connection,
    owner: &Owner,
    id: Uuid,
    end: &FinishedTurn,
    added: Added,
) -> Result<Option<i64>, sqlx::Error> {
    const EXTEND: &str = concat!(
        "UPDATE conversations SET model = $4, message_count = message_count + $5, byte_count = byte_count + $6, \
         prompt_start = $7, prompt_model = $4, last_used_at = ",
        now!(),
        " WHERE id = $1 AND tenant = $2 AND owner = $3 AND removed_at IS NULL RETURNING message_count"
    );
    let query = sqlx::query(EXTEND).bind(id).bind(owner.tenant.name()).bind(owner.user.key()).bind(&end.model);
    let query = query.bind(added.messages).bind(added.bytes).bind(i64::from(end.prompt_start));
    let row = query.fetch_optional(connection).await?;
    row.map(|row| row.try_get::<i64, _>(0).map(|count| count - added.messages)).transpose()
}

async fn insert_turn(
    connection: &mut Connection,
    owner: &Owner,
    turn: &RunningTurn,
    end: &FinishedTurn,
    added: Added,
    first_sequence: i64,
) -> Result<(), sqlx::Error> {
    const INSERT: &str = "INSERT INTO turns (id, conversation_id, tenant, owner, first_sequence, message_count, \
        byte_count, token_count, complete, continues, model, created_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let query = sqlx::query(INSERT).bind(turn.turn).bind(turn.conversation.0);
    let query = query.bind(owner.tenant.name()).bind(owner.user.key()).bind(first_sequence);
    let query = query.bind(added.messages).bind(added.bytes).bind(i64::try_from(end.tokens).unwrap_or(i64::MAX));
    let query = query.bind(i64::from(end.complete)).bind(i64::from(end.continues)).bind(&end.model);
    query.bind(turn.begun_at).execute(&mut *connection).await?;
    for (position, body) in end.messages.iter().enumerate() {
        let query = sqlx::query("INSERT INTO messages (turn_id, position, body) VALUES ($1, $2, $3)");
        query.bind(turn.turn).bind(length(position)).bind(body.as_ref()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Gives up a turn.
pub(super) async fn abandon(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    turn: &RunningTurn,
) -> Result<(), sqlx::Error> {
    if let Some(key) = &turn.key {
        keys::release(connection, owner, key, turn.turn).await?;
    }
    release_lease(connection, context, owner, turn.conversation.0, turn.turn).await.map(drop)
}
