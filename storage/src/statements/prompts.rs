//! System prompts. The row of a place, which says what is current, is changed first: so all that changes a place runs one
//! after the other, and a number is given once.

use sqlx::Row as _;

use super::keyed::Mutation;
use super::{Connection, Context, Row, changes, count};
use crate::identity::Owner;
use crate::memory::KeyedAnswer;
use crate::prompts::{Change, NewPrompt, PromptChanged, PromptLevel, PromptPlace, PromptRecord};
use crate::records::{KeyClaim, Listed};

/// What [`record`] reads besides the content.
macro_rules! columns {
    () => {
        "versions.version, CAST(CASE WHEN versions.version = heads.current_version THEN 1 ELSE 0 END AS BIGINT), \
         versions.byte_count, versions.note, versions.author_token, versions.author_user, versions.created_at"
    };
}
/// The versions, each with what stands over them.
macro_rules! versions {
    () => {
        " FROM prompt_heads AS heads JOIN prompt_versions AS versions ON versions.tenant = heads.tenant \
         AND versions.level = heads.level AND versions.owner = heads.owner"
    };
}
macro_rules! of_place {
    () => {
        " WHERE heads.tenant = $1 AND heads.level = $2 AND heads.owner = $3"
    };
}
pub(super) const LIST: &str =
    concat!("SELECT ", columns!(), versions!(), of_place!(), " ORDER BY versions.version DESC LIMIT $4 OFFSET $5");
macro_rules! current_of {
    ($level:literal, $owner:literal) => {
        concat!(
            "SELECT ",
            columns!(),
            ", versions.content, heads.level",
            versions!(),
            " AND versions.version = heads.current_version WHERE heads.tenant = $1 AND heads.level = '",
            $level,
            "' AND heads.owner = ",
            $owner
        )
    };
}
/// The current versions of a tenant, of a scope and of a user.
pub(super) const OF_CHAT: &str = concat!(
    current_of!("tenant", "''"),
    " UNION ALL ",
    current_of!("scope", "$2"),
    " UNION ALL ",
    current_of!("user", "$3")
);

fn record(row: &Row) -> Result<PromptRecord, sqlx::Error> {
    Ok(PromptRecord {
        version: count(row.try_get(0)?),
        is_current: row.try_get::<i64, _>(1)? == 1,
        content: None,
        content_bytes: count(row.try_get(2)?),
        note: row.try_get(3)?,
        author_token: row.try_get(4)?,
        author_user: row.try_get(5)?,
        created_at: row.try_get(6)?,
    })
}

/// A version with its content, which stands after the columns.
pub(super) fn record_with_content(row: &Row) -> Result<PromptRecord, sqlx::Error> {
    Ok(PromptRecord { content: Some(row.try_get(7)?), ..record(row)? })
}

/// Stores a new version and makes it current.
pub(super) async fn put(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    place: &PromptPlace,
    new: &NewPrompt,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<PromptRecord>,
) -> Result<PromptChanged<PromptRecord>, sqlx::Error> {
    const NEXT: &str = concat!(
        "INSERT INTO prompt_heads (tenant, level, owner, last_version, current_version, version_count) \
         VALUES ($1, $2, $3, 1, 1, 1) ON CONFLICT (tenant, level, owner) DO UPDATE SET \
         last_version = prompt_heads.last_version + 1, current_version = prompt_heads.last_version + 1, \
         version_count = prompt_heads.version_count + 1 RETURNING last_version, ",
        now!()
    );
    const PUT: &str = "INSERT INTO prompt_versions (tenant, level, owner, version, content, byte_count, note, \
        author_token, author_user, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(PromptChanged::Key(state)),
    };
    let (tenant, level, level_owner) = (place.tenant.name(), place.level_name(), place.owner_key());
    let query = sqlx::query(NEXT).bind(tenant).bind(level).bind(&level_owner);
    let row = query.fetch_one(&mut *connection).await?;
    let (version, created_at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let bytes = i64::try_from(new.content.len()).unwrap_or(i64::MAX);
    let query = sqlx::query(PUT).bind(tenant).bind(level).bind(&level_owner).bind(version).bind(&new.content);
    let query = query.bind(bytes).bind(new.note.as_deref()).bind(&new.author_token).bind(new.author_user.as_deref());
    query.bind(created_at).execute(&mut *connection).await?;
    let record = PromptRecord {
        version: count(version),
        is_current: true,
        content: Some(new.content.clone()),
        content_bytes: count(bytes),
        note: new.note.clone(),
        author_token: new.author_token.clone(),
        author_user: new.author_user.clone(),
        created_at,
    };
    changes::note(connection, &[change_of(place)]).await?;
    mutation.done(connection, || answer(&record)).await?;
    Ok(PromptChanged::Done(record))
}

