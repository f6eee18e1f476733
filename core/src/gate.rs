//! What is checked once a message is there: for whom the call acts, and whether its token may make it.

mod acting;

use std::sync::Arc;

use gateway_auth::{Caller, Role, Scope, ScopeId, UserId};
use gateway_proto::{Access, ApiError, Rpc, metadata};
use gateway_storage::{KeyClaim, Owner, Reader, Tenant, User};
use http::{HeaderMap, HeaderName};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::call::Call;

pub use acting::{Acting, acting};

/// The longest idempotency key.
const MAX_KEY_BYTES: usize = 255;

/// For whom a call acts within its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The end user; none: the token itself.
    pub user: Option<UserId>,
    /// The scope for memory and system prompts that the request names; none: its tenant's usual one.
    pub scope: Option<ScopeId>,
}

/// What a message says of its user besides the headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct NamedUser<'a> {
    /// The name; empty: none.
    pub name: &'a str,
    /// Where it stands, as in `body.user_id`.
    pub param: &'static str,
}

/// Why a token may not make a call. It is for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The token lacks this scope.
    Scope(&'static str),
    /// The token may not act in the scope of memory and prompts that the request names.
    ScopeId,
}

/// Reads for whom a call acts.
pub fn identify(headers: &HeaderMap, named: NamedUser<'_>) -> Result<Identity, ApiError> {
    let user = name(headers, &metadata::SPASS_USER_ID, UserId::parse)?;
    let scope = name(headers, &metadata::SPASS_SCOPE_ID, ScopeId::parse)?;
    if named.name.is_empty() {
        return Ok(Identity { user, scope });
    }
    let NamedUser { name, param } = named;
    let also = UserId::parse(name);
    let also = also.map_err(|invalid| ApiError::invalid_field(param, format!("'{param}' {invalid}.")))?;
    if user.is_some_and(|user| user != also) {
        let message = format!("'{param}' and the header 'spass-user-id' name different users; send one of them.");
        return Err(ApiError::invalid_field(param, message));
    }
    Ok(Identity { user: Some(also), scope })
}

/// Holds to it that a tenant wants its end users named. Its administrator may leave that out when reading.
pub fn require_user(caller: &Caller, rpc: Rpc, identity: &Identity) -> Result<(), ApiError> {
    let sees_all = rpc.reads() && caller.token().grants.role == Role::TenantAdmin;
    if identity.user.is_some() || !caller.tenant().requires_user || sees_all {
        return Ok(());
    }
    Err(ApiError::missing_field("headers.spass-user-id"))
}

/// The user and the tenant that a call belongs to.
pub fn owner(call: &Call, identity: &Identity) -> Owner {
    let user = match &identity.user {
        Some(user) => User::EndUser(user.into()),
        None => User::Token(call.caller.token().id.as_str().into()),
    };
    Owner { tenant: tenant(call), user }
}

/// The scope for memory and system prompts that a call acts in: the one that it names, else its tenant's usual one. None:
/// it names none, and its token may not act in the usual one.
pub fn scope(caller: &Caller, identity: &Identity) -> Option<ScopeId> {
    let scope = identity.scope.as_ref().unwrap_or(&caller.tenant().default_scope);
    caller.token().may_name(scope).then(|| scope.clone())
}

/// Whose data a call may read: its user's, or everybody's of the tenant for an administrator who names none.
pub fn reader(call: &Call, identity: &Identity) -> Reader {
    if identity.user.is_none() && call.caller.token().grants.role == Role::TenantAdmin {
        return Reader::Tenant(tenant(call));
    }
    Reader::Owner(owner(call, identity))
}

fn tenant(call: &Call) -> Tenant {
    Tenant::from(Arc::<str>::from(&call.caller.tenant().id))
}

/// The key that a request was sent under, for a request of this content.
pub fn idempotency_key(headers: &HeaderMap, rpc: Rpc, message: &impl Message) -> Result<Option<KeyClaim>, ApiError> {
    let key = name(headers, &metadata::IDEMPOTENCY_KEY, |key| {
        let has_form = (1..=MAX_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        has_form.then(|| key.to_owned()).ok_or("must be 1 to 255 visible ASCII characters")
    })?;
    Ok(key.map(|key| {
        // Unary and stream of one thing share a route, and are two requests.
        let digest = Sha256::new_with_prefix(rpc.name()).chain_update(message.encode_to_vec());
        KeyClaim { route: rpc.route(), key, fingerprint: digest.finalize().into() }
    }))
}

/// Whether the caller's token may make a call, in the scope of memory and prompts that it names.
pub fn permit(caller: &Caller, rpc: Rpc, scope: Option<&ScopeId>) -> Result<(), Withheld> {
    let needed = match rpc.access() {
        Access::Public | Access::Authenticated => return Ok(()),
        Access::Scopes(needed) => needed,
    };
    let token = caller.token();
    let is_held = |name: &str| Scope::from_name(name).is_some_and(|scope| token.grants.hold(scope));
    if let Some(missing) = needed.iter().find(|name| !is_held(name)) {
        return Err(Withheld::Scope(missing));
    }
    if scope.is_some_and(|scope| !token.may_name(scope)) { Err(Withheld::ScopeId) } else { Ok(()) }
}

fn name<T, E: std::fmt::Display>(
    headers: &HeaderMap,
    header: &HeaderName,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, ApiError> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let param = format!("headers.{header}");
    if values.any(|other| other != value) {
        let message = format!("'{param}' is given twice with different values; send one.");
        return Err(ApiError::invalid_field(param, message));
    }
    let parsed = parse(value.to_str().unwrap_or_default());
    parsed.map(Some).map_err(|invalid| ApiError::invalid_field(param.clone(), format!("'{param}' {invalid}.")))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const USER_HEADER: &str = "spass-user-id";
    const SCOPE_HEADER: &str = "spass-scope-id";

    fn identify_by(name: &'static str, values: &[&[u8]]) -> Result<Identity, ApiError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
        }
        identify(&headers, NamedUser::default())
    }

    #[test]
    fn names_are_read_from_the_headers() {
        let user = identify_by(USER_HEADER, &[b"ann"]).unwrap().user.unwrap();
        assert_eq!(user.as_str(), "ann");
        assert_eq!(identify_by(SCOPE_HEADER, &[b"room", b"room"]).unwrap().scope.unwrap().as_str(), "room");
        assert_eq!(identify_by("x-other", &[b"x"]).unwrap(), Identity { user: None, scope: None });
    }

    #[test]
    fn bad_names_are_refused_by_header() {
        for values in [&[b"".as_slice()][..], &[b"a b"], &[b"\xe4"], &[b"a", b"b"]] {
            let error = identify_by(USER_HEADER, values).unwrap_err();
            assert_eq!((error.code().facts().code, error.param()), ("invalid_field", Some("headers.spass-user-id")));
        }
    }

    #[test]
    fn every_scope_that_an_rpc_names_exists() {
        for rpc in Rpc::ALL {
            let Access::Scopes(names) = rpc.access() else { continue };
            for name in names {
                assert!(Scope::from_name(name).is_some(), "{} needs {name}", rpc.name());
            }
        }
    }
}
