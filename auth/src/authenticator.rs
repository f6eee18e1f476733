//! From a credential to a caller.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::AuthError;
use crate::identity::TenantId;
use crate::rate_limit::{RateLimit, RequestLimiter};
use crate::scope::{Role, ScopeSet};
use crate::secret::Secret;

/// A longer credential is refused before it is hashed.
const MAX_TOKEN_BYTES: usize = 512;

/// A token as the operator describes it.
#[derive(Debug, Clone)]
pub struct Token {
    /// The operator's name for it; appears in logs.
    pub id: String,
    /// The tenant that it acts for; none: the caller chooses.
    pub bound_tenant: Option<TenantId>,
    /// The role that its scopes began with.
    pub role: Role,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Its secrets, each valid on its own.
    pub secrets: Vec<Secret>,
}

/// All tokens.
#[derive(Debug, Clone, Default)]
pub struct TokenTable {
    /// The tokens, in the operator's order.
    pub tokens: Vec<Token>,
}

/// Somebody whose credential was accepted.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The token used.
    pub token: Arc<Token>,
    /// The tenant that the call acts for.
    pub tenant: TenantId,
    /// The limiter of the secret used; none: not limited.
    pub limiter: Option<Arc<RequestLimiter>>,
}

/// Knows every secret by its digest.
#[derive(Debug)]
pub struct Authenticator {
    entries: HashMap<Secret, Entry>,
}

#[derive(Debug)]
struct Entry {
    secret: Secret,
    token: Arc<Token>,
    limiter: Option<Arc<RequestLimiter>>,
}

impl Authenticator {
    /// Knows the tokens of a table; `limit` holds for each secret of its own, none: not limited.
    #[must_use]
    pub fn new(table: TokenTable, limit: Option<RateLimit>) -> Self {
        let mut entries = HashMap::new();
        for token in table.tokens.into_iter().map(Arc::new) {
            for secret in token.secrets.iter().copied() {
                let limiter = limit.map(|limit| Arc::new(RequestLimiter::new(limit)));
                entries.insert(secret, Entry { secret, token: Arc::clone(&token), limiter });
            }
        }
        Self { entries }
    }

    /// The caller with these credentials who chose these tenants; every value that was sent, in order.
    ///
    /// More than one credential, or two different tenants, are not accepted.
    pub fn authenticate<'a>(
        &self,
        mut credentials: impl Iterator<Item = &'a [u8]>,
        tenants: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Caller, AuthError> {
        let credential = credentials.next().ok_or(AuthError::Missing)?;
        if credentials.next().is_some() {
            return Err(AuthError::NotAccepted("more than one credential"));
        }
        let token = bearer(credential).ok_or(AuthError::NotAccepted("not of the form Bearer and a token"))?;
        let secret = Secret::of_token(token);
        let entry = self.entries.get(&secret).filter(|entry| entry.secret.matches(&secret));
        let entry = entry.ok_or(AuthError::NotAccepted("unknown token"))?;
        let tenant = choose_tenant(&entry.token, tenants)?;
        Ok(Caller { token: Arc::clone(&entry.token), tenant, limiter: entry.limiter.clone() })
    }
}

