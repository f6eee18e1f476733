//! Where a server of tools is.

use std::time::Duration;

use gateway_auth::NamePattern;
use http::HeaderMap;
use url::Url;

/// A server that speaks the Model Context Protocol, as the operator describes it.
#[derive(Debug, Clone)]
pub struct McpEndpoint {
    /// The operator's name for it, which the names of its tools begin with.
    pub name: String,
    /// Its address.
    pub url: Url,
    /// Headers that it is sent besides.
    pub headers: HeaderMap,
    /// How long a call of one of its tools may take; none: as long as of any other.
    pub timeout: Option<Duration>,
    /// Which of its tools are taken, by its own names for them.
    pub allow: Vec<NamePattern>,
    /// Certificates of private authorities, trusted besides the public ones, in DER.
    pub extra_roots: Vec<Vec<u8>>,
}
