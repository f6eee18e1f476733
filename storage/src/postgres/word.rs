//! The word by which all processes are told of a change.

use sqlx::PgConnection;

use crate::identity::{Tenant, User};
use crate::prompts::Change;

pub(super) const CHANNEL: &str = "chat_gateway_stacks";
/// The server takes less than this in one word.
const LONGEST_WORD: usize = 8000;

/// Tells all processes of a change once the transaction is committed.
pub(super) async fn tell(
    connection: &mut PgConnection,
    shard: i64,
    counter: i64,
    change: &Change,
) -> Result<(), sqlx::Error> {
    let mut word = write(shard, counter, change);
    if word.len() >= LONGEST_WORD {
        word = write(shard, counter, &Change { scope: None, user: None, ..change.clone() });
    }
    if word.len() >= LONGEST_WORD {
        // That there was a change shows in the counter.
        return Ok(());
    }
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(word).execute(connection).await.map(drop)
}

/// A change as it is told: the lengths of the names before the names, which may hold anything.
fn write(shard: i64, counter: i64, change: &Change) -> String {
    let length = |name: Option<&str>| name.map_or("-".to_owned(), |name| name.len().to_string());
    let (tenant, scope) = (change.tenant.name(), change.scope.as_deref());
    let user = change.user.as_ref().map(User::key);
    let (scope_length, user_length) = (length(scope), length(user.as_deref()));
    let names = [tenant, scope.unwrap_or_default(), user.as_deref().unwrap_or_default()].concat();
    format!("{shard} {counter} {} {scope_length} {user_length}:{names}", tenant.len())
}

/// What [`write`] wrote: shard, counter and change.
pub(super) fn read(word: &str) -> Option<(i64, i64, Change)> {
    let (head, mut names) = word.split_once(':')?;
    let mut fields = head.split(' ');
    let (shard, counter) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let mut name = || -> Option<Option<&str>> {
        let length = fields.next()?;
        if length == "-" {
            return Some(None);
        }
        let (name, rest) = names.split_at_checked(length.parse().ok()?)?;
        names = rest;
        Some(Some(name))
    };
    let (tenant, scope, user) = (Tenant::new(name()??), name()?, name()?);
    let change = Change { tenant, scope: scope.map(Into::into), user: user.map(User::from_key) };
    (fields.next().is_none() && names.is_empty()).then_some((shard, counter, change))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(tenant: &str, scope: Option<&str>, user: Option<User>) -> Change {
        Change { tenant: Tenant::new(tenant), scope: scope.map(Into::into), user }
    }

    #[test]
    fn a_word_says_what_was_written() {
        for change in [
            change("acme", None, None),
            change("acme", Some("default"), None),
            change("", Some(""), Some(User::EndUser("".into()))),
            change("a:b 1", Some("- \u{1F469}:"), Some(User::Token("e\u{301}".into()))),
        ] {
            assert_eq!(read(&write(15, 1 << 40, &change)), Some((15, 1 << 40, change)));
        }
        let word = write(1, 2, &change("acme", Some("é"), None));
        assert_eq!(word, "1 2 4 2 -:acmeé");
        for bad in
            ["", ":", "1 2 4 2:acmeé", "1 2 4 1 -:acmeé", "1 2 4 9 -:acmeé", "1 2 - - -:", "1 2 4 2 - 3:acmeé", "x"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