/// The current version.
pub(super) async fn current(
    connection: &mut Connection,
    place: &PromptPlace,
) -> Result<Option<PromptRecord>, sqlx::Error> {
    const CURRENT: &str = concat!(
        "SELECT ",
        columns!(),
        ", versions.content",
        versions!(),
        " AND versions.version = heads.current_version",
        of_place!()
    );
    let query = sqlx::query(CURRENT).bind(place.tenant.name()).bind(place.level_name()).bind(place.owner_key());
    query.fetch_optional(connection).await?.as_ref().map(record_with_content).transpose()
}

/// One version.
pub(super) async fn get(
    connection: &mut Connection,
    place: &PromptPlace,
    version: u32,
) -> Result<Option<PromptRecord>, sqlx::Error> {
    const GET: &str =
        concat!("SELECT ", columns!(), ", versions.content", versions!(), " AND versions.version = $4", of_place!());
    let query = sqlx::query(GET).bind(place.tenant.name()).bind(place.level_name()).bind(place.owner_key());
    let row = query.bind(i64::from(version)).fetch_optional(connection).await?;
    row.as_ref().map(record_with_content).transpose()
}

/// A page of versions, newest first.
pub(super) async fn list(
    connection: &mut Connection,
    place: &PromptPlace,
    limit: u32,
    offset: u32,
) -> Result<Listed<PromptRecord>, sqlx::Error> {
    const TOTAL: &str = "SELECT version_count FROM prompt_heads WHERE tenant = $1 AND level = $2 AND owner = $3";
    let (tenant, level, level_owner) = (place.tenant.name(), place.level_name(), place.owner_key());
    let query = sqlx::query(LIST).bind(tenant).bind(level).bind(&level_owner);
    let rows = query.bind(i64::from(limit)).bind(i64::from(offset)).fetch_all(&mut *connection).await?;
    let query = sqlx::query(TOTAL).bind(tenant).bind(level).bind(&level_owner);
    let total = query.fetch_optional(connection).await?.map_or(Ok(0), |row| row.try_get(0))?;
    Ok(Listed { items: rows.iter().map(record).collect::<Result<_, _>>()?, total: count(total) })
}

/// Makes no version current: whether one was.
pub(super) async fn unset(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    place: &PromptPlace,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<bool>,
) -> Result<PromptChanged<bool>, sqlx::Error> {
    const UNSET: &str = "UPDATE prompt_heads SET current_version = NULL \
        WHERE tenant = $1 AND level = $2 AND owner = $3 AND current_version IS NOT NULL";
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(PromptChanged::Key(state)),
    };
    let query = sqlx::query(UNSET).bind(place.tenant.name()).bind(place.level_name()).bind(place.owner_key());
    let was_current = query.execute(&mut *connection).await?.rows_affected() == 1;
    if was_current {
        changes::note(connection, &[change_of(place)]).await?;
    }
    mutation.done(connection, || answer(&was_current)).await?;
    Ok(PromptChanged::Done(was_current))
}

