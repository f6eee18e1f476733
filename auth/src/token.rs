//! A token: what the operator lets its holder do.

use std::num::NonZeroU32;

use jiff::Timestamp;

use crate::identity::{ScopeId, TenantId};
use crate::pattern::NamePattern;
use crate::rate_limit::RateLimit;
use crate::scope::{Role, Scope, ScopeSet};
use crate::secret::Secret;
use crate::tenant::Tenant;

/// A token as the operator describes it.
#[derive(Debug, Clone)]
pub struct Token {
    /// The operator's name for it; appears in logs.
    pub id: String,
    /// The tenant that it acts for; none: the caller chooses.
    pub bound_tenant: Option<TenantId>,
    /// What it may do, and by which rule.
    pub grants: Grants,
    /// Its secrets, each valid on its own.
    pub secrets: Vec<TokenSecret>,
    /// The scopes of memory and prompts that it may name; none: all of its tenant.
    pub scope_ids: Option<Vec<NamePattern>>,
    /// How often each of its secrets may call.
    pub rate: RateRule,
    /// How many streams it may have open at once; none: as many as any token.
    pub max_streams: Option<NonZeroU32>,
    /// The server-side tools that may be offered to it.
    pub server_tools: ToolRule,
    /// Whether they are offered on `/v1` too without being asked for.
    pub server_tools_on_v1: bool,
}

/// A secret, and when it is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenSecret {
    /// The secret.
    pub secret: Secret,
    /// From this moment on; none: from ever.
    pub not_before: Option<Timestamp>,
    /// Until just before this moment; none: for ever.
    pub expires_at: Option<Timestamp>,
}

/// How often a secret may call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateRule {
    /// As often as the settings say for every token.
    Usual,
    /// At a rate of its own; no burst: the usual one.
    Own {
        /// Requests per second, above 0.
        per_second: f64,
        /// Requests at once.
        burst: Option<NonZeroU32>,
    },
    /// As often as it likes.
    Unlimited,
}

/// Which server-side tools may be offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolRule {
    /// All that are built in.
    BuiltIn,
    /// These.
    Only(Vec<NamePattern>),
}

/// What a token may do. What is denied beats what is extra, which beats the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// The role that the scopes begin with.
    pub role: Role,
    /// What is added to it.
    pub extra: ScopeSet,
    /// What is taken away again.
    pub denied: ScopeSet,
}

/// Why a token holds a scope, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `deny_scopes` takes it away.
    Denied,
    /// `extra_scopes` adds it.
    Extra,
    /// The role holds it.
    Role,
    /// Nothing gives it.
    Missing,
}

impl Grants {
    /// What a role holds.
    #[must_use]
    pub fn of(role: Role) -> Self {
        Self { role, extra: ScopeSet::default(), denied: ScopeSet::default() }
    }

    /// All scopes.
    #[must_use]
    pub fn scopes(&self) -> ScopeSet {
        Scope::ALL.iter().copied().filter(|scope| self.hold(*scope)).collect()
    }

    /// Whether they hold a scope.
    #[must_use]
    pub fn hold(&self, scope: Scope) -> bool {
        matches!(self.verdict(scope), Verdict::Extra | Verdict::Role)
    }

    /// Why they hold a scope, or not.
    #[must_use]
    pub fn verdict(&self, scope: Scope) -> Verdict {
        if self.denied.contains(scope) {
            Verdict::Denied
        } else if self.extra.contains(scope) {
            Verdict::Extra
        } else if self.role.scopes().contains(scope) {
            Verdict::Role
        } else {
            Verdict::Missing
        }
    }
}

impl TokenSecret {
    /// A secret that is valid from ever for ever.
    #[must_use]
    pub fn always(secret: Secret) -> Self {
        Self { secret, not_before: None, expires_at: None }
    }

    /// Whether it is valid at a moment; the clock is asked only when that matters.
    pub(crate) fn is_valid(&self, now: impl FnOnce() -> Timestamp) -> bool {
        if self.not_before.is_none() && self.expires_at.is_none() {
            return true;
        }
        let now = now();
        self.not_before.is_none_or(|begin| begin <= now) && !self.has_expired(now)
    }

