//! Hears what other processes change. Each change is told by NOTIFY as it is committed, and counted in the same
//! transaction. The counters are compared every second, so that a word that was lost, or never said, is noticed.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{PgConnection, Row as _};
use tokio::sync::broadcast::{Sender, WeakSender};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};

use super::CONNECTION_PATIENCE;
use crate::availability::with_causes;
use crate::identity::{Tenant, User};
use crate::prompts::{Change, Heard};

const CHANNEL: &str = "chat_gateway_stacks";
/// How its session is called beside those that serve.
const SESSION: &str = "chat-gateway changes";
/// The server takes less than this in one word.
const LONGEST_WORD: usize = 8000;
/// How often the counters are compared.
const COMPARED_EVERY: Duration = Duration::from_secs(1);
/// How long a word may take to arrive after its commit is seen.
const WORD_PATIENCE: Duration = Duration::from_millis(100);
/// How long the counters may take to be read before the connection is given up.
const READ_PATIENCE: Duration = Duration::from_secs(2);
/// How soon a connection that was lost is tried again.
const RETRY: Duration = Duration::from_millis(250);

/// Tells all processes of a change once the transaction is committed.
pub(super) async fn tell(
    connection: &mut PgConnection,
    shard: i64,
    counter: i64,
    change: &Change,
) -> Result<(), sqlx::Error> {
    let mut word = write_word(shard, counter, change);
    if word.len() >= LONGEST_WORD {
        word = write_word(shard, counter, &Change { scope: None, user: None, ..change.clone() });
    }
    if word.len() >= LONGEST_WORD {
        // That there was a change shows in the counter.
        return Ok(());
    }
    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(word).execute(connection).await.map(drop)
}

/// A change as it is told: the lengths of the names before the names, which may hold anything.
fn write_word(shard: i64, counter: i64, change: &Change) -> String {
    let length = |name: Option<&str>| name.map_or("-".to_owned(), |name| name.len().to_string());
    let (tenant, scope) = (change.tenant.name(), change.scope.as_deref());
    let user = change.user.as_ref().map(User::key);
    let (scope_length, user_length) = (length(scope), length(user.as_deref()));
    let names = [tenant, scope.unwrap_or_default(), user.as_deref().unwrap_or_default()].concat();
    format!("{shard} {counter} {} {scope_length} {user_length}:{names}", tenant.len())
}

/// Reads what [`write_word`] wrote: shard, counter and change.
fn read_word(word: &str) -> Option<(i64, i64, Change)> {
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

/// Listens for as long as the store is there, and connects again whenever it has to.
pub(super) fn listen(heard: &Sender<Heard>, options: PgConnectOptions) {
    let (heard, options) = (heard.downgrade(), options.application_name(SESSION));
    tokio::spawn(async move {
        let mut last_reason = String::new();
        while heard.strong_count() > 0 {
            let lost = match Listener::connect(&options).await {
                Ok(listener) => {
                    last_reason.clear();
                    listener.listen(&heard).await
                }
                Err(error) => Err(error),
            };
            let Err(error) = lost else { return };
            let reason = with_causes(&error);
            if reason != last_reason {
                tracing::warn!(cause = reason, "changes of other processes are not heard; it is tried again");
                last_reason = reason;
            }
            sleep(RETRY).await;
        }
    });
}

/// A connection that listens.
struct Listener {
    connection: PgListener,
    /// Up to which change of each shard all was heard.
    known: HashMap<i64, i64>,
}

impl Listener {
    async fn connect(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECTION_PATIENCE);
        // A connection that is lost is told, since nothing was heard meanwhile.
        let pool = pool.max_lifetime(None).idle_timeout(None).connect_lazy_with(options.clone());
        let mut connection = PgListener::connect_with(&pool).await?;
        connection.eager_reconnect(false);
        connection.listen(CHANNEL).await?;
        let mut listener = Self { connection, known: HashMap::new() };
        listener.known = listener.counters().await?;
        Ok(listener)
    }

    /// Passes on what it hears until the connection is lost; well, once nobody is left to tell.
    async fn listen(mut self, heard: &WeakSender<Heard>) -> Result<(), sqlx::Error> {
        let mut compared = interval(COMPARED_EVERY);
        compared.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pass_on(heard, Heard::Anything);
        while heard.strong_count() > 0 {
            tokio::select! {
                word = self.next_word() => self.hear(heard, &word?),
                _ = compared.tick() => self.compare(heard).await?,
            }
        }
        Ok(())
    }

    async fn next_word(&mut self) -> Result<String, sqlx::Error> {
        match self.connection.try_recv().await? {
            Some(notification) => Ok(notification.payload().to_owned()),
            None => Err(sqlx::Error::Io(io::ErrorKind::ConnectionAborted.into())),
        }
    }

    /// Passes on a word. One that is not the next of its shard shows that another was missed: whoever changes a counter
    /// keeps the others of its shard waiting until the commit.
    fn hear(&mut self, heard: &WeakSender<Heard>, word: &str) {
        let Some((shard, counter, change)) = read_word(word) else {
            // Of a version to come.
            return pass_on(heard, Heard::Anything);
        };
        let known = self.known.entry(shard).or_default();
        let is_missing = counter > *known + 1;
        *known = counter.max(*known);
        pass_on(heard, if is_missing { Heard::Anything } else { Heard::Change(change) });
    }

    /// Compares what was heard with what was counted. A word may be on its way, but not for long.
    async fn compare(&mut self, heard: &WeakSender<Heard>) -> Result<(), sqlx::Error> {
        let counters = self.counters().await?;
        let deadline = Instant::now() + WORD_PATIENCE;
        while self.is_behind(&counters) {
            match timeout_at(deadline, self.next_word()).await {
                Ok(word) => self.hear(heard, &word?),
                Err(_) => {
                    self.known = counters;
                    pass_on(heard, Heard::Anything);
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_behind(&self, counters: &HashMap<i64, i64>) -> bool {
        counters.iter().any(|(shard, counter)| self.known.get(shard).is_none_or(|known| known < counter))
    }

    async fn counters(&mut self) -> Result<HashMap<i64, i64>, sqlx::Error> {
        let query = sqlx::query("SELECT shard, counter FROM stack_changes");
        let rows = timeout(READ_PATIENCE, query.fetch_all(&mut self.connection)).await;
        let rows = rows.map_err(|_| sqlx::Error::Io(io::ErrorKind::TimedOut.into()))??;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }
}

fn pass_on(heard: &WeakSender<Heard>, told: Heard) {
    if let Some(heard) = heard.upgrade() {
        // It may be that nobody listens yet.
        drop(heard.send(told));
    }
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
            assert_eq!(read_word(&write_word(15, 1 << 40, &change)), Some((15, 1 << 40, change)));
        }
        let word = write_word(1, 2, &change("acme", Some("é"), None));
        assert_eq!(word, "1 2 4 2 -:acmeé");
        for bad in
            ["", ":", "1 2 4 2:acmeé", "1 2 4 1 -:acmeé", "1 2 4 9 -:acmeé", "1 2 - - -:", "1 2 4 2 - 3:acmeé", "x"]
        {
            assert_eq!(read_word(bad), None, "{bad}");
        }
    }
}
