//! The settings of the core: where they come from, what they may be, and what is made of them before a port opens.

mod budgets;
mod conversations;
mod credentials;
mod models_file;
mod process;
mod upstreams;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use gateway_auth::{RateLimit, TokenTable};
use gateway_storage::DatabaseAddress;

pub use budgets::{BudgetSettings, Budgets};
pub use conversations::{ConversationLimits, ConversationSettings};
pub use credentials::{AuthSettings, CredentialSource};
pub use process::{LogFormat, ProcessSettings, parse_settings, settings_of_this_process};
pub use upstreams::{UpstreamPlan, UpstreamSettings};
pub use values::ListenAddress;

use crate::causes::causes;
use values::seconds;

/// The settings that only the core has.
#[derive(Debug, Clone, clap::Args)]
pub struct CoreSettings {
    /// Where gRPC is served: an address and a port (0 picks one), or unix: and a path.
    #[arg(long, env = "GRPC_LISTEN", default_value = "127.0.0.1:50051")]
    pub grpc_listen: ListenAddress,
    /// Whether clients may ask for the protos by reflection. Default: on in the one-process gateway, else off.
    #[arg(long, env = "GRPC_REFLECTION", value_parser = clap::builder::BoolishValueParser::new())]
    pub grpc_reflection: Option<bool>,
    /// The folder of what outlives the process.
    #[arg(long, env = "DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// How long the head of a stream waits for the first event of the model server, so that an error before it has its
    /// own status.
    #[arg(long, env = "STREAM_HEAD_WAIT_SECS", default_value = "15", value_parser = seconds)]
    pub stream_head_wait_secs: Duration,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub conversations: ConversationSettings,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub auth: AuthSettings,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub upstream: UpstreamSettings,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub budgets: BudgetSettings,
}

/// What the core is built from.
#[derive(Debug)]
pub struct CoreConfig {
    /// Where gRPC is served.
    pub grpc_listen: ListenAddress,
    /// Whether reflection is on.
    pub reflection: bool,
    /// All tokens.
    pub tokens: TokenTable,
    /// The rate of each secret; none: not limited.
    pub rate_limit: Option<RateLimit>,
    /// The models and their servers.
    pub upstreams: UpstreamPlan,
    /// The address of the page on errors, without a fragment.
    pub docs_url: String,
    /// The largest JSON body that the edge takes.
    pub max_body_bytes: usize,
    /// How long the head of a stream waits for its first event.
    pub stream_head_wait: Duration,
    /// Where the database is.
    pub database: DatabaseAddress,
    /// What bounds stored conversations.
    pub conversations: ConversationLimits,
    /// The folder of what outlives the process.
    pub data_dir: PathBuf,
    /// What tenants may use.
    pub budgets: Budgets,
}

/// A setting or a file that cannot be used. The text names the setting, what is wrong and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct ConfigError {
    setting: &'static str,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(setting: &'static str, reason: impl ToString) -> Self {
        Self { setting, reason: reason.to_string() }
    }
}

/// What to do instead of serving.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Task {
    /// Copy the SQLite database into a new file. The gateway may go on serving meanwhile.
    Backup {
        /// The new file; it must not exist.
        file: PathBuf,
    },
}

impl Task {
    /// Does it.
    pub async fn run(&self, settings: &CoreSettings) -> Result<(), ConfigError> {
        let Self::Backup { file } = self;
        let database = settings.conversations.database(&settings.data_dir)?;
        let Some(copied) = database.back_up(file).await else {
            let reason = "PostgreSQL is backed up with its own tools, as in pg_dump --format=custom";
            return Err(ConfigError::new("DATABASE_URL", reason));
        };
        copied.map_err(|error| ConfigError::new("backup", causes(&error)))
    }
}

impl CoreSettings {
    /// Reads the files that the settings name, and checks everything. `public_url` is the edge's address, empty when
    /// it is not known.
    pub fn resolve(
        self,
        process: &ProcessSettings,
        public_url: &str,
        credentials: CredentialSource,
    ) -> Result<CoreConfig, ConfigError> {
        let tokens = self.auth.tokens(&self.data_dir, credentials)?;
        let database = self.conversations.database(&self.data_dir)?;
        Ok(CoreConfig {
            grpc_listen: self.grpc_listen,
            reflection: self.grpc_reflection.unwrap_or(credentials == CredentialSource::MayGenerate),
            tokens,
            rate_limit: self.auth.rate_limit(),
            upstreams: self.upstream.plan()?,
            docs_url: format!("{}/docs/errors", public_url.trim_end_matches('/')),
            max_body_bytes: process.max_body_bytes,
            stream_head_wait: self.stream_head_wait_secs,
            database,
            conversations: self.conversations.limits(),
            budgets: self.budgets.budgets()?,
            data_dir: self.data_dir,
        })
    }
}
