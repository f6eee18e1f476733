//! The settings of the core: where they come from, what they may be, and what is made of them before a port opens.

mod budgets;
mod conversations;
mod credentials;
mod files;
mod headers;
mod models_file;
mod process;
mod tls;
mod tools;
mod tools_file;
mod traces;
mod upstreams;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use gateway_auth::{TokenTable, UsualLimits};
use gateway_proto::tls::ServerTls;
use gateway_storage::DatabaseAddress;

pub use budgets::{BudgetSettings, Budgets};
pub use conversations::{ConversationLimits, ConversationSettings};
pub(crate) use credentials::new_secret;
pub use credentials::{AuthSettings, CredentialSource};
pub use files::ConfigFiles;
pub use process::{Bounds, LogFormat, ProcessSettings, Switch, parse_settings, settings_of_this_process};
pub use tls::GrpcTlsSettings;
pub use tools::ToolSettings;
pub use traces::{CollectorHeaders, Protocol, SamplerName, TraceSettings};
pub use upstreams::{UpstreamPlan, UpstreamSettings};
pub use values::ListenAddress;

use crate::tools::{McpEndpoint, ToolLimits};
use values::{bytes, seconds};

/// The settings that only the core has.
#[derive(Debug, Clone, clap::Args)]
pub struct CoreSettings {
    /// Where gRPC is served: an address and a port (0 picks one), or unix: and a path.
    #[arg(long, env = "GRPC_LISTEN", default_value = "127.0.0.1:50051")]
    pub grpc_listen: ListenAddress,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub tls: GrpcTlsSettings,
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
    /// The largest system prompt of one level, in bytes of UTF-8; older longer versions stay.
    #[arg(long, env = "MAX_SYSTEM_PROMPT_BYTES_PER_LEVEL", default_value = "8192", value_parser = bytes)]
    pub max_system_prompt_bytes_per_level: usize,
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
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub tools: ToolSettings,
}

/// What the core is built from.
#[derive(Debug)]
pub struct CoreConfig {
    /// Where gRPC is served.
    pub grpc_listen: ListenAddress,
    /// How gRPC is encrypted on TCP, if it is.
    pub tls: Option<ServerTls>,
    /// Whether reflection is on.
    pub reflection: bool,
    /// All tokens.
    pub tokens: TokenTable,
    /// What holds for a token of which nothing else is said.
    pub usual_limits: UsualLimits,
    /// The files that are read again when they change.
    pub files: ConfigFiles,
    /// The models and their servers.
    pub upstreams: UpstreamPlan,
    /// The address of the page on errors, without a fragment.
    pub docs_url: String,
    /// How much of everything there may be at once.
    pub bounds: Bounds,
    /// How long the head of a stream waits for its first event.
    pub stream_head_wait: Duration,
    /// The largest system prompt of one level, in bytes.
    pub max_system_prompt_bytes: usize,
    /// Where the database is.
    pub database: DatabaseAddress,
    /// What bounds stored conversations.
    pub conversations: ConversationLimits,
    /// The folder of what outlives the process.
    pub data_dir: PathBuf,
    /// What tenants may use.
    pub budgets: Budgets,
    /// What bounds the tools that the gateway runs itself.
    pub tool_limits: ToolLimits,
    /// The servers whose tools are offered as well.
    pub tool_servers: Vec<McpEndpoint>,
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

    /// What is wrong, and what would be right.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl CoreSettings {
    /// The files that the settings name.
    pub(crate) fn files(&self, credentials: CredentialSource) -> ConfigFiles {
        let (auth, upstream) = (self.auth.clone(), self.upstream.clone());
        ConfigFiles { auth, data_dir: self.data_dir.clone(), credentials, upstream }
    }

    /// Reads the files that the settings name, and checks everything. `public_url` is the edge's address, empty when
    /// it is not known.
    pub fn resolve(
        self,
        process: &ProcessSettings,
        public_url: &str,
        credentials: CredentialSource,
    ) -> Result<CoreConfig, ConfigError> {
        let usual_limits = self.auth.usual_limits();
        let files = self.files(credentials);
        let tokens = files.tokens()?;
        files.warn_of_oddities();
        let database = self.conversations.database(&self.data_dir)?;
        Ok(CoreConfig {
            tls: self.tls.load(&self.grpc_listen)?,
            grpc_listen: self.grpc_listen,
            reflection: self.grpc_reflection.unwrap_or(credentials == CredentialSource::MayGenerate),
            tokens,
            usual_limits,
            upstreams: files.models(None)?,
            files,
            docs_url: format!("{}/docs/errors", public_url.trim_end_matches('/')),
            bounds: process.bounds,
            stream_head_wait: self.stream_head_wait_secs,
            max_system_prompt_bytes: self.max_system_prompt_bytes_per_level,
            database,
            conversations: self.conversations.limits(),
            budgets: self.budgets.budgets()?,
            tool_limits: self.tools.limits(),
            tool_servers: self.tools.servers(&self.upstream)?,
            data_dir: self.data_dir,
        })
    }
}
