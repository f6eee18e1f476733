//! What is checked once a message is there: for whom the call acts, and whether its token may make it.

use gateway_auth::{Caller, Scope, ScopeId, UserId};
use gateway_proto::{Access, ApiError, Rpc, metadata};
use http::{HeaderMap, HeaderName};

use crate::api_errors;

/// For whom a call acts within its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The end user; none: the token itself.
    pub user: Option<UserId>,
    /// The scope for memory and system prompts; none: `default`.
    pub scope: Option<ScopeId>,
}

/// Reads for whom a call acts.
pub fn identify(headers: &HeaderMap) -> Result<Identity, ApiError> {
    Ok(Identity {
        user: name(headers, &metadata::SPASS_USER_ID, UserId::parse)?,
        scope: name(headers, &metadata::SPASS_SCOPE_ID, ScopeId::parse)?,
    })
}

/// Whether the caller's token holds the scope that an RPC needs.
pub fn permit(caller: &Caller, rpc: Rpc) -> Result<(), ApiError> {
    let needed = match rpc.access() {
        Access::Public | Access::Authenticated => return Ok(()),
        Access::Scopes(needed) => needed,
    };
    let is_held = |name: &str| Scope::from_name(name).is_some_and(|scope| caller.token.scopes.contains(scope));
    let Some(missing) = needed.iter().find(|name| !is_held(name)) else { return Ok(()) };
    tracing::info!(token = caller.token.id, scope = missing, "token '{}' lacks the scope {missing}", caller.token.id);
    Err(api_errors::forbidden())
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
        identify(&headers)
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
