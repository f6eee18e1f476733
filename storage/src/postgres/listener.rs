//! Hears what other processes change. Each change is told by NOTIFY as it is committed, and counted in the same
//! transaction. The counters are compared every second, so that a word that was lost, or never said, is noticed.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use sqlx::Row as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::broadcast::{Sender, WeakSender};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};

use super::{CONNECTION_PATIENCE, word};
use crate::availability::with_causes;
use crate::prompts::Heard;

/// How its session is called beside those that serve.
const SESSION: &str = "chat-gateway changes";
/// How often the counters are compared.
const COMPARED_EVERY: Duration = Duration::from_secs(1);
/// How long a word may take to arrive after its commit is seen.
const WORD_PATIENCE: Duration = Duration::from_millis(100);
/// How long the server may take to answer before the connection is given up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// How soon a connection that was lost is tried again.
const RETRY: Duration = Duration::from_millis(250);

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
    known: Counters,
}

impl Listener {
    async fn connect(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        // Of one connection, which is not replaced beside us: nothing is heard until it is.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECTION_PATIENCE);
        let pool = pool.max_lifetime(None).idle_timeout(None).connect_lazy_with(options.clone());
        let mut connection = PgListener::connect_with(&pool).await?;
        connection.eager_reconnect(false);
        in_time(connection.listen(word::CHANNEL)).await?;
        let known = read_counters(&mut connection).await?;
        Ok(Self { connection, known })
    }

    /// Passes on what it hears, until the connection is lost or nobody is left to tell.
    async fn listen(mut self, heard: &WeakSender<Heard>) -> Result<(), sqlx::Error> {
        let mut compared = interval(COMPARED_EVERY);
        compared.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pass_on(heard, Heard::Anything);
        while heard.strong_count() > 0 {
            tokio::select! {
                word = next_word(&mut self.connection) => pass_on(heard, self.known.hear(&word?)),
                _ = compared.tick() => self.compare(heard).await?,
            }
        }
        Ok(())
    }

    /// Compares what was heard with what was counted. A word may be on its way, but not for long.
    async fn compare(&mut self, heard: &WeakSender<Heard>) -> Result<(), sqlx::Error> {
        let counters = read_counters(&mut self.connection).await?;
        let deadline = Instant::now() + WORD_PATIENCE;
        while self.known.are_behind(&counters) {
            match timeout_at(deadline, next_word(&mut self.connection)).await {
                Ok(word) => pass_on(heard, self.known.hear(&word?)),
                Err(_) => {
                    self.known.catch_up(&counters);
                    pass_on(heard, Heard::Anything);
                }
            }
        }
        Ok(())
    }
}

/// Up to which change of each shard all was heard, or all was counted.
#[derive(Default)]
struct Counters(HashMap<i64, i64>);

impl Counters {
    /// What a word says. One that is not the next of its shard shows that another was missed: whoever changes a counter
    /// keeps the others of its shard waiting until the commit.
    fn hear(&mut self, word: &str) -> Heard {
        let Some((shard, counter, change)) = word::read(word) else {
            // Of a version to come.
            return Heard::Anything;
        };
        let known = self.0.entry(shard).or_default();
        let is_missing = counter > *known + 1;
        *known = counter.max(*known);
        if is_missing { Heard::Anything } else { Heard::Change(change) }
    }

    fn are_behind(&self, others: &Self) -> bool {
        others.0.iter().any(|(shard, counter)| self.0.get(shard).is_none_or(|known| known < counter))
    }

    fn catch_up(&mut self, others: &Self) {
        for (shard, counter) in &others.0 {
            let known = self.0.entry(*shard).or_default();
            *known = (*known).max(*counter);
        }
    }
}

async fn read_counters(connection: &mut PgListener) -> Result<Counters, sqlx::Error> {
    let query = sqlx::query("SELECT shard, counter FROM stack_changes");
    let rows = in_time(query.fetch_all(connection)).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, _>>().map(Counters)
}

async fn next_word(connection: &mut PgListener) -> Result<String, sqlx::Error> {
    match connection.try_recv().await? {
        Some(notification) => Ok(notification.payload().to_owned()),
        None => Err(sqlx::Error::Io(io::ErrorKind::ConnectionAborted.into())),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(ANSWER_PATIENCE, answer).await.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into())))
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

    #[test]
    fn a_word_that_was_missed_shows_in_the_next_one_and_in_the_counters() {
        let mut known = Counters([(1, 5)].into());
        let is_change = |heard| matches!(heard, Heard::Change(_));
        assert!(is_change(known.hear("1 6 4 - -:acme")));
        assert!(!is_change(known.hear("1 8 4 - -:acme")));
        // Late, or heard before it was counted.
        assert!(is_change(known.hear("1 7 4 - -:acme")));
        assert!(is_change(known.hear("1 9 4 - -:acme")));
        assert!(is_change(known.hear("2 1 4 - -:acme")));
        assert!(!is_change(known.hear("3 2 4 - -:acme")));
        assert!(!is_change(known.hear("of another form")));
        assert!(!known.are_behind(&Counters([(1, 9), (2, 1)].into())));
        for ahead in [[(1, 10), (2, 1)], [(1, 9), (4, 0)]] {
            let ahead = Counters(ahead.into());
            assert!(known.are_behind(&ahead));
            known.catch_up(&ahead);
            assert!(!known.are_behind(&ahead));
        }
        assert!(is_change(known.hear("3 3 4 - -:acme")));
    }
}
