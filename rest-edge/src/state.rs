//! What every handler has at hand.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::core_client::CoreClient;
use crate::pages::Asset;

/// What every handler has at hand; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Edge(Arc<Parts>);

/// What the edge is built from.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The way to the core.
    pub(crate) core: CoreClient,
    /// The address under which clients reach the edge, without a slash at its end.
    pub(crate) public_url: String,
    /// What clients speak to the edge: `http` or `https`.
    pub(crate) scheme: &'static str,
    /// The largest request body, in bytes.
    pub(crate) max_body_bytes: usize,
    /// How long a body may take, besides one second for each KiB.
    pub(crate) body_timeout: Duration,
    /// How long a stream may be silent before a comment is sent.
    pub(crate) keep_alive: Duration,
    /// The room for request bodies, in KiB.
    pub(crate) body_room: Arc<Semaphore>,
    /// Cancelled once the process is about to end.
    pub(crate) ends: CancellationToken,
    /// The OpenAPI document.
    pub(crate) openapi: Bytes,
    /// The page that the link in every error leads to.
    pub(crate) error_page: Asset,
}

impl std::ops::Deref for Edge {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Edge {
    /// Shares these parts.
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}
