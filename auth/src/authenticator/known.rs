//! The secrets and tenants that are known at one time.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::UsualLimits;
use crate::identity::TenantId;
use crate::rate_limit::{RateLimit, RequestLimiter};
use crate::secret::Secret;
use crate::streams::OpenStreams;
use crate::tenant::Tenant;
use crate::token::{Token, TokenSecret, TokenTable};

/// The secrets and tenants that are known at one time.
#[derive(Debug, Default)]
pub(super) struct Known {
    entries: HashMap<Secret, Arc<Entry>>,
    tenants: HashMap<TenantId, Arc<Tenant>>,
}

/// A secret.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) secret: TokenSecret,
    pub(super) token: Arc<Token>,
    pub(super) bound_tenant: Option<Arc<Tenant>>,
    pub(super) limiter: Option<Arc<RequestLimiter>>,
    pub(super) max_streams: NonZeroU32,
    /// Shared by the secrets of a token.
    pub(super) streams: OpenStreams,
    pub(super) revoked: CancellationToken,
}

impl Known {
    /// What a table says. What goes on living of a secret or a token is taken over from what was known before.
    pub(super) fn new(table: TokenTable, usual: &UsualLimits, before: &Self) -> Self {
        let tenants = table.tenants.into_iter().map(|tenant| (tenant.id.clone(), Arc::new(tenant)));
        let mut known = Self { entries: HashMap::new(), tenants: tenants.collect() };
        for token in table.tokens {
            known.add(token, usual, before);
        }
        known
    }

    fn add(&mut self, token: Token, usual: &UsualLimits, before: &Self) {
        let bound_tenant = token.bound_tenant.clone().map(|id| self.tenant(id));
        let limit = token.rate.resolve(usual.rate, usual.burst);
        let streams = before.streams_of(&token.id).unwrap_or_default();
        let token = Arc::new(token);
        for secret in token.secrets.iter().copied() {
            let same = before.find(&secret.secret).filter(|entry| entry.stays_with(&token));
            let entry = Entry {
                secret,
                token: Arc::clone(&token),
                bound_tenant: bound_tenant.clone(),
                limiter: limit
                    .map(|limit| same.and_then(|same| same.limiter_of(limit)).unwrap_or_else(|| rested(limit))),
                max_streams: token.max_streams.unwrap_or(usual.streams),
                streams: streams.clone(),
                revoked: same.map(|same| same.revoked.clone()).unwrap_or_default(),
            };
            self.entries.insert(secret.secret, Arc::new(entry));
        }
    }

    fn streams_of(&self, token_id: &str) -> Option<OpenStreams> {
        self.entries.values().find(|entry| entry.token.id == token_id).map(|entry| entry.streams.clone())
    }

    /// The entry of a secret.
    pub(super) fn find(&self, secret: &Secret) -> Option<&Arc<Entry>> {
        self.entries.get(secret).filter(|entry| entry.secret.secret.matches(secret))
    }

    /// What holds for a tenant, whether or not anything is said of it.
    pub(super) fn tenant(&self, id: TenantId) -> Arc<Tenant> {
        self.tenants.get(&id).cloned().unwrap_or_else(|| Arc::new(Tenant::named(id)))
    }

    pub(super) fn secret_count(&self) -> usize {
        self.entries.len()
    }

    /// Tells the callers of secrets that another table does not go on with.
    pub(super) fn revoke_unless_in(&self, now: &Self) {
        for (secret, entry) in &self.entries {
            let goes_on = now.find(secret).is_some_and(|successor| entry.stays_with(&successor.token));
            if !goes_on {
                entry.revoked.cancel();
            }
        }
    }

    /// Tells the callers of secrets whose time is over.
    pub(super) fn revoke_expired(&self, now: Timestamp) {
        for entry in self.entries.values().filter(|entry| entry.secret.has_expired(now)) {
            entry.revoked.cancel();
        }
    }
}

impl Entry {
    /// Whether the secret is still the same caller's, whose calls may go on.
    fn stays_with(&self, token: &Token) -> bool {
        let is_same = self.token.id == token.id && self.token.bound_tenant == token.bound_tenant;
        is_same && !self.revoked.is_cancelled()
    }

    fn limiter_of(&self, limit: RateLimit) -> Option<Arc<RequestLimiter>> {
        self.limiter.clone().filter(|limiter| limiter.limit() == limit)
    }
}

fn rested(limit: RateLimit) -> Arc<RequestLimiter> {
    Arc::new(RequestLimiter::new(limit))
}
