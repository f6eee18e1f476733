//! The files that a core was configured from, to be read again when they change.

use std::path::PathBuf;
use std::sync::Arc;

use gateway_auth::TokenTable;

use super::credentials::CredentialSource;
use super::upstreams::UpstreamPlan;
use super::{AuthSettings, ConfigError, UpstreamSettings};
use crate::upstream::Upstream;

/// The files that a core was configured from, and what else is needed to make sense of them.
#[derive(Clone, Debug)]
pub struct ConfigFiles {
    pub(super) auth: AuthSettings,
    pub(super) data_dir: PathBuf,
    pub(super) credentials: CredentialSource,
    pub(super) upstream: UpstreamSettings,
}

impl ConfigFiles {
    /// The token file, where there is one.
    #[must_use]
    pub fn tokens_path(&self) -> Option<PathBuf> {
        self.auth.path()
    }

    /// The models file, where there is one.
    #[must_use]
    pub fn models_path(&self) -> Option<PathBuf> {
        self.upstream.path()
    }

    /// Reads the token file, and adds the tokens that it does not hold.
    pub fn tokens(&self) -> Result<TokenTable, ConfigError> {
        self.auth.tokens(&self.data_dir, self.credentials)
    }

    /// The same without a token that would be generated.
    pub(crate) fn configured_tokens(&self) -> Result<TokenTable, ConfigError> {
        self.auth.configured_tokens()
    }

    /// Whether these tokens, without one that would be generated, let anybody in.
    pub(crate) fn check_credentials(&self, configured: &TokenTable) -> Result<(), ConfigError> {
        super::credentials::check(configured, self.credentials)
    }

    /// What is odd about the files though they can be used, in sentences.
    pub(crate) fn oddities(&self) -> Vec<String> {
        self.auth.oddities()
    }

    /// Logs it.
    pub(crate) fn warn_of_oddities(&self) {
        for oddity in self.oddities() {
            tracing::warn!("{oddity}");
        }
    }

    /// Reads the models file and makes the servers, but for the one whose list is followed already.
    pub fn models(&self, discover: Option<&Arc<Upstream>>) -> Result<UpstreamPlan, ConfigError> {
        self.upstream.plan(discover)
    }
}
