//! Checks the configuration without serving by it.

use std::path::Path;

use gateway_storage::DatabaseAddress;

use super::explain::explain;
use crate::config::{ConfigError, ConfigFiles, CoreSettings, CredentialSource};

/// About the configuration.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Read all settings and files as a start would, and tell what they come to. Nothing is served, opened or changed.
    ///
    /// Ends with 0 when a gateway could start with them; else it names the setting, the line and what would be right. A
    /// running gateway keeps what it has while a file is broken, so check before you put a file in place:
    /// TOKENS_FILE=new.yaml chat-gateway config check
    Check,
    /// Tell whether a token may make a call, and by which rule.
    ///
    /// As in: chat-gateway config explain app DeleteConversation, or: chat-gateway config explain app 'POST /c1/chat'
    Explain {
        /// The token's id, as in the token file; the one of RUST_API_BEARER is called bearer.
        token_id: String,
        /// The call: an RPC, with or without its service, or a method and a path of the HTTP API.
        rpc: String,
    },
}

impl ConfigCommand {
    pub(super) fn run(&self, settings: &CoreSettings, credentials: CredentialSource) -> Result<String, ConfigError> {
        let files = settings.files(credentials);
        match self {
            Self::Check => check(settings, &files),
            Self::Explain { token_id, rpc } => explain(&files.configured_tokens()?, token_id, rpc)
                .map_err(|wrong| ConfigError::new("config explain", wrong)),
        }
    }
}

fn check(settings: &CoreSettings, files: &ConfigFiles) -> Result<String, ConfigError> {
    let table = files.configured_tokens()?;
    files.check_credentials(&table)?;
    let plan = files.models(None)?;
    let budgets = settings.budgets.budgets()?;
    let tool_servers = settings.tools.servers(&settings.upstream)?;
    let database = match settings.conversations.database(&settings.data_dir)? {
        DatabaseAddress::Sqlite(path) => format!("SQLite in '{}'", path.display()),
        // Its address may hold a password.
        DatabaseAddress::Postgres(_) => "PostgreSQL".to_owned(),
    };
    let secrets: usize = table.tokens.iter().map(|token| token.secrets.len()).sum();
    let mut lines = Vec::new();
    let mut row = |name: &str, what: String| lines.push(format!("{name:<14}{what}"));
    row("TOKENS_FILE", named(files.tokens_path().as_deref()));
    row(
        "",
        format!(
            "{}, {}, {}",
            many(table.tokens.len(), "token"),
            many(secrets, "secret"),
            many(table.tenants.len(), "listed tenant")
        ),
    );
    row("MODELS_FILE", named(files.models_path().as_deref()));
    let more = if plan.discover.is_some() { ", and those that the server of UPSTREAM_BASE_URL lists" } else { "" };
    let (models, servers) = (plan.catalog.models().len(), plan.catalog.upstreams().len());
    row("", format!("{} on {}{more}", many(models, "model"), many(servers, "server")));
    row("BUDGETS_FILE", named(settings.budgets.path().as_deref()));
    row("", many(budgets.0.len(), "budget"));
    row("TOOLS_FILE", named(settings.tools.path().as_deref()));
    row("", many(tool_servers.len(), "server"));
    row("DATABASE_URL", database);
    for oddity in files.oddities() {
        row("warning", oddity);
    }
    lines.push("A gateway could start with this.\n".to_owned());
    Ok(lines.join("\n"))
}

fn named(path: Option<&Path>) -> String {
    path.map_or_else(|| "none".to_owned(), |path| format!("'{}'", path.display()))
}

fn many(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
