//! IdentityService.

use gateway_auth::{Caller, RateState, Refused, Scope};
use gateway_proto::v1::identity_service_server::IdentityService;
use gateway_proto::v1::{Admission, RateLimit, RequestEnd, WhoAmIRequest, WhoAmIResponse};
use gateway_proto::{ApiError, Rpc};
use http::HeaderMap;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use super::{Adapter, forbidden, names_user};
use crate::api_errors;
use crate::call::Call;
use crate::gate::{Named, identify, permit, require_user};
use crate::layers::{put_rate_state, whole_seconds};

#[async_trait]
impl IdentityService for Adapter {
    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        let (call, headers, question) = self.admitted(request)?;
        let decision = decide(&call.caller, question.request_end());
        let mut rate_headers = HeaderMap::new();
        put_rate_state(&mut rate_headers, decision.map(|decision| decision.unwrap_or_else(|refused| refused.state)));
        match answer(&call, &headers, &question, decision) {
            Ok(answer) => {
                let metadata = MetadataMap::from_headers(rate_headers);
                Ok(Response::from_parts(metadata, answer, http::Extensions::new()))
            }
            Err(error) => {
                let mut status = self.fail(&call.request_id, error);
                *status.metadata_mut() = MetadataMap::from_headers(rate_headers);
                Err(status)
            }
        }
    }
}

/// What a limiter says of a request; none: not limited.
type Decision = Option<Result<RateState, Refused>>;

fn decide(caller: &Caller, end: RequestEnd) -> Decision {
    let limiter = caller.limiter()?;
    Some(match end {
        RequestEnd::Unspecified => limiter.peek(),
        // The request ends with the asker: it is charged here, in place of where it would have gone.
        RequestEnd::AtBody | RequestEnd::AtFields => limiter.charge(),
    })
}

fn answer(
    call: &Call,
    headers: &HeaderMap,
    question: &WhoAmIRequest,
    decision: Decision,
) -> Result<WhoAmIResponse, ApiError> {
    let caller = &call.caller;
    let rpc = asked_rpc(&question.rpc)?;
    if let (RequestEnd::AtBody | RequestEnd::AtFields, Some(Err(refused))) = (question.request_end(), &decision) {
        return Err(api_errors::rate_limited(refused));
    }
    if question.request_end() == RequestEnd::AtFields {
        let identity = identify(headers, Named::default(), Named::default())?;
        if let Some(rpc) = rpc {
            // Such a message may name its user itself, and is not here.
            if !names_user(rpc) {
                require_user(caller, rpc, &identity)?;
            }
            permit(caller, rpc, identity.scope.as_ref()).map_err(|withheld| forbidden(call, rpc, withheld))?;
        }
    }
    let admission = rpc.map(|rpc| match (&decision, permit(caller, rpc, None)) {
        (Some(Err(refused)), _) => refusal(&api_errors::rate_limited(refused)),
        (_, Err(_)) => refusal(&api_errors::forbidden()),
        (_, Ok(())) => Admission { admitted: true, ..Admission::default() },
    });
    let state = decision.map(|decision| decision.unwrap_or_else(|refused| refused.state));
    Ok(WhoAmIResponse {
        tenant_id: caller.tenant().id.to_string(),
        token_id: caller.token().id.clone(),
        role: caller.token().grants.role.name().to_owned(),
        scopes: caller.token().grants.scopes().iter().map(Scope::name).map(str::to_owned).collect(),
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
