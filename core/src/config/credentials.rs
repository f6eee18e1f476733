//! Tokens: from the token file, from one variable, or generated for a first start.

use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gateway_auth::{
    RateLimit, Role, Secret, TenantId, Token, TokenFile, TokenSecret, TokenTable, UsualLimits, parse_token_file,
};
use gateway_storage::DataFolder;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::ConfigError;
use super::values::{count, existing_default, rate};

/// The token file of a gateway started in its checkout.
const DEFAULT_TOKENS_FILE: &str = "auth/tokens.yaml";
/// The name of the generated token's file in the data folder.
const GENERATED_TOKEN_FILE: &str = "token";
/// The tenant of a token that no file describes.
const DEFAULT_TENANT: &str = "default";

/// The id of the token of `RUST_API_BEARER`.
const BEARER_TOKEN: &str = "bearer";

/// Whether a token may be generated where none is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// The one-process gateway: a first start works with nothing prepared.
    MayGenerate,
    /// A core of its own: whoever runs one says who may call it.
    MustBeConfigured,
}

/// Settings about who may call, and how often.
#[derive(Clone, Debug, clap::Args)]
pub struct AuthSettings {
    /// The file of tokens. Default: auth/tokens.yaml when it exists.
    #[arg(long, env = "TOKENS_FILE")]
    pub tokens_file: Option<PathBuf>,
    /// One more token, of tenant `default` and with every scope: at least 32 characters, or sha256: and its digest.
    #[arg(long, env = "RUST_API_BEARER")]
    pub rust_api_bearer: Option<SecretString>,
    /// Requests per second of each secret on average; 0 for no limit.
    #[arg(long, env = "RATE_LIMIT_PER_SECOND", default_value = "1", value_parser = rate)]
    pub rate_limit_per_second: f64,
    /// Requests at once of each secret.
    #[arg(long, env = "RATE_LIMIT_BURST", default_value = "30", value_parser = count)]
    pub rate_limit_burst: NonZeroU32,
    /// Streams that each token may have open at once.
    #[arg(long, env = "MAX_STREAMS_PER_TOKEN", default_value = "4096", value_parser = count)]
    pub max_streams_per_token: NonZeroU32,
}

impl AuthSettings {
    /// What holds for a token of which nothing else is said.
    pub(super) fn usual_limits(&self) -> UsualLimits {
        let rate = RateLimit { per_second: self.rate_limit_per_second, burst: self.rate_limit_burst };
        UsualLimits {
            rate: (rate.per_second > 0.0).then_some(rate),
            burst: self.rate_limit_burst,
            streams: self.max_streams_per_token,
        }
    }

    /// The token file, where there is one.
    pub(super) fn path(&self) -> Option<PathBuf> {
        existing_default(self.tokens_file.as_deref(), DEFAULT_TOKENS_FILE)
    }

    /// All tokens that the settings name, or one that is generated where there is none.
    pub(super) fn tokens(&self, data_dir: &Path, source: CredentialSource) -> Result<TokenTable, ConfigError> {
        let mut table = self.configured_tokens()?;
        check(&table, source)?;
        if table.tokens.is_empty() {
            let token = generated_token(data_dir)?;
            let secret = read_secret("DATA_DIR", token.expose_secret())?;
            table.tokens.push(full_token("generated", secret)?);
        }
        Ok(table)
    }

    /// All tokens that the settings name.
    pub(super) fn configured_tokens(&self) -> Result<TokenTable, ConfigError> {
        let mut table = self.file()?.map(|file| file.table).unwrap_or_default();
        if let Some(bearer) = &self.rust_api_bearer {
            let secret = read_secret("RUST_API_BEARER", bearer.expose_secret())?;
            if table.tokens.iter().flat_map(|token| &token.secrets).any(|known| known.secret == secret) {
                return Err(ConfigError::new("RUST_API_BEARER", "is also a secret of the token file; use each once"));
            }
            table.tokens.push(full_token(BEARER_TOKEN, secret)?);
        }
        Ok(table)
    }

    /// The token to greet with: given by variable or generated, if it is known in plain.
    pub fn token_to_show(&self, data_dir: &Path) -> Result<Option<SecretString>, ConfigError> {
        match &self.rust_api_bearer {
            Some(bearer) => Ok(Some(bearer.clone()).filter(|bearer| !bearer.expose_secret().starts_with("sha256:"))),
            None if self.file()?.is_some_and(|file| !file.table.tokens.is_empty()) => Ok(None),
            None => generated_token(data_dir).map(Some),
        }
    }

