//! From a credential to a caller.

mod known;

use std::num::NonZeroU32;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::error::AuthError;
use crate::identity::TenantId;
use crate::rate_limit::{RateLimit, RequestLimiter};
use crate::secret::Secret;
use crate::streams::StreamPermit;
use crate::tenant::Tenant;
use crate::token::{Token, TokenTable};

use known::{Entry, Known};

/// A longer credential is refused before it is hashed.
const MAX_TOKEN_BYTES: usize = 512;

/// What holds for a token of which the operator says nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UsualLimits {
    /// How often each secret may call; none: not limited.
    pub rate: Option<RateLimit>,
    /// How many calls each secret may make at once, for a token with a rate of its own that names none.
    pub burst: NonZeroU32,
    /// How many streams each token may have open at once.
    pub streams: NonZeroU32,
}

/// Somebody whose credential was accepted; cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    entry: Arc<Entry>,
    tenant: Arc<Tenant>,
}

/// Knows every secret by its digest. What it knows is read without a lock, and replaced as a whole.
#[derive(Debug)]
pub struct Authenticator {
    known: ArcSwap<Known>,
    usual: UsualLimits,
}

impl Authenticator {
    /// Knows the tokens of a table.
    #[must_use]
    pub fn new(table: TokenTable, usual: UsualLimits) -> Self {
        let known = Known::new(table, &usual, &Known::default());
        Self { known: ArcSwap::from_pointee(known), usual }
    }

    /// Knows the tokens of another table from now on.
    ///
    /// A secret that stays with its token keeps what is left of its rate. One that is gone is refused from here on, and
    /// its callers are told, so that what they have open ends.
    pub fn replace(&self, table: TokenTable) {
        let before = self.known.load_full();
        let now = Known::new(table, &self.usual, &before);
        let now = Arc::new(now);
        self.known.store(Arc::clone(&now));
        before.revoke_unless_in(&now);
    }

    /// Tells the callers of secrets whose time is over.
    pub fn revoke_expired(&self, now: Timestamp) {
        self.known.load().revoke_expired(now);
    }

    /// How many secrets are known.
    #[must_use]
    pub fn secret_count(&self) -> usize {
        self.known.load().secret_count()
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
        let known = self.known.load();
        let entry = known.find(&Secret::of_token(token)).ok_or(AuthError::NotAccepted("unknown token"))?;
        if !entry.secret.is_valid(Timestamp::now) {
            return Err(AuthError::NotAccepted("a secret outside of its time"));
        }
        let tenant = choose_tenant(&known, entry, tenants)?;
        Ok(Caller { entry: Arc::clone(entry), tenant })
    }
}

impl Caller {
    /// The token used.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.entry.token
    }

    /// The tenant that the call acts for.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The limiter of the secret used; none: not limited.
    #[must_use]
    pub fn limiter(&self) -> Option<&RequestLimiter> {
        self.entry.limiter.as_deref()
    }

    /// Counts one more stream of the token as open; an error names the most that there may be.
    pub fn open_stream(&self) -> Result<StreamPermit, NonZeroU32> {
        self.entry.streams.open(self.entry.max_streams.get()).ok_or(self.entry.max_streams)
    }

    /// Cancelled once the secret is not accepted any more: what it has open is to end.
    #[must_use]
    pub fn revoked(&self) -> &CancellationToken {
        &self.entry.revoked
    }
}

/// The token of `Bearer <token>`.
fn bearer(credential: &[u8]) -> Option<&[u8]> {
    let token = credential.strip_prefix(b"Bearer ")?.trim_ascii();
    let is_token = (1..=MAX_TOKEN_BYTES).contains(&token.len()) && token.iter().all(u8::is_ascii_graphic);
    is_token.then_some(token)
}

/// The tenant that the token is bound to, or that an unbound token's caller chose.
fn choose_tenant<'a>(
    known: &Known,
    entry: &Entry,
    mut chosen: impl Iterator<Item = &'a [u8]>,
) -> Result<Arc<Tenant>, AuthError> {
    let first = chosen.next();
    if chosen.any(|other| Some(other) != first) {
        return Err(AuthError::NotAccepted("two different tenants"));
    }
    match (&entry.bound_tenant, first) {
        (Some(bound), None) => Ok(Arc::clone(bound)),
        (Some(bound), Some(name)) if bound.id.as_str().as_bytes() == name => Ok(Arc::clone(bound)),
        (Some(_), Some(_)) => Err(AuthError::NotAccepted("a tenant that the token is not bound to")),
        (None, None) => Err(AuthError::TenantNotChosen),
        (None, Some(name)) => std::str::from_utf8(name)
            .ok()
            .and_then(|name| TenantId::parse(name).ok())
            .map(|id| known.tenant(id))
            .ok_or(AuthError::NotAccepted("a tenant name of the wrong form")),
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing_tests;
