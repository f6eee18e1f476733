//! The state of the gateway's parts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::{Instant, timeout};

use crate::catalog::Catalog;
use crate::routing::{CircuitState, Target};
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
    let upstreams = catalog.upstreams().iter().map(|upstream| ask(upstream, &catalog));
    let (storage, upstreams) = join(ask_storage(shared), join_all(upstreams)).await;
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

async fn ask(upstream: &Arc<Upstream>, catalog: &Catalog) -> Part {
    let begin = Instant::now();
    let fault = match upstream.check(PATIENCE).await {
        Err(UpstreamError::Refused { status: 401 | 403, .. }) => Some("it refuses the configured key".to_owned()),
        Err(other) => Some(other.to_string()),
        Ok(()) => circuits(upstream, catalog),
    };
    Part { name: upstream.name().to_owned(), latency: begin.elapsed(), fault }
}

/// How many models of a server that answers are left alone, since chats with them failed.
fn circuits(upstream: &Arc<Upstream>, catalog: &Catalog) -> Option<String> {
    let candidates = catalog.models().iter().flat_map(|model| model.route.candidates());
    let targets = candidates.map(|candidate| &*candidate.target);
    let is_open =
        |target: &&Target| Arc::ptr_eq(target.upstream(), upstream) && target.circuit() != CircuitState::Closed;
    // Several aliases may lead to one model.
    let open: HashSet<&str> = targets.filter(is_open).map(Target::upstream_model).collect();
    match open.len() {
        0 => None,
        1 => Some("it answers, but one of its models failed several times in a row and is left alone".to_owned()),
        count => {
            Some(format!("it answers, but {count} of its models failed several times in a row and are left alone"))
        }
    }
}
