//! The operator's token file.

mod entries;

use std::collections::HashSet;

use serde_saphyr::Spanned;

use crate::error::TokenFileError;
use crate::identity::{ScopeId, TenantId};
use crate::pattern::NamePattern;
use crate::scope::{Role, Scope, ScopeSet};
use crate::secret::Secret;
use crate::tenant::{ModelRule, Tenant};
use crate::token::{Grants, RateRule, Token, TokenSecret, TokenTable, ToolRule};

use entries::{File, ModelsEntry, RateEntry, TenantEntry, TokenEntry};

/// What a token file says.
#[derive(Debug, Default)]
pub struct TokenFile {
    /// The tokens and tenants.
    pub table: TokenTable,
    /// Whether any secret is there in plain, so that nobody else should be able to read the file.
    pub has_plain_secrets: bool,
}

/// What the text of a token file describes.
///
/// An unknown key, role or scope, a weak secret, or a name or secret given twice is an error that names the line and
/// never a value of a secret.
pub fn parse_token_file(text: &str) -> Result<TokenFile, TokenFileError> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| form(&error))?;
    let mut reader = Reader::default();
    for entry in file.tenants {
        let tenant = reader.tenant(entry)?;
        reader.file.table.tenants.push(tenant);
    }
    for entry in file.tokens {
        let token = reader.token(entry)?;
        reader.file.table.tokens.push(token);
    }
    Ok(reader.file)
}

/// The library's error with its place and without its excerpt, which could hold a secret.
fn form(error: &serde_saphyr::Error) -> TokenFileError {
    TokenFileError::Form(without_strange_key(&error.without_snippet().to_string()))
}

/// A key that looks like none of ours can be a secret, as in `value:SECRET` without the blank.
fn without_strange_key(text: &str) -> String {
    const BEGIN: &str = "unknown field `";
    let is_plain = |key: &str| key.len() <= 24 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let quoted = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once('`')?)));
    match quoted {
        Some((before, (key, after))) if !is_plain(key) => format!("{before}{BEGIN}?`{after}"),
        _ => text.to_owned(),
    }
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    file: TokenFile,
    tenant_ids: HashSet<TenantId>,
    token_ids: HashSet<String>,
    secrets: HashSet<Secret>,
}

/// Of what an error tells.
#[derive(Clone, Copy)]
struct Subject<'a> {
    kind: &'static str,
    id: &'a Spanned<String>,
}

impl Subject<'_> {
    fn wrong(self, reason: impl std::fmt::Display) -> TokenFileError {
        self.wrong_at(self.id, reason)
    }

    /// Where another value than the id is at fault.
    fn wrong_at<T>(self, at: &Spanned<T>, reason: impl std::fmt::Display) -> TokenFileError {
        // A broken id can hold anything, and be a secret that slipped into the wrong line.
        let id = if is_name(&self.id.value) { self.id.value.clone() } else { "?".to_owned() };
        TokenFileError::Entry { line: at.referenced.line(), kind: self.kind, id, reason: reason.to_string() }
    }

    fn patterns(self, texts: &[Spanned<String>]) -> Result<Vec<NamePattern>, TokenFileError> {
        let pattern = |text: &Spanned<String>| {
            NamePattern::parse(&text.value).map_err(|invalid| self.wrong_at(text, format!("has a name that {invalid}")))
        };
        texts.iter().map(pattern).collect()
    }

    fn scopes(self, names: &[Spanned<String>]) -> Result<ScopeSet, TokenFileError> {
        let scope = |name: &Spanned<String>| {
            Scope::from_name(&name.value)
                .ok_or_else(|| self.wrong_at(name, format!("has the unknown scope '{}'", name.value)))
        };
        names.iter().map(scope).collect()
    }
}

