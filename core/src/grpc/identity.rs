//! IdentityService.

use gateway_auth::{Caller, RateState, Scope};
use gateway_proto::v1::identity_service_server::IdentityService;
use gateway_proto::v1::{Admission, RateLimit, RequestEnd, WhoAmIRequest, WhoAmIResponse};
use gateway_proto::{ApiError, Rpc};
use http::HeaderMap;
use tonic::{Request, Response, Status, async_trait};

use super::Adapter;
use crate::api_errors;
use crate::gate::{identify, permit};
use crate::layers::whole_seconds;

#[async_trait]
impl IdentityService for Adapter {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        let (call, headers, question) = self.admitted(request)?;
        answer(&call.caller, &headers, &question).map(Response::new).map_err(|error| self.fail(&call.request_id, error))
    }
}

fn answer(caller: &Caller, headers: &HeaderMap, question: &WhoAmIRequest) -> Result<WhoAmIResponse, ApiError> {
    let rpc = asked_rpc(&question.rpc)?;
    let state = match (question.request_end(), &caller.limiter) {
        (_, None) => None,
        (RequestEnd::Unspecified, Some(limiter)) => Some(limiter.peek()),
        // The request ends with the asker: it is charged here, in place of where it would have gone.
        (RequestEnd::AtBody | RequestEnd::AtFields, Some(limiter)) => {
            Some(Ok(limiter.charge().map_err(|refused| api_errors::rate_limited(&refused))?))
        }
    };
    if question.request_end() == RequestEnd::AtFields {
        identify(headers)?;
        rpc.map_or(Ok(()), |rpc| permit(caller, rpc))?;
    }
    let admission = rpc.map(|rpc| match (&state, permit(caller, rpc)) {
        (Some(Err(refused)), _) => refusal(&api_errors::rate_limited(refused)),
        (_, Err(error)) => refusal(&error),
        (_, Ok(())) => Admission { admitted: true, ..Admission::default() },
    });
    let state = state.map(|state| state.unwrap_or_else(|refused| refused.state));
    Ok(WhoAmIResponse {
        tenant_id: caller.tenant.to_string(),
        token_id: caller.token.id.clone(),
        role: caller.token.role.name().to_owned(),
        scopes: caller.token.scopes.iter().map(Scope::name).map(str::to_owned).collect(),
        rate_limit: Some(rate_limit(state)),
        admission,
    })
}

fn asked_rpc(name: &str) -> Result<Option<Rpc>, ApiError> {
    if name.is_empty() {
        return Ok(None);
    }
    let rpc = Rpc::from_path(&format!("/{name}"));
    rpc.map(Some).ok_or_else(|| {
        ApiError::invalid_field(
            "rpc",
            "'rpc' must be a service and a method, as in chatgateway.v1.ChatService/CreateChatCompletion.",
        )
    })
}

fn refusal(error: &ApiError) -> Admission {
    let retry_after = error.retry_after().map(whole_seconds).unwrap_or_default();
    Admission {
        admitted: false,
        code: error.code().facts().code.to_owned(),
        retry_after_seconds: u32::try_from(retry_after).unwrap_or(u32::MAX),
    }
}

fn rate_limit(state: Option<RateState>) -> RateLimit {
    state.map_or_else(RateLimit::default, |state| RateLimit {
        limited: true,
        burst: state.burst,
        remaining: state.remaining,
        reset_seconds: u32::try_from(whole_seconds(state.reset)).unwrap_or(u32::MAX),
    })
}
