//! What an operator can have done instead of serving.

mod config;
mod explain;
mod health;
mod token;

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use crate::causes::causes;
use crate::config::{ConfigError, CoreSettings, CredentialSource};

pub use config::ConfigCommand;
pub use token::TokenCommand;

/// What to do instead of serving.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Copy the SQLite database into a new file. The gateway may go on serving meanwhile.
    Backup {
        /// The new file; it must not exist.
        file: PathBuf,
    },
    /// Make secrets of tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Check the configuration, or explain what a token may do by it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask a running gateway whether it serves. Ends with 0 if it does, so that a container or a unit can be judged by it.
    ///
    /// It is asked at the addresses of the settings, which must be those that the gateway was started with.
    Healthcheck,
}

impl Command {
    /// Does it; the text is for standard output.
    #[must_use]
    pub fn run<'a>(
        &'a self,
        settings: &'a CoreSettings,
        credentials: CredentialSource,
    ) -> BoxFuture<'a, Result<String, ConfigError>> {
        Box::pin(self.done(settings, credentials))
    }

    async fn done(&self, settings: &CoreSettings, credentials: CredentialSource) -> Result<String, ConfigError> {
        match self {
            Self::Backup { file } => {
                let database = settings.conversations.database(&settings.data_dir)?;
                let Some(copied) = database.back_up(file).await else {
                    let reason = "PostgreSQL is backed up with its own tools, as in pg_dump --format=custom";
                    return Err(ConfigError::new("DATABASE_URL", reason));
                };
                copied.map_err(|error| ConfigError::new("backup", causes(&error)))?;
                Ok(format!("the database was copied to '{}'\n", file.display()))
            }
            Self::Token(command) => command.run(),
            Self::Config(command) => command.run(settings, credentials),
            Self::Healthcheck => health::check(&settings.grpc_listen, settings.tls.load(&settings.grpc_listen)?).await,
        }
    }
}