/// Makes a version current.
pub(super) async fn set_current(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    place: &PromptPlace,
    version: u32,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<PromptRecord>,
) -> Result<PromptChanged<PromptRecord>, sqlx::Error> {
    const SET: &str = "UPDATE prompt_heads SET current_version = $4 WHERE tenant = $1 AND level = $2 AND owner = $3";
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(PromptChanged::Key(state)),
    };
    lock(connection, place).await?;
    let Some(record) = get(connection, place, version).await? else {
        mutation.refused(connection).await?;
        return Ok(PromptChanged::NotFound);
    };
    let query = sqlx::query(SET).bind(place.tenant.name()).bind(place.level_name()).bind(place.owner_key());
    query.bind(i64::from(version)).execute(&mut *connection).await?;
    changes::note(connection, &[change_of(place)]).await?;
    let record = PromptRecord { is_current: true, ..record };
    mutation.done(connection, || answer(&record)).await?;
    Ok(PromptChanged::Done(record))
}

/// Deletes a version, unless it is the current one.
pub(super) async fn delete(
    connection: &mut Connection,
    context: Context,
    owner: &Owner,
    place: &PromptPlace,
    version: u32,
    claim: Option<&KeyClaim>,
    answer: &KeyedAnswer<()>,
) -> Result<PromptChanged<()>, sqlx::Error> {
    let mutation = match Mutation::begin(connection, context, owner, claim).await? {
        Ok(mutation) => mutation,
        Err(state) => return Ok(PromptChanged::Key(state)),
    };
    let changed = delete_claimed(connection, place, version).await?;
    match changed {
        PromptChanged::Done(()) => mutation.done(connection, || answer(&())).await?,
        PromptChanged::NotFound | PromptChanged::IsCurrent | PromptChanged::Key(_) => {
            mutation.refused(connection).await?;
        }
    }
    Ok(changed)
}

async fn delete_claimed(
    connection: &mut Connection,
    place: &PromptPlace,
    version: u32,
) -> Result<PromptChanged<()>, sqlx::Error> {
    const DELETE: &str = "DELETE FROM prompt_versions WHERE tenant = $1 AND level = $2 AND owner = $3 AND version = $4";
    const COUNT: &str = "UPDATE prompt_heads SET version_count = version_count - 1 \
        WHERE tenant = $1 AND level = $2 AND owner = $3";
    let version = i64::from(version);
    if lock(connection, place).await? == Some(version) {
        return Ok(PromptChanged::IsCurrent);
    }
    let (tenant, level, level_owner) = (place.tenant.name(), place.level_name(), place.owner_key());
    let query = sqlx::query(DELETE).bind(tenant).bind(level).bind(&level_owner).bind(version);
    if query.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(PromptChanged::NotFound);
    }
    let query = sqlx::query(COUNT).bind(tenant).bind(level).bind(&level_owner);
    query.execute(&mut *connection).await?;
    // No chat gets what is not current.
    Ok(PromptChanged::Done(()))
}

/// Locks a place, and returns the number of its current version.
async fn lock(connection: &mut Connection, place: &PromptPlace) -> Result<Option<i64>, sqlx::Error> {
    const LOCK: &str = "UPDATE prompt_heads SET last_version = last_version \
        WHERE tenant = $1 AND level = $2 AND owner = $3 RETURNING current_version";
    let query = sqlx::query(LOCK).bind(place.tenant.name()).bind(place.level_name()).bind(place.owner_key());
    let row = query.fetch_optional(connection).await?;
    row.map_or(Ok(None), |row| row.try_get(0))
}

/// Which chats see a change of a place.
fn change_of(place: &PromptPlace) -> Change {
    let (scope, user) = match &place.level {
        PromptLevel::Tenant => (None, None),
        PromptLevel::Scope(scope) => (Some(scope.clone()), None),
        PromptLevel::User(user) => (None, Some(user.clone())),
    };
    Change { tenant: place.tenant.clone(), scope, user }
}