/// The token of `Bearer <token>`.
fn bearer(credential: &[u8]) -> Option<&[u8]> {
    let token = credential.strip_prefix(b"Bearer ")?.trim_ascii();
    let is_token = (1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
    is_token.then_some(token)
}

/// The tenant that the token is bound to, or that an unbound token's caller chose.
fn choose_tenant<'a>(token: &Token, mut chosen: impl Iterator<Item = &'a [u8]>) -> Result<TenantId, AuthError> {
    let first = chosen.next();
    if chosen.any(|other| Some(other) != first) {
        return Err(AuthError::NotAccepted("two different tenants"));
    }
    match (&token.bound_tenant, first) {
        (Some(bound), None) => Ok(bound.clone()),
        (Some(bound), Some(name)) if bound.as_str().as_bytes() == name => Ok(bound.clone()),
        (Some(_), Some(_)) => Err(AuthError::NotAccepted("a tenant that the token is not bound to")),
        (None, None) => Err(AuthError::TenantNotChosen),
        (None, Some(name)) => std::str::from_utf8(name)
            .ok()
            .and_then(|name| TenantId::parse(name).ok())
            .ok_or(AuthError::NotAccepted("a tenant name of the wrong form")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "first-secret-of-32-characters-0001";
    const SECOND: &str = "second-secret-of-32-characters-002";

    fn authenticator(bound_tenant: Option<&str>) -> Authenticator {
        let token = Token {
            id: "app".to_owned(),
            bound_tenant: bound_tenant.map(|name| TenantId::parse(name).unwrap()),
            role: Role::User,
            scopes: Role::User.scopes(),
            secrets: vec![Secret::from_plain(FIRST).unwrap(), Secret::from_plain(SECOND).unwrap()],
        };
        Authenticator::new(TokenTable { tokens: vec![token] }, None)
    }

    fn authenticate(bound: Option<&str>, credentials: &[&[u8]], tenants: &[&[u8]]) -> Result<String, AuthError> {
        let caller = authenticator(bound).authenticate(credentials.iter().copied(), tenants.iter().copied())?;
        Ok(format!("{}@{}", caller.token.id, caller.tenant))
    }

    #[test]
    fn every_secret_of_a_token_is_accepted() {
        for secret in [FIRST, SECOND] {
            let header = format!("Bearer {secret}");
            assert_eq!(authenticate(Some("acme"), &[header.as_bytes()], &[]).unwrap(), "app@acme");
        }
    }

    #[test]
    fn hostile_credentials_are_not_accepted() {
        let good = format!("Bearer {FIRST}");
        let digest = "Bearer sha256:2f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd";
        let long = format!("Bearer {}", "x".repeat(1 << 20));
        assert_eq!(authenticate(Some("acme"), &[], &[]), Err(AuthError::Missing));
        for bad in [
            b"".as_slice(),
            b"Bearer",
            b"Bearer ",
            b"bearer x",
            b"Basic eA==",
            b"Bearer \xff",
            b"Bearer a b",
            b"Bearer \0",
            b"' OR 1=1 --",
            digest.as_bytes(),
            long.as_bytes(),
            &good.as_bytes()[..good.len() - 1],
        ] {
            let refused = authenticate(Some("acme"), &[bad], &[]).unwrap_err();
            assert!(matches!(refused, AuthError::NotAccepted(_)), "{}", String::from_utf8_lossy(bad));
        }
        let twice = authenticate(Some("acme"), &[good.as_bytes(), good.as_bytes()], &[]);
        assert!(matches!(twice, Err(AuthError::NotAccepted(_))));
    }

    #[test]
    fn a_tenant_must_be_the_bound_one_or_chosen() {
        let good = format!("Bearer {FIRST}");
        let credential: &[&[u8]] = &[good.as_bytes()];
        assert_eq!(authenticate(Some("acme"), credential, &[b"acme"]).unwrap(), "app@acme");
        assert_eq!(authenticate(Some("acme"), credential, &[b"acme", b"acme"]).unwrap(), "app@acme");
        assert_eq!(authenticate(None, credential, &[b"other"]).unwrap(), "app@other");
        assert_eq!(authenticate(None, credential, &[]), Err(AuthError::TenantNotChosen));
        for (bound, tenants) in [
            (Some("acme"), &[b"other".as_slice()][..]),
            (Some("acme"), &[b"acme", b"x"]),
            (None, &[b"a", b"b"]),
            (None, &[b"a/b"]),
        ] {
            assert!(matches!(authenticate(bound, credential, tenants), Err(AuthError::NotAccepted(_))));
        }
    }
}
