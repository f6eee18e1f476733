//! UsageService.

use gateway_proto::v1::usage_service_server::UsageService;
use gateway_proto::v1::{GetUsageRequest, GetUsageResponse, UsageBucket, UsageGranularity};
use gateway_proto::{ApiError, Rpc};
use gateway_storage::Tenant;
use tonic::{Request, Response, Status, async_trait};

use super::convert::timestamp;
use super::{Adapter, Opened};
use crate::domain::price::NanoUsd;
use crate::usage::report::{Granularity, Question, report};

#[async_trait]
impl UsageService for Adapter {
    async fn get_usage(&self, request: Request<GetUsageRequest>) -> Result<Response<GetUsageResponse>, Status> {
        let Opened { call, message, .. } = self.open(request, Rpc::GetUsage)?;
        let asked = async {
            let granularity = granularity(message.granularity)?;
            let question = Question { from: message.from, to: message.to, granularity };
            let tenant = Tenant::new(call.caller.tenant().id.as_str());
            Ok((granularity, report(&self.shared, &tenant, question).await?))
        };
        let (granularity, report) = asked.await.map_err(|error| self.fail(&call.request_id, error))?;
        let granularity = match granularity {
            Granularity::Hour => UsageGranularity::Hour,
            Granularity::Day => UsageGranularity::Day,
            Granularity::Month => UsageGranularity::Month,
        };
        Ok(Response::new(GetUsageResponse {
            from: Some(timestamp(report.from)),
            to: Some(timestamp(report.to)),
            granularity: granularity.into(),
            items: report.buckets.into_iter().map(bucket).collect(),
        }))
    }
}

fn granularity(number: i32) -> Result<Granularity, ApiError> {
    match UsageGranularity::try_from(number) {
        Ok(UsageGranularity::Unspecified | UsageGranularity::Day) => Ok(Granularity::Day),
        Ok(UsageGranularity::Hour) => Ok(Granularity::Hour),
        Ok(UsageGranularity::Month) => Ok(Granularity::Month),
        Err(_) => Err(ApiError::invalid_field("query.granularity", "'query.granularity' must be hour, day or month.")),
    }
}

fn bucket(bucket: gateway_storage::UsageBucket) -> UsageBucket {
    let totals = bucket.totals;
    UsageBucket {
        starts_at: Some(timestamp(bucket.starts_at)),
        model: bucket.model,
        requests: totals.requests,
        estimated_requests: totals.estimated_requests,
        prompt_tokens: totals.prompt_tokens,
        cached_prompt_tokens: totals.cached_prompt_tokens,
        completion_tokens: totals.completion_tokens,
        cost_usd: (totals.priced_requests > 0).then(|| NanoUsd(totals.cost_nano_usd).to_string()),
        priced_requests: totals.priced_requests,
    }
}
