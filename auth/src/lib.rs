//! Who is calling, and may they.
//!
//! [`TokenTable`] is made of the operator's token file; [`Authenticator`] turns a credential into a [`Caller`], whose
//! [`ScopeSet`] says what it may do and whose [`RequestLimiter`] says how often. A secret is hashed before anything
//! else sees it, and no type here can print one.
//!
//! This crate knows no gRPC, HTTP or SQL, and depends on nothing of ours.

mod authenticator;
mod error;
mod identity;
mod rate_limit;
mod scope;
mod secret;
mod token_file;

pub use authenticator::{Authenticator, Caller, Token, TokenTable};
pub use error::{AuthError, TokenFileError};
pub use identity::{InvalidName, ScopeId, TenantId, UserId};
pub use rate_limit::{RateLimit, RateState, Refused, RequestLimiter};
pub use scope::{Role, Scope, ScopeSet};
pub use secret::{Secret, WeakSecret};
pub use token_file::parse_token_file;