    /// Whether its time is over at a moment.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

impl RateRule {
    /// The rate of a secret, where this is the usual one; none: not limited.
    #[must_use]
    pub fn resolve(self, usual: Option<RateLimit>, usual_burst: NonZeroU32) -> Option<RateLimit> {
        match self {
            Self::Usual => usual,
            Self::Own { per_second, burst } => Some(RateLimit { per_second, burst: burst.unwrap_or(usual_burst) }),
            Self::Unlimited => None,
        }
    }
}

impl Token {
    /// A token of a tenant with the scopes of a role and nothing out of the ordinary.
    #[must_use]
    pub fn plain(id: &str, bound_tenant: Option<TenantId>, role: Role, secrets: Vec<TokenSecret>) -> Self {
        Self {
            id: id.to_owned(),
            bound_tenant,
            grants: Grants::of(role),
            secrets,
            scope_ids: None,
            rate: RateRule::Usual,
            max_streams: None,
            server_tools: ToolRule::BuiltIn,
            server_tools_on_v1: false,
        }
    }

    /// Whether it may act in a scope of its tenant.
    #[must_use]
    pub fn may_name(&self, scope: &ScopeId) -> bool {
        let Some(allowed) = &self.scope_ids else { return true };
        allowed.iter().any(|pattern| pattern.matches(scope.as_str()))
    }
}

/// All tokens and tenants.
#[derive(Debug, Clone, Default)]
pub struct TokenTable {
    /// The tenants of which something is said, in the operator's order.
    pub tenants: Vec<Tenant>,
    /// The tokens, in the operator's order.
    pub tokens: Vec<Token>,
}

impl TokenTable {
    /// The token of this id.
    #[must_use]
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.id == id)
    }

    /// What holds for a tenant, whether or not anything is said of it.
    #[must_use]
    pub fn tenant(&self, id: &TenantId) -> Tenant {
        self.tenants.iter().find(|tenant| tenant.id == *id).cloned().unwrap_or_else(|| Tenant::named(id.clone()))
    }

    /// The tenants that tokens are bound to while tenants are listed and they are not: a slip of the pen, most likely.
    pub fn unlisted_tenants(&self) -> impl Iterator<Item = (&Token, &TenantId)> {
        let is_listed = |id: &TenantId| self.tenants.is_empty() || self.tenants.iter().any(|tenant| tenant.id == *id);
        let bound = self.tokens.iter().filter_map(|token| Some((token, token.bound_tenant.as_ref()?)));
        bound.filter(move |(_, tenant)| !is_listed(tenant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_beats_extra_beats_role() {
        let scope = Scope::MemoryWritePublic;
        let set = |scopes: &[Scope]| scopes.iter().copied().collect::<ScopeSet>();
        let grants =
            |extra: &[Scope], denied: &[Scope]| Grants { role: Role::User, extra: set(extra), denied: set(denied) };
        assert_eq!(grants(&[], &[]).verdict(scope), Verdict::Missing);
        assert_eq!(grants(&[scope], &[]).verdict(scope), Verdict::Extra);
        assert_eq!(grants(&[scope], &[scope]).verdict(scope), Verdict::Denied);
        assert_eq!(grants(&[], &[]).verdict(Scope::ChatWrite), Verdict::Role);
        assert_eq!(grants(&[], &[Scope::ChatWrite]).scopes(), Role::User.scopes().without(set(&[Scope::ChatWrite])));
    }

    #[test]
    fn a_secret_is_valid_within_its_time() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let secret = TokenSecret {
            secret: Secret::of_token(b"x"),
            not_before: Some(at("2026-01-01T00:00:00Z")),
            expires_at: Some(at("2026-02-01T00:00:00Z")),
        };
        for (now, valid) in [
            ("2025-12-31T23:59:59Z", false),
            ("2026-01-01T00:00:00Z", true),
            ("2026-01-31T23:59:59Z", true),
            ("2026-02-01T00:00:00Z", false),
        ] {
            assert_eq!(secret.is_valid(|| at(now)), valid, "{now}");
        }
        assert!(TokenSecret::always(secret.secret).is_valid(|| unreachable!()));
    }
}
