//! ReadinessService.

use gateway_proto::v1::readiness_service_server::ReadinessService;
use gateway_proto::v1::{GetReadinessRequest, GetReadinessResponse, ReadinessPart};
use tonic::{Request, Response, Status, async_trait};

use super::Adapter;
use crate::readiness::{Part, parts};

#[async_trait]
impl ReadinessService for Adapter {
    async fn get_readiness(&self, _: Request<GetReadinessRequest>) -> Result<Response<GetReadinessResponse>, Status> {
        let parts: Vec<ReadinessPart> = parts(&self.shared).await.into_iter().map(convert).collect();
        let status = if parts.iter().all(|part| part.ok) { "ok" } else { "degraded" };
        Ok(Response::new(GetReadinessResponse { status: status.to_owned(), parts }))
    }
}

fn convert(part: Part) -> ReadinessPart {
    ReadinessPart {
        name: part.name,
        ok: part.fault.is_none(),
        latency_ms: u32::try_from(part.latency.as_micros().div_ceil(1000)).unwrap_or(u32::MAX),
        error: part.fault.unwrap_or_default(),
    }
}
