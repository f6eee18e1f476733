//! Reads the configuration's files again when they change: each whole or not at all, so that a broken one changes
//! nothing but a metric and a log line.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gateway_proto::tls::Identity;
use jiff::Timestamp;
use metrics::{Gauge, counter, gauge};
use sha2::{Digest, Sha256};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::audit;
use crate::config::{ConfigError, ConfigFiles};
use crate::shared::Shared;
use crate::upstream::Upstream;

/// How often the files are looked at. What changed is taken once it is the same for two looks, so that a file which is
/// just being written is not taken half; a secret that was removed is so refused after a second, and has to be after five.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Follows the files of a certificate, and tells of each change; never ends.
pub(crate) fn follow(identity: Arc<Identity>) -> impl Future<Output = ()> {
    if let Some(setting) = identity.open_key() {
        tracing::warn!("{setting}: everybody on this machine can read the key; chmod 600 would be right");
    }
    let setting = identity.setting();
    identity.follow(move |read| tell(setting, &gauge_of(setting), read.map_err(ConfigError::from)))
}

/// Everything that is read again.
pub(crate) struct Reload {
    shared: Shared,
    files: ConfigFiles,
    discover: Option<Arc<Upstream>>,
    tokens: Watched,
    models: Watched,
    hang_up: Option<Signal>,
}

/// A file, and what it held.
struct Watched {
    setting: &'static str,
    path: Option<PathBuf>,
    /// What it held when it was taken or refused.
    settled: Seen,
    /// What it held at the last look.
    last: Seen,
    failed: Gauge,
}

/// What a look at a file came to: a digest of what it holds, or why it cannot be read.
type Seen = Result<[u8; 32], io::ErrorKind>;

impl Watched {
    fn new(setting: &'static str, path: Option<PathBuf>) -> Self {
        let failed = gauge_of(setting);
        let now = path.as_ref().map_or(Err(io::ErrorKind::NotFound), |path| look(path.clone()));
        Self { setting, path, settled: now, last: now, failed }
    }

    /// Whether the file holds something else than before, and has come to rest.
    async fn has_changed(&mut self) -> bool {
        let Some(path) = self.path.clone() else { return false };
        // A file system can hang, and must not hang the gateway.
        let Ok(now) = tokio::task::spawn_blocking(move || look(path)).await else { return false };
        let is_at_rest = now == self.last;
        self.last = now;
        is_at_rest && now != self.settled
    }

    /// Takes what the file holds, or tells why it cannot be taken.
    fn settle(&mut self, read: Result<(), ConfigError>) {
        self.settled = self.last;
        tell(self.setting, &self.failed, read);
    }
}

fn gauge_of(setting: &'static str) -> Gauge {
    let failed = gauge!("gateway_config_reload_failed", "setting" => setting);
    failed.set(0.0);
    failed
}

fn tell(setting: &'static str, failed: &Gauge, read: Result<(), ConfigError>) {
    let outcome = match read {
        Ok(()) => {
            audit::reloaded(setting);
            "ok"
        }
        Err(error) => {
            audit::reload_failed(setting, error.reason());
            "failed"
        }
    };
    failed.set(if outcome == "ok" { 0.0 } else { 1.0 });
    counter!("gateway_config_reloads_total", "setting" => setting, "outcome" => outcome).increment(1);
}

fn look(path: PathBuf) -> Seen {
    std::fs::read(path).map(|content| Sha256::digest(content).into()).map_err(|error| error.kind())
}

impl Reload {
    /// Looks at the files for the first time, and takes SIGHUP from now on.
    pub(crate) fn new(shared: Shared, files: ConfigFiles, discover: Option<Arc<Upstream>>) -> Self {
        let tokens = Watched::new("TOKENS_FILE", files.tokens_path());
        let models = Watched::new("MODELS_FILE", files.models_path());
        let hang_up = signal(SignalKind::hangup());
        if let Err(error) = &hang_up {
            tracing::warn!(%error, "SIGHUP cannot be taken");
        }
        Self { shared, files, discover, tokens, models, hang_up: hang_up.ok() }
    }

    /// Follows the files, and the clock that secrets expire by; never ends.
    pub(crate) async fn follow(mut self) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_asked = tokio::select! {
                _ = looks.tick() => false,
                () = hung_up(&mut self.hang_up) => true,
            };
            self.shared.authenticator().revoke_expired(Timestamp::now());
            // What was asked for is told of in any case.
            if self.tokens.has_changed().await || (is_asked && self.tokens.path.is_some()) {
                self.read_tokens().await;
            }
            if self.models.has_changed().await || (is_asked && self.models.path.is_some()) {
                self.read_models().await;
            }
        }
    }

    async fn read_tokens(&mut self) {
        let files = self.files.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || files.tokens()).await else { return };
        let read = read.and_then(|table| self.tokens.still_there(table));
        if read.is_ok() {
            self.files.warn_of_oddities();
        }
        self.tokens.settle(read.map(|table| self.shared.authenticator().replace(table)));
    }

    async fn read_models(&mut self) {
        let (files, discover) = (self.files.clone(), self.discover.clone());
        let Ok(read) = tokio::task::spawn_blocking(move || files.models(discover.as_ref())).await else { return };
        let read = read.and_then(|plan| self.models.still_there(plan));
        self.models.settle(read.map(|plan| self.shared.catalog().replace(&plan.catalog, self.discover.as_ref())));
    }
}

impl Watched {
    /// A file that the gateway began with and that is gone is not an empty one.
    fn still_there<T>(&self, read: T) -> Result<T, ConfigError> {
        match self.last {
            Ok(_) => Ok(read),
            Err(kind) => Err(ConfigError::new(self.setting, format!("it cannot be read: {kind}"))),
        }
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        // The stream of a signal does not end.
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
