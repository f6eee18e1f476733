//! Liveness and readiness.

use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use gateway_proto::v1::readiness_service_client::ReadinessServiceClient;
use gateway_proto::v1::{GetReadinessRequest, GetReadinessResponse, ReadinessPart};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use tokio::time::timeout;

use super::{Inbound, json_of};
use crate::core_client::CoreChannel;
use crate::error::Failure;
use crate::state::Edge;

/// How long the core may take to tell its state: longer than it gives its own parts.
const PATIENCE: Duration = Duration::from_secs(4);
const CORE: &str = "core";
const EDGE: &str = "edge";

/// `GET /healthz`: never touches the core.
pub(crate) async fn live() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#)
}

/// `GET /readyz`: 503 only when the core is not there or the process ends, so that a dead database or model server does
/// not take every replica out.
pub(crate) async fn ready(edge: Edge, inbound: Inbound) -> Result<Response, Failure> {
    let begin = Instant::now();
    let call =
        |mut client: ReadinessServiceClient<CoreChannel>, request| async move { client.get_readiness(request).await };
    let answer = timeout(PATIENCE, edge.core.call(inbound.outgoing, GetReadinessRequest {}, call)).await;
    let latency_ms = u32::try_from(begin.elapsed().as_micros().div_ceil(1000)).unwrap_or(u32::MAX);
    let mut readiness = match answer {
        Ok(Ok(answer)) => answer.into_inner(),
        Ok(Err(_)) | Err(_) => GetReadinessResponse { status: String::new(), parts: vec![unreachable_core()] },
    };
    for core in readiness.parts.iter_mut().filter(|part| part.name == CORE) {
        core.latency_ms = latency_ms;
    }
    if edge.ends.is_cancelled() {
        readiness.parts.push(ReadinessPart {
            name: EDGE.to_owned(),
            error: "it is shutting down".to_owned(),
            ..ReadinessPart::default()
        });
    }
    let serves = readiness.parts.iter().all(|part| part.ok || !matches!(part.name.as_str(), CORE | EDGE));
    let is_whole = readiness.parts.iter().all(|part| part.ok);
    readiness.status = if is_whole { "ok" } else { "degraded" }.to_owned();
    let mut response = json_of(HeaderMap::new(), &readiness)?;
    if !serves {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

fn unreachable_core() -> ReadinessPart {
    ReadinessPart { name: CORE.to_owned(), error: "it is not reachable".to_owned(), ..ReadinessPart::default() }
}
