//! Reads a model server's list of models, at the start and from time to time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::causes::causes;
use crate::shared::Shared;
use crate::upstream::Upstream;

/// How soon a list that could not be read is asked for again.
const RETRY: Duration = Duration::from_secs(10);

/// Keeps the catalog true to the server's list; never ends.
pub(crate) async fn follow(shared: Shared, upstream: Arc<Upstream>, refresh: Duration) {
    loop {
        let pause = if read_once(&shared, &upstream).await { refresh } else { RETRY };
        // A model that the operator's file has let go of may be in the list.
        drop(timeout(pause, shared.catalog().replaced()).await);
    }
}

/// Reads the list once; false when it could not be read.
pub(crate) async fn read_once(shared: &Shared, upstream: &Arc<Upstream>) -> bool {
    match upstream.models().await {
        Ok(names) => {
            tracing::debug!(upstream = upstream.name(), "upstream '{}' lists {} models", upstream.name(), names.len());
            shared.catalog().discovered(upstream, &names);
            true
        }
        Err(error) => {
            shared.catalog().not_discovered(&error);
            let name = upstream.name();
            let cause = causes(&error);
            tracing::warn!(upstream = name, %error, cause, "the models of upstream '{name}' could not be listed; trying again");
            false
        }
    }
}
