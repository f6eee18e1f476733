//! What is checked once a message is there: for whom the call acts, and whether its token may make it.

mod acting;
mod permission;

use std::sync::Arc;

use gateway_auth::{Caller, Role, ScopeId, UserId};
use gateway_proto::{ApiError, Rpc, metadata};
use gateway_storage::{KeyClaim, Owner, Reader, Tenant, User};
use http::{HeaderMap, HeaderName};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::call::Call;

pub use acting::{Acting, acting};
pub(crate) use permission::scopes_of;
pub use permission::{Withheld, permit, permit_kind};

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

/// A name in a message, besides the headers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// The name; empty: none.
    pub name: &'a str,
    /// Where it stands, as in `body.user_id`.
    pub param: &'static str,
}

/// Reads for whom a call acts, by its headers and by what its message says of user and scope.
pub fn identify(headers: &HeaderMap, user: Named<'_>, scope: Named<'_>) -> Result<Identity, ApiError> {
    let of_headers = name(headers, &metadata::SPASS_USER_ID, UserId::parse)?;
    let user = beside(of_headers, user, UserId::parse, "the header 'spass-user-id' name different users")?;
    let of_headers = name(headers, &metadata::SPASS_SCOPE_ID, ScopeId::parse)?;
    let scope = beside(of_headers, scope, ScopeId::parse, "the header 'spass-scope-id' name different scopes")?;
    Ok(Identity { user, scope })
}

/// A name of the message beside that of the headers: the two must not differ.
fn beside<T: PartialEq, E: std::fmt::Display>(
    of_headers: Option<T>,
    named: Named<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
    differ: &str,
) -> Result<Option<T>, ApiError> {
    let Named { name, param } = named;
    if name.is_empty() {
        return Ok(of_headers);
    }
    let also = parse(name).map_err(|invalid| ApiError::invalid_field(param, format!("'{param}' {invalid}.")))?;
    if of_headers.is_some_and(|of_headers| of_headers != also) {
        return Err(ApiError::invalid_field(param, format!("'{param}' and {differ}; send one of them.")));
    }
    Ok(Some(also))
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
        identify(&headers, Named::default(), Named::default())
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
    fn a_message_must_not_name_another_scope_than_the_headers() {
        let identify = |of_headers: &'static str, name| {
            let mut headers = HeaderMap::new();
            if !of_headers.is_empty() {
                headers.insert(&metadata::SPASS_SCOPE_ID, HeaderValue::from_static(of_headers));
            }
            let identity = identify(&headers, Named::default(), Named { name, param: "query.scope" });
            identity.map(|identity| identity.scope.map(|scope| scope.as_str().to_owned()))
        };
        for (of_headers, name, found) in
            [("", "", None), ("a", "", Some("a")), ("", "a", Some("a")), ("a", "a", Some("a"))]
        {
            assert_eq!(identify(of_headers, name).unwrap().as_deref(), found);
        }
        for (of_headers, name) in [("a", "b"), ("", "a b"), ("a", "\u{e4}")] {
            assert_eq!(identify(of_headers, name).unwrap_err().param(), Some("query.scope"));
        }
    }
}
