//! The state of the gateway's parts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{Instant, timeout};

use crate::shared::Shared;
use crate::upstream::{Upstream, UpstreamError};

/// How long a model server may take to show that it answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// One part.
#[derive(Debug)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// How long it took to answer.
    pub latency: Duration,
    /// What is wrong with it, in our own words; none when it works.
    pub fault: Option<String>,
}

/// Asks every part.
pub async fn parts(shared: &Shared) -> Vec<Part> {
    let fault = shared.in_flight().ends().then(|| "it is shutting down".to_owned());
    let core = Part { name: "core".to_owned(), latency: Duration::ZERO, fault };
    let catalog = shared.catalog().load();
    let (storage, upstreams) = join(ask_storage(shared), join_all(catalog.upstreams().iter().map(ask))).await;
    [core, storage].into_iter().chain(upstreams).collect()
}

async fn ask_storage(shared: &Shared) -> Part {
    let begin = Instant::now();
    let answer = timeout(PATIENCE, shared.store().check()).await;
    let fault = match answer {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("the database did not answer in time".to_owned()),
    };
    Part { name: "storage".to_owned(), latency: begin.elapsed(), fault }
}

async fn ask(upstream: &Arc<Upstream>) -> Part {
    let begin = Instant::now();
    let fault = upstream.check(PATIENCE).await.err().map(|error| match error {
        UpstreamError::Refused { status: 401 | 403, .. } => "it refuses the configured key".to_owned(),
        other => other.to_string(),
    });
    Part { name: upstream.name().to_owned(), latency: begin.elapsed(), fault }
}
