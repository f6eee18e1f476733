//! Makes secrets, and the digests that a token file should hold in their place.

use std::io::{self, Read};

use gateway_auth::{Role, Secret, TenantId};
use secrecy::ExposeSecret;

use crate::config::{ConfigError, new_secret};

/// Longer input is no secret.
const MAX_INPUT_BYTES: u64 = 4096;

/// About secrets of tokens.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TokenCommand {
    /// Make a secret, and the entry for the token file that lets it in.
    ///
    /// The secret is shown once and stored nowhere: the entry holds only its digest. Give the secret to whoever is to use
    /// it, and put the entry under `tokens:` in the token file, which a running gateway reads again by itself. To replace
    /// a secret without a gap, put the new digest beside the old one, wait until nobody sends the old, and remove it.
    New {
        /// The token's name, as it appears in logs.
        #[arg(long, default_value = "app", value_parser = token_id)]
        id: String,
        /// The tenant that it acts for; without one each of its requests must name one.
        #[arg(long, value_parser = tenant_id)]
        tenant: Option<TenantId>,
        /// What it may do: readonly, user or tenant_admin.
        #[arg(long, default_value = "user", value_parser = role)]
        role: Role,
    },
    /// Read a secret from standard input, and give the digest that the token file should hold in its place.
    ///
    /// As in: chat-gateway token hash < secret.txt
    Hash,
}

impl TokenCommand {
    pub(super) fn run(&self) -> Result<String, ConfigError> {
        match self {
            Self::New { id, tenant, role } => {
                let secret = new_secret();
                let digest = Secret::of_token(secret.expose_secret().as_bytes()).digest_text();
                let bound = tenant.as_ref().map(|tenant| format!("    bound_tenant: {tenant}\n")).unwrap_or_default();
                Ok(format!(
                    "The secret, shown this once; send it as 'Authorization: Bearer SECRET':\n\n  {}\n\nThe entry for the \
                     token file, under 'tokens:':\n\n  - id: {id}\n{bound}    role: {}\n    secrets:\n      - digest: {digest}\n",
                    secret.expose_secret(),
                    role.name(),
                ))
            }
            Self::Hash => hash(io::stdin()),
        }
    }
}

fn hash(input: impl Read) -> Result<String, ConfigError> {
    let mut text = String::new();
    let read = input.take(MAX_INPUT_BYTES).read_to_string(&mut text);
    read.map_err(|error| ConfigError::new("token hash", format!("standard input cannot be read: {error}")))?;
    let secret = Secret::from_plain(text.trim_end_matches(['\r', '\n']));
    let secret = secret.map_err(|weak| ConfigError::new("token hash", format!("the secret {weak}")))?;
    Ok(format!("{}\n", secret.digest_text()))
}

fn token_id(text: &str) -> Result<String, String> {
    // Narrower than what a token file takes: what means something to YAML would have to be quoted there.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if is_plain && (1..=64).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 64 letters, digits, dots, hyphens and underscores".to_owned())
}

fn tenant_id(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|invalid| invalid.to_string())
}

fn role(text: &str) -> Result<Role, String> {
    let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
    Role::from_name(text).ok_or_else(|| format!("must be one of {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use gateway_auth::parse_token_file;

    use super::*;

    #[test]
    fn what_is_made_can_be_used() {
        let tenant = Some(TenantId::parse("acme").unwrap());
        let text = TokenCommand::New { id: "app".to_owned(), tenant, role: Role::Readonly }.run().unwrap();
        let secret = text.lines().find_map(|line| line.trim().strip_prefix("sk-")).unwrap();
        let entry = &text[text.find("  - id:").unwrap()..];
        let table = parse_token_file(&format!("tokens:\n{entry}")).unwrap().table;
        let [token] = table.tokens.as_slice() else { panic!("{text}") };
        assert_eq!((token.grants.role, token.bound_tenant.as_ref().unwrap().as_str()), (Role::Readonly, "acme"));
        let made = Secret::of_token(format!("sk-{secret}").as_bytes());
        assert!(token.secrets[0].secret.matches(&made));
        assert_eq!(hash(format!("sk-{secret}\n").as_bytes()).unwrap().trim_end(), made.digest_text());
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let error = hash("too short\n".as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "token hash: the secret is shorter than 32 characters");
        assert!(token_id("a: b").is_err() && token_id("a.b-c_1").is_ok() && role("boss").is_err());
    }
}