fn is_name(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Reader {
    fn tenant(&mut self, entry: TenantEntry) -> Result<Tenant, TokenFileError> {
        let subject = Subject { kind: "tenant", id: &entry.id };
        let id = TenantId::parse(&entry.id.value);
        let id = id.map_err(|invalid| subject.wrong(format!("has an id that {invalid}")))?;
        if !self.tenant_ids.insert(id.clone()) {
            return Err(subject.wrong("has the id of another tenant"));
        }
        let default_scope = match &entry.default_scope {
            None => ScopeId::usual(),
            Some(scope) => ScopeId::parse(&scope.value)
                .map_err(|invalid| subject.wrong_at(scope, format!("has a default_scope that {invalid}")))?,
        };
        Ok(Tenant {
            id,
            requires_user: entry.require_user_id,
            requires_prompt: entry.prompt_required,
            confirms_in_later_turn: entry.confirm_in_later_turn,
            models: models(subject, entry.models.as_ref())?,
            default_scope,
        })
    }

    fn token(&mut self, entry: TokenEntry) -> Result<Token, TokenFileError> {
        let subject = Subject { kind: "token", id: &entry.id };
        if !is_name(&entry.id.value) {
            return Err(subject.wrong("must have an id of 1 to 64 visible ASCII characters"));
        }
        if !self.token_ids.insert(entry.id.value.clone()) {
            return Err(subject.wrong("has the id of another token"));
        }
        let secrets = self.secrets(subject, &entry)?;
        let role = Role::from_name(&entry.role.value).ok_or_else(|| {
            let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
            let names = names.join(", ");
            subject.wrong_at(&entry.role, format!("has the unknown role '{}'; roles are {names}", entry.role.value))
        })?;
        let bound_tenant = entry.bound_tenant.as_ref().map(|name| {
            TenantId::parse(&name.value)
                .map_err(|invalid| subject.wrong_at(name, format!("has a bound_tenant that {invalid}")))
        });
        Ok(Token {
            bound_tenant: bound_tenant.transpose()?,
            grants: Grants {
                role,
                extra: subject.scopes(&entry.extra_scopes)?,
                denied: subject.scopes(&entry.deny_scopes)?,
            },
            secrets,
            scope_ids: entry.scope_ids.as_deref().map(|names| subject.patterns(names)).transpose()?,
            rate: rate(subject, entry.rate_limit.as_ref())?,
            max_streams: entry.max_streams,
            server_tools: match &entry.server_tools {
                None => ToolRule::BuiltIn,
                Some(names) => ToolRule::Only(subject.patterns(names)?),
            },
            server_tools_on_v1: entry.server_tools_on_v1,
            id: entry.id.value,
        })
    }

    fn secrets(&mut self, subject: Subject<'_>, entry: &TokenEntry) -> Result<Vec<TokenSecret>, TokenFileError> {
        if entry.secrets.is_empty() {
            return Err(subject.wrong("has no secret"));
        }
        let mut secrets = Vec::new();
        for (index, spanned) in entry.secrets.iter().enumerate() {
            let wrong = |reason: String| TokenFileError::Secret {
                line: spanned.referenced.line(),
                token: entry.id.value.clone(),
                number: index + 1,
                reason,
            };
            self.file.has_plain_secrets |= spanned.value.value.is_some();
            let secret = spanned.value.read().map_err(wrong)?;
            if !self.secrets.insert(secret.secret) {
                return Err(wrong("is given twice in this file".to_owned()));
            }
            secrets.push(secret);
        }
        Ok(secrets)
    }
}

fn models(subject: Subject<'_>, entry: Option<&Spanned<ModelsEntry>>) -> Result<ModelRule, TokenFileError> {
    let Some(entry) = entry else { return Ok(ModelRule::Any) };
    match (&entry.value.allow, &entry.value.deny) {
        (Some(names), None) => subject.patterns(names).map(ModelRule::Only),
        (None, Some(names)) => subject.patterns(names).map(ModelRule::AllBut),
        _ => Err(subject.wrong_at(entry, "must have either allow or deny under models")),
    }
}

fn rate(subject: Subject<'_>, entry: Option<&Spanned<RateEntry>>) -> Result<RateRule, TokenFileError> {
    let Some(entry) = entry else { return Ok(RateRule::Usual) };
    let RateEntry { per_second, burst } = entry.value;
    match per_second {
        0.0 if burst.is_none() => Ok(RateRule::Unlimited),
        0.0 => Err(subject.wrong_at(entry, "has a burst without a rate; per_second: 0 means no limit")),
        _ if (0.001..=1e6).contains(&per_second) => Ok(RateRule::Own { per_second, burst }),
        _ => Err(subject.wrong_at(entry, "must have a per_second of 0.001 to 1000000, or 0 for no limit")),
    }
}

#[cfg(test)]
mod tests;
