//! The operator's token file.

use std::collections::HashSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::authenticator::{Token, TokenTable};
use crate::error::TokenFileError;
use crate::identity::TenantId;
use crate::scope::{Role, Scope, ScopeSet};
use crate::secret::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tokens: Vec<TokenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEntry {
    id: Spanned<String>,
    secrets: Vec<Spanned<SecretEntry>>,
    #[serde(default)]
    bound_tenant: Option<String>,
    role: String,
    #[serde(default)]
    extra_scopes: Vec<String>,
    #[serde(default)]
    deny_scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretEntry {
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    digest: Option<String>,
}

/// The tokens that the text of a token file describes, and whether any secret in it is in plain.
///
/// An unknown key, role or scope, a weak secret, or a name or secret given twice is an error that names the line and
/// never a value.
pub fn parse_token_file(text: &str) -> Result<(TokenTable, bool), TokenFileError> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| form(&error))?;
    let mut ids = HashSet::new();
    let mut known_secrets = HashSet::new();
    let mut has_plain = false;
    let mut tokens = Vec::new();
    for entry in file.tokens {
        if !ids.insert(entry.id.value.clone()) {
            return Err(entry.wrong("has the id of another token"));
        }
        let mut secrets = Vec::new();
        for (index, secret) in entry.secrets.iter().enumerate() {
            has_plain |= secret.value.value.is_some();
            let digest = secret.value.read().map_err(|reason| entry.wrong_secret(index, reason))?;
            if !known_secrets.insert(digest) {
                return Err(entry.wrong_secret(index, "is given twice in this file".to_owned()));
            }
            secrets.push(digest);
        }
        tokens.push(entry.into_token(secrets)?);
    }
    Ok((TokenTable { tokens }, has_plain))
}

/// The library's error with its place and without its excerpt, which could hold a secret.
fn form(error: &serde_saphyr::Error) -> TokenFileError {
    TokenFileError::Form(error.without_snippet().to_string())
}

impl SecretEntry {
    fn read(&self) -> Result<Secret, String> {
        let secret = match (&self.value, &self.digest) {
            (Some(value), None) => Secret::from_plain(value),
            (None, Some(digest)) => Secret::from_digest(digest),
            _ => return Err("must have either value or digest".to_owned()),
        };
        secret.map_err(|weak| weak.to_string())
    }
}

impl TokenEntry {
    fn into_token(self, secrets: Vec<Secret>) -> Result<Token, TokenFileError> {
        let is_name =
            (1..=64).contains(&self.id.value.len()) && self.id.value.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            return Err(self.wrong("must have an id of 1 to 64 visible ASCII characters"));
        }
        if secrets.is_empty() {
            return Err(self.wrong("has no secret"));
        }
        let role = Role::from_name(&self.role).ok_or_else(|| {
            let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
            self.wrong(&format!("has the unknown role '{}'; roles are {}", self.role, names.join(", ")))
        })?;
        let scopes = role.scopes().with(self.scopes(&self.extra_scopes)?).without(self.scopes(&self.deny_scopes)?);
        let bound_tenant = self.bound_tenant.as_deref().map(TenantId::parse).transpose();
        let bound_tenant = bound_tenant.map_err(|invalid| self.wrong(&format!("has a bound_tenant that {invalid}")))?;
        Ok(Token { id: self.id.value, bound_tenant, role, scopes, secrets })
    }

    fn scopes(&self, names: &[String]) -> Result<ScopeSet, TokenFileError> {
        let scope = |name: &String| {
            Scope::from_name(name).ok_or_else(|| self.wrong(&format!("has the unknown scope '{name}'")))
        };
        names.iter().map(scope).collect()
    }

    fn wrong(&self, reason: &str) -> TokenFileError {
        TokenFileError::Token {
            line: self.id.referenced.line(),
            token: self.id.value.clone(),
            reason: reason.to_owned(),
        }
    }

    fn wrong_secret(&self, index: usize, reason: String) -> TokenFileError {
        let line = self.secrets[index].referenced.line();
        TokenFileError::Secret { line, token: self.id.value.clone(), number: index + 1, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
tokens:
  - id: app
    bound_tenant: acme
    role: user
    extra_scopes: [memory:write:public]
    deny_scopes: [tools:execute]
    secrets:
      - value: a-plain-secret-of-32-characters-01
      - digest: sha256:2f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd
  - id: gate
    role: tenant_admin
    secrets:
      - digest: sha256:1f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd
";

    #[test]
    fn the_sample_can_be_used_once_its_secret_is_replaced() {
        let sample = include_str!("../tokens.example.yaml");
        let refused = parse_token_file(sample).unwrap_err().to_string();
        assert!(refused.contains("published sample"), "{refused}");
        let replaced = sample.replace("replace-this-with", "something-of-my-own");
        let (table, has_plain) = parse_token_file(&replaced).unwrap();
        assert!(has_plain && table.tokens.len() == 1);
    }

    #[test]
    fn a_good_file_is_read_whole() {
        let (table, has_plain) = parse_token_file(GOOD).unwrap();
        assert!(has_plain);
        let [app, gate] = table.tokens.as_slice() else { panic!("{table:?}") };
        assert_eq!((app.id.as_str(), app.secrets.len()), ("app", 2));
        assert!(app.scopes.contains(Scope::MemoryWritePublic) && !app.scopes.contains(Scope::ToolsExecute));
        assert_eq!((gate.bound_tenant.clone(), gate.scopes), (None, ScopeSet::all()));
    }

    #[test]
    fn deny_beats_extra() {
        let text = GOOD.replace("deny_scopes: [tools:execute]", "deny_scopes: [memory:write:public]");
        assert!(!parse_token_file(&text).unwrap().0.tokens[0].scopes.contains(Scope::MemoryWritePublic));
    }

    /// The error after replacing one text by another; it must never show a secret.
    fn refusal(from: &str, to: &str) -> String {
        let text = GOOD.replace(from, to);
        assert_ne!(text, GOOD);
        let error = parse_token_file(&text).unwrap_err().to_string();
        assert!(!error.contains("a-plain-secret") && !error.contains("e3ce08a0"), "{error}");
        error
    }

    #[test]
    fn a_bad_file_is_refused_by_line() {
        assert!(refusal("role: user", "role: boss").contains("line 3: token 'app' has the unknown role 'boss'"));
        assert!(refusal("tools:execute", "tools:run").contains("unknown scope 'tools:run'"));
        assert!(
            refusal("a-plain-secret-of-32-characters-01", "short")
                .contains("line 9: secret 1 of token 'app' is shorter")
        );
        assert!(refusal("sha256:1f", "sha256:2f").contains("line 14: secret 1 of token 'gate' is given twice"));
        assert!(refusal("id: gate", "id: app").contains("has the id of another token"));
        assert!(refusal("bound_tenant: acme", "bound_tenant: a/b").contains("has a bound_tenant that must be 1 to 64"));
        assert!(refusal("    role: user", "    roles: user").contains("line 5"));
        assert!(refusal("value: a-plain", "valeu: a-plain").contains("line 9"));
        assert!(refusal("    role: user\n", "    role: user\n    role: user\n").contains("line 6"));
        assert!(refusal("tokens:", "tokens: [").contains("line"));
    }
}
