//! One stateless chat, from an accepted caller to the model server's answer.

mod stream;
mod streamed;

use std::sync::Arc;

use gateway_proto::ApiError;
use gateway_proto::v1::ChatCompletion;
use http::HeaderValue;

use crate::api_errors;
use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::domain::chat::{JsonRequest, check_request};
use crate::domain::limits::{Applied, Augmented, apply_constraints};
use crate::domain::outline::outline;
use crate::domain::tools::OtherTools;
use crate::gate::Acting;
use crate::routing::{AnswerKind, Attempt, RouteError, Walk};
use crate::shared::Shared;
use crate::tool_loop::{self, Offer, Offered, Session, Surface};
use crate::tools::{Moment, ToolContext};
use crate::upstream::{CallContext, RequestBody, UpstreamError};
use crate::usage::{Meter, Priced};

pub use stream::{ChatStream, stream};
pub use streamed::StreamedAnswer;

pub(crate) use stream::{cost_notice, stream_prepared, stream_with};

/// An answer, and what the caller is told about how it came to be.
#[derive(Debug)]
pub struct Answered<T> {
    /// The answer.
    pub answer: T,
    /// What the caller is told besides.
    pub told: Told,
}

/// What a caller is told besides the answer.
#[derive(Clone, Debug)]
pub struct Told {
    /// What was changed in the request.
    pub applied: Option<HeaderValue>,
    /// What was added to the request.
    pub augmented: Augmented,
    /// The model server's own name of the model that served.
    pub resolved_model: HeaderValue,
    /// The operator's name of the model server that served.
    pub resolved_backend: HeaderValue,
    /// The conversation that the answer belongs to.
    pub conversation: Option<HeaderValue>,
    /// What the answer cost in US dollars, where that is known.
    pub cost: Option<HeaderValue>,
}

/// Answers a chat with a whole completion. Dropping the future cancels the call to the model server.
pub async fn complete(
    shared: &Shared,
    call: &Call,
    acting: &Acting,
    mut request: JsonRequest,
) -> Result<Answered<ChatCompletion>, ApiError> {
    let Prepared { model, mut applied, offered } = prepare(shared, call, acting, Surface::Chat, &mut request)?;
    let session = offered.map(|offered| Session::new(offered, tool_context(shared, call, acting, &request)));
    augment(shared, call, acting, &mut request, &mut applied).await?;
    match session {
        None => complete_prepared(shared, call, &request, &model, &applied).await,
        Some(session) => {
            // In a place of its own, so that a chat without tools does not carry the room for it along.
            let looped = Box::pin(tool_loop::complete(shared, call, request, &model, &applied, session)).await;
            looped.map(|looped| looped.answered)
        }
    }
}

/// For whom and where the tools of a chat run that keeps no conversation.
fn tool_context(shared: &Shared, call: &Call, acting: &Acting, request: &JsonRequest) -> ToolContext {
    let last = request.messages.last().map(outline).unwrap_or_default();
    let moment = Moment { is_of_user: last.role == "user", ..Moment::of_request() };
    acting.tool_context(shared, call, moment)
}

/// Answers a chat that was judged and fitted to its model.
pub(crate) async fn complete_prepared(
    shared: &Shared,
    call: &Call,
    request: &JsonRequest,
    model: &CatalogModel,
    applied: &Applied,
) -> Result<Answered<ChatCompletion>, ApiError> {
    let (mut answered, priced) = complete_once(shared, call, request, model, applied).await?;
    answered.told.cost = priced.and_then(|priced| HeaderValue::try_from(priced.cost.to_string()).ok());
    Ok(answered)
}

/// Asks the model once, and tells what that cost apart from the answer.
pub(crate) async fn complete_once(
    shared: &Shared,
    call: &Call,
    request: &JsonRequest,
    model: &CatalogModel,
    applied: &Applied,
) -> Result<(Answered<ChatCompletion>, Option<Priced>), ApiError> {
    let mut meter = open_meter(shared, call, request, model).await?;
    let waiting = call.stopwatch.wait();
    // In a place of its own, which is not moved about with all that is around it.
    let asked = Box::pin(ask(call, request, model)).await;
    drop(waiting);
    let (completion, attempt) = match asked {
        Ok(answer) => answer,
        Err(error) => {
            settle_refusal(&mut meter, &error);
            return Err(refusal(shared, call, error, applied, model));
        }
    };
    model.measures.count_tokens(completion.usage.as_ref());
    meter.completion(&completion);
    let priced = meter.settle();
    Ok((answered(completion, &attempt, applied), priced))
}

/// Admits a call by the budgets of its tenant. From then on it is booked, whatever ends it.
async fn open_meter(
    shared: &Shared,
    call: &Call,
    request: &JsonRequest,
    model: &CatalogModel,
) -> Result<Meter, ApiError> {
    let opened = shared.accounts().open(&call.caller.tenant().id, request, &model.facts).await;
    let mut meter = opened.map_err(|error| api_errors::from_budget(error, &model.facts.alias))?;
    meter.measure_by(model.measures.cost());
    Ok(meter)
}