    /// What the token file says, where there is one.
    fn file(&self) -> Result<Option<TokenFile>, ConfigError> {
        let Some(path) = self.path() else { return Ok(None) };
        let wrong = |reason: String| ConfigError::new("TOKENS_FILE", format!("'{}': {reason}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        parse_token_file(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }

    /// What is odd about the token file though it can be used, in sentences.
    pub(crate) fn oddities(&self) -> Vec<String> {
        let (Some(path), Ok(Some(file))) = (self.path(), self.file()) else { return Vec::new() };
        let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode());
        let is_open = file.has_plain_secrets && mode.is_ok_and(|mode| mode & 0o077 != 0);
        let path = path.display();
        let open = is_open
            .then(|| format!("'{path}' holds plain secrets and others can read it; chmod 600, or store digests"));
        let unlisted = file.table.unlisted_tenants().map(|(Token { id, .. }, tenant)| {
            format!(
                "token '{id}' is bound to the tenant '{tenant}', of which '{path}' says nothing while it lists others"
            )
        });
        let now = Timestamp::now();
        let expired =
            file.table.tokens.iter().filter(|token| token.secrets.iter().all(|secret| secret.has_expired(now)));
        let expired = expired.map(|token| format!("every secret of token '{}' has expired", token.id));
        open.into_iter().chain(unlisted).chain(expired).collect()
    }
}

/// Whether so many tokens are enough.
pub(super) fn check(configured: &TokenTable, source: CredentialSource) -> Result<(), ConfigError> {
    if configured.tokens.is_empty() && source == CredentialSource::MustBeConfigured {
        let reason = "there is no token; set it, or RUST_API_BEARER with at least 32 characters";
        return Err(ConfigError::new("TOKENS_FILE", reason));
    }
    Ok(())
}

/// A secret in plain, or as a digest.
fn read_secret(setting: &'static str, value: &str) -> Result<Secret, ConfigError> {
    let secret = if value.starts_with("sha256:") { Secret::from_digest(value) } else { Secret::from_plain(value) };
    secret.map_err(|weak| ConfigError::new(setting, format!("the secret {weak}")))
}

fn full_token(id: &str, secret: Secret) -> Result<Token, ConfigError> {
    let tenant = TenantId::parse(DEFAULT_TENANT).map_err(|invalid| ConfigError::new("RUST_API_BEARER", invalid))?;
    Ok(Token::plain(id, Some(tenant), Role::TenantAdmin, vec![TokenSecret::always(secret)]))
}

/// A new secret: 244 random bits.
pub(crate) fn new_secret() -> SecretString {
    format!("sk-{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).into()
}

/// The token made on the first start.
fn generated_token(data_dir: &Path) -> Result<SecretString, ConfigError> {
    let wrong = |error: gateway_storage::DataFolderError| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        ConfigError::new("DATA_DIR", format!("{error}: {cause}"))
    };
    let make = || new_secret().expose_secret().to_owned();
    let folder = DataFolder::open(data_dir).map_err(wrong)?;
    folder.text_or_make(GENERATED_TOKEN_FILE, make).map(|text| text.trim().into()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(bearer: Option<&str>, file: Option<PathBuf>) -> AuthSettings {
        AuthSettings {
            tokens_file: file,
            rust_api_bearer: bearer.map(Into::into),
            rate_limit_per_second: 1.0,
            rate_limit_burst: NonZeroU32::MIN,
            max_streams_per_token: NonZeroU32::MIN,
        }
    }

    #[test]
    fn a_first_start_makes_a_token_and_the_next_one_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(None, None);
        let table = settings.tokens(folder.path(), CredentialSource::MayGenerate).unwrap();
        let again = settings.tokens(folder.path(), CredentialSource::MayGenerate).unwrap();
        assert_eq!(table.tokens[0].secrets, again.tokens[0].secrets);
        let shown = settings.token_to_show(folder.path()).unwrap().unwrap();
        assert!(table.tokens[0].secrets[0].secret.matches(&Secret::of_token(shown.expose_secret().as_bytes())));
        let refused = settings.tokens(folder.path(), CredentialSource::MustBeConfigured).unwrap_err();
        assert!(refused.to_string().starts_with("TOKENS_FILE: there is no token"));
    }

    #[test]
    fn file_and_variable_add_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens.yaml");
        let bearer = "a-bearer-of-more-than-32-characters";
        let text = "tokens:\n  - id: a\n    role: user\n    bound_tenant: t\n    secrets: [{value: SECRET}]\n";
        fs::write(&file, text.replace("SECRET", "a-secret-of-more-than-32-characters")).unwrap();
        let both = settings(Some(bearer), Some(file.clone()));
        let table = both.tokens(folder.path(), CredentialSource::MustBeConfigured).unwrap();
        assert_eq!(table.tokens.iter().map(|token| token.id.as_str()).collect::<Vec<_>>(), ["a", "bearer"]);

        fs::write(&file, text.replace("SECRET", bearer)).unwrap();
        let refused = both.tokens(folder.path(), CredentialSource::MustBeConfigured).unwrap_err().to_string();
        assert!(refused.contains("RUST_API_BEARER") && !refused.contains(bearer), "{refused}");
    }

    #[test]
    fn weak_bearers_and_missing_files_stop_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = |settings: AuthSettings| {
            settings.tokens(folder.path(), CredentialSource::MayGenerate).unwrap_err().to_string()
        };
        assert_eq!(refusal(settings(Some("short"), None)), "RUST_API_BEARER: the secret is shorter than 32 characters");
        assert!(refusal(settings(None, Some("/nowhere.yaml".into()))).starts_with("TOKENS_FILE: '/nowhere.yaml': "));
    }
}
