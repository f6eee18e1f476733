//! All that a chat gets besides its own messages, in as few statements as there are kinds of it: a chat waits for them.

use sqlx::Row as _;

use super::{Connection, memory, prompts};
use crate::identity::Owner;
use crate::prompts::PromptStack;

/// What a chat of this user in this scope gets.
pub(super) async fn read(
    connection: &mut Connection,
    owner: &Owner,
    scope: Option<&str>,
) -> Result<PromptStack, sqlx::Error> {
    let (tenant, user) = (owner.tenant.name(), owner.user.key());
    let mut stack = PromptStack::default();
    let query = sqlx::query(prompts::OF_CHAT).bind(tenant).bind(scope).bind(&user);
    for row in query.fetch_all(&mut *connection).await? {
        let record = Some(prompts::record_with_content(&row)?);
        match row.try_get(8)? {
            "tenant" => stack.tenant = record,
            "scope" => stack.scope = record,
            _ => stack.user = record,
        }
    }
    let Some(scope) = scope else { return Ok(stack) };
    let query = sqlx::query(memory::OF_CHAT).bind(tenant).bind(scope).bind(&user);
    for row in query.fetch_all(connection).await? {
        let record = memory::record(&row)?;
        if record.user.is_none() { stack.public.push(record) } else { stack.private.push(record) }
    }
    Ok(stack)
}