/// Books a call that no model server answered.
fn settle_refusal(meter: &mut Meter, error: &RouteError) {
    match error {
        RouteError::CircuitOpen { .. } | RouteError::DailySpent { .. } => meter.release(),
        RouteError::Failed { error, .. } => settle_failure(meter, error),
    }
}

/// Books a call that failed. A server that was not reached, or refused, has done nothing for it.
fn settle_failure(meter: &mut Meter, error: &UpstreamError) {
    match error {
        UpstreamError::Unreachable(_) | UpstreamError::Refused { .. } if meter.has_nothing() => meter.release(),
        UpstreamError::Unreachable(_)
        | UpstreamError::Refused { .. }
        | UpstreamError::Broken(_)
        | UpstreamError::TimedOut(_)
        | UpstreamError::Malformed(_)
        | UpstreamError::TooLarge { .. } => drop(meter.settle()),
    }
}

/// Asks one model server after the other, as far as that is safe, until one answers.
async fn ask(
    call: &Call,
    request: &JsonRequest,
    model: &CatalogModel,
) -> Result<(ChatCompletion, Attempt), RouteError> {
    let mut walk = Walk::new(&model.route, AnswerKind::Whole, call.deadline);
    let mut attempt = walk.begin()?;
    loop {
        let trace = attempt.begin_span(call.request_id.trace());
        let upstream = attempt.upstream();
        let body = RequestBody::unary(request, attempt.upstream_model(), &upstream.handling().rules);
        let request_id = call.request_id.as_str();
        let context = CallContext { request_id, trace: trace.as_ref(), deadline: Some(walk.end()) };
        match upstream.complete(body, model.facts.alias.as_str(), context).await {
            Ok(completion) => {
                attempt.answered();
                attempt.span().completion(&completion);
                attempt.succeeded();
                return Ok((completion, attempt));
            }
            Err(error) => attempt = walk.after(attempt, error).await?,
        }
    }
}

/// A request that was judged and fitted to its model.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The model.
    pub(crate) model: Arc<CatalogModel>,
    /// What was changed in the request.
    pub(crate) applied: Applied,
    /// The tools of the gateway that go with it.
    pub(crate) offered: Option<Offered>,
}

/// Judges a request and fits it to its model.
pub(crate) fn prepare(
    shared: &Shared,
    call: &Call,
    acting: &Acting,
    surface: Surface,
    request: &mut JsonRequest,
) -> Result<Prepared, ApiError> {
    let offer = Offer::of(shared, call, acting.switches.server_tools, surface);
    let checked = check_request(request, OtherTools::Named(&offer.names()))?;
    let catalog = shared.catalog().load();
    let model = catalog.find(call.caller.tenant(), checked.alias.as_str())?;
    let mut applied = apply_constraints(request, &checked, &model.facts)?;
    let offered = offer.fit(request, model)?;
    applied.augmented.server_tools = offered.is_some();
    Ok(Prepared { model: Arc::clone(model), applied, offered })
}

/// Puts what is stored for the caller before the messages, which were judged.
async fn augment(
    shared: &Shared,
    call: &Call,
    acting: &Acting,
    request: &mut JsonRequest,
    applied: &mut Applied,
) -> Result<(), ApiError> {
    let message = shared.compositions().message(&call.caller, acting, applied).await?;
    request.messages.splice(..0, message);
    Ok(())
}

fn answered<T>(answer: T, attempt: &Attempt, applied: &Applied) -> Answered<T> {
    let members = match attempt.fallback() {
        None => applied.to_member_list(),
        Some(alias) => Applied { fallback: Some(alias.clone()), ..applied.clone() }.to_member_list(),
    };
    let told = Told {
        applied: members.and_then(|members| HeaderValue::try_from(members).ok()),
        augmented: applied.augmented,
        resolved_model: attempt.resolved_model().clone(),
        resolved_backend: attempt.upstream().resolved_backend().clone(),
        conversation: None,
        cost: None,
    };
    Answered { answer, told }
}

/// Why there is no answer. A server that refuses the limit that was already raised cannot be satisfied by the gateway.
fn refusal(shared: &Shared, call: &Call, error: RouteError, applied: &Applied, model: &CatalogModel) -> ApiError {
    let refuses_limit = matches!(
        &error,
        RouteError::Failed { error: UpstreamError::Refused { status: 400 | 422, about_token_limit: true, .. }, .. }
    );
    match applied.floored.filter(|_| refuses_limit) {
        Some(floored) => floored.refusal().with_source(error),
        None => {
            let catalog = shared.catalog().load();
            api_errors::from_route(error, &model.facts.alias, catalog.fallbacks(call.caller.tenant(), model))
        }
    }
}
