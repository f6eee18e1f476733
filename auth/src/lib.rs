//! Who is calling, and may they.
//!
//! [`TokenTable`] is made of the operator's token file; [`Authenticator`] turns a credential into a [`Caller`], whose
//! [`Token`] says what it may do, whose [`Tenant`] what holds for all of its callers, and whose [`RequestLimiter`] how
//! often. The table can be replaced while calls go on. A secret is hashed before anything else sees it, and no type here
//! can print one.
//!
//! This crate knows no gRPC, HTTP or SQL, and depends on nothing of ours.

mod authenticator;
mod error;
mod identity;
mod pattern;
mod rate_limit;
mod scope;
mod secret;
mod streams;
mod tenant;
mod token;
mod token_file;

pub use authenticator::{Authenticator, Caller, UsualLimits};
pub use error::{AuthError, TokenFileError};
pub use identity::{InvalidName, ScopeId, TenantId, UserId};
pub use pattern::{InvalidPattern, NamePattern};
pub use rate_limit::{RateLimit, RateState, Refused, RequestLimiter};
pub use scope::{Role, Scope, ScopeSet};
pub use secret::{Secret, WeakSecret};
pub use streams::StreamPermit;
pub use tenant::{ModelRule, Tenant};
pub use token::{Grants, RateRule, Token, TokenSecret, TokenTable, ToolRule, Verdict};
pub use token_file::{TokenFile, parse_token_file};
