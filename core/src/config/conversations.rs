//! Settings about what is stored.

use std::path::Path;
use std::time::Duration;

use gateway_storage::DatabaseAddress;
use secrecy::{ExposeSecret, SecretString};

use super::ConfigError;
use super::values::{bytes, seconds, seconds_or_zero};

/// The database in the data folder, where no other is named.
const DEFAULT_FILE: &str = "gateway.db";

/// Settings about what is stored.
#[derive(Clone, Debug, clap::Args)]
pub struct ConversationSettings {
    /// Where the database is: sqlite: and a path, or postgres:// and so on. Default: sqlite:$DATA_DIR/gateway.db.
    #[arg(long, env = "DATABASE_URL")]
    pub database_url: Option<SecretString>,
    /// The age after which conversations are removed, since their last turn; 0 keeps them.
    #[arg(long, env = "CONVERSATION_RETENTION_SECS", default_value = "0", value_parser = seconds_or_zero)]
    pub conversation_retention_secs: Duration,
    /// The size at which a conversation takes no further turn, in bytes.
    #[arg(long, env = "MAX_CONVERSATION_BYTES", default_value = "134217728", value_parser = bytes)]
    pub max_conversation_bytes: usize,
    /// How long a turn may wait for those before it in its conversation.
    #[arg(long, env = "TURN_WAIT_SECS", default_value = "30", value_parser = seconds)]
    pub turn_wait_secs: Duration,
}

/// What bounds stored conversations.
#[derive(Clone, Copy, Debug)]
pub struct ConversationLimits {
    /// The age after which they are removed; none: never.
    pub retention: Option<Duration>,
    /// The size at which one takes no further turn, in bytes.
    pub max_bytes: usize,
    /// How long a turn may wait for those before it.
    pub turn_wait: Duration,
}

impl ConversationSettings {
    /// Where the database is.
    pub fn database(&self, data_dir: &Path) -> Result<DatabaseAddress, ConfigError> {
        match &self.database_url {
            None => Ok(DatabaseAddress::Sqlite(data_dir.join(DEFAULT_FILE))),
            Some(url) => {
                DatabaseAddress::parse(url.expose_secret()).map_err(|error| ConfigError::new("DATABASE_URL", error))
            }
        }
    }

    pub(super) fn limits(&self) -> ConversationLimits {
        ConversationLimits {
            retention: Some(self.conversation_retention_secs).filter(|age| !age.is_zero()),
            max_bytes: self.max_conversation_bytes,
            turn_wait: self.turn_wait_secs,
        }
    }
}
