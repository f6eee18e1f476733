//! The token file as it is written.

use std::num::NonZeroU32;

use jiff::Timestamp;
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::secret::Secret;
use crate::token::TokenSecret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) tenants: Vec<TenantEntry>,
    pub(super) tokens: Vec<TokenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TenantEntry {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) require_user_id: bool,
    #[serde(default)]
    pub(super) prompt_required: bool,
    #[serde(default)]
    pub(super) confirm_in_later_turn: bool,
    #[serde(default)]
    pub(super) models: Option<Spanned<ModelsEntry>>,
    #[serde(default)]
    pub(super) default_scope: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelsEntry {
    #[serde(default)]
    pub(super) allow: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) deny: Option<Vec<Spanned<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) id: Spanned<String>,
    pub(super) secrets: Vec<Spanned<SecretEntry>>,
    #[serde(default)]
    pub(super) bound_tenant: Option<Spanned<String>>,
    pub(super) role: Spanned<String>,
    #[serde(default)]
    pub(super) extra_scopes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) deny_scopes: Vec<Spanned<String>>,
    #[serde(default)]
    pub(super) scope_ids: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) rate_limit: Option<Spanned<RateEntry>>,
    #[serde(default)]
    pub(super) max_streams: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) server_tools: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) server_tools_on_v1: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateEntry {
    pub(super) per_second: f64,
    #[serde(default)]
    pub(super) burst: Option<NonZeroU32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretEntry {
    #[serde(default)]
    pub(super) value: Option<String>,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    not_before: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
}

impl SecretEntry {
    /// The secret, and when it is valid.
    pub(super) fn read(&self) -> Result<TokenSecret, String> {
        let secret = match (&self.value, &self.digest) {
            (Some(value), None) => Secret::from_plain(value),
            (None, Some(digest)) => Secret::from_digest(digest),
            _ => return Err("must have either value or digest".to_owned()),
        };
        let secret = secret.map_err(|weak| weak.to_string())?;
        let not_before = moment("not_before", self.not_before.as_deref())?;
        let expires_at = moment("expires_at", self.expires_at.as_deref())?;
        if not_before.zip(expires_at).is_some_and(|(begin, end)| end <= begin) {
            return Err("expires before it is valid".to_owned());
        }
        Ok(TokenSecret { secret, not_before, expires_at })
    }
}

fn moment(key: &str, text: Option<&str>) -> Result<Option<Timestamp>, String> {
    let parsed = text.map(str::parse::<Timestamp>).transpose();
    parsed.map_err(|_| format!("has a {key} that is not a time as in 2026-12-31T23:59:59Z"))
}
