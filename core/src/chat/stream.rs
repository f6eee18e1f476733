//! A chat whose answer comes as a stream.

mod cost_event;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use gateway_proto::ApiError;
use gateway_proto::v1::{ChatCompletionChunk, ChunkChoice, FinishReason, MessageDelta, Usage};
use tokio::time::timeout;

use super::{Answered, answered, count_tokens, open_meter, prepare, refusal, settle_failure};
use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::domain::chat::JsonRequest;
use crate::domain::limits::Applied;
use crate::shared::Shared;
use crate::upstream::{CallContext, Chunks, RequestBody, UpstreamError};
use crate::usage::Meter;
use cost_event::CostEvent;

/// The answer to a chat as it comes. Dropping it cancels the call to the model server.
pub struct ChatStream {
    model: Arc<CatalogModel>,
    applied: Applied,
    /// Whether the caller asked for the usage.
    tells_usage: bool,
    state: State,
    /// What came before the head was sent.
    first: Option<Vec<ChatCompletionChunk>>,
    usage: Option<Usage>,
    begin: Instant,
    meter: Meter,
    cost: CostEvent,
}

type Opening = Pin<Box<dyn Future<Output = Result<Chunks, UpstreamError>> + Send>>;

enum State {
    Opening(Opening),
    Open(Box<Chunks>),
    Ended,
}

/// Answers a chat with a stream: once its first chunks are there, or when they have been waited for long enough.
pub async fn stream(shared: &Shared, call: &Call, mut request: JsonRequest) -> Result<Answered<ChatStream>, ApiError> {
    let (model, applied) = prepare(shared, &mut request)?;
    stream_prepared(shared, call, &request, &model, &applied).await
}

/// Answers a chat that was judged and fitted to its model.
pub(crate) async fn stream_prepared(
    shared: &Shared,
    call: &Call,
    request: &JsonRequest,
    model: &Arc<CatalogModel>,
    applied: &Applied,
) -> Result<Answered<ChatStream>, ApiError> {
    let mut meter = open_meter(shared, call, request, model).await?;
    meter.begin_counting();
    let body = RequestBody::stream(request, &model.upstream_model);
    let parameters = &request.parameters;
    let mut stream = ChatStream {
        tells_usage: parameters.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or_default(),
        state: State::Opening(open(model, call, body, parameters.n.unwrap_or(1))),
        first: None,
        usage: None,
        begin: Instant::now(),
        cost: CostEvent::of(model),
        meter,
        applied: applied.clone(),
        model: Arc::clone(model),
    };
    match timeout(shared.stream_head_wait(), stream.next()).await {
        Ok(Some(Err(error))) => return Err(error),
        Ok(Some(Ok(chunks))) => stream.first = Some(chunks),
        // An answer without any chunk, or none yet.
        Ok(None) | Err(_) => {}
    }
    Ok(answered(stream, model, applied))
}

fn open(model: &Arc<CatalogModel>, call: &Call, body: RequestBody, wanted: i64) -> Opening {
    let (model, request_id, deadline) = (Arc::clone(model), call.request_id.clone(), call.deadline);
    Box::pin(async move {
        let context = CallContext { request_id: request_id.as_str(), deadline };
        let alias = model.facts.alias.as_str().to_owned();
        let wanted = usize::try_from(wanted).unwrap_or(1);
        Arc::clone(&model.upstream).stream(body, alias, wanted, context).await
    })
}

impl ChatStream {
    /// The next chunks, those that came together in one; `None` once the answer is whole. Nothing comes after an
    /// error. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        loop {
            match self.next_of_upstream().await {
                Some(Ok(mut chunks)) => {
                    self.meter.chunks(&chunks);
                    self.cost.watch(&mut chunks, &self.meter);
                    self.settle_usage(&mut chunks);
                    if !chunks.is_empty() {
                        return Some(Ok(chunks));
                    }
                }
                Some(Err(error)) => {
                    settle_failure(&mut self.meter, &error);
                    self.end(false);
                    return Some(Err(refusal(error, &self.applied, &self.model)));
                }
                None => {
                    // Booked before the last byte goes out.
                    let priced = self.meter.settle();
                    self.end(true);
                    return self.cost.last(priced).map(|chunk| Ok(vec![chunk]));
                }
            }
        }
    }

    async fn next_of_upstream(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, UpstreamError>> {
        if let State::Opening(opening) = &mut self.state {
            match opening.await {
                Ok(chunks) => self.state = State::Open(Box::new(chunks)),
                Err(error) => return Some(Err(error)),
            }
        }
        match &mut self.state {
            State::Open(chunks) => chunks.next().await,
            State::Opening(_) | State::Ended => None,
        }
    }

    /// Keeps the usage for the count; when only the gateway asked for it, the caller does not see it.
    fn settle_usage(&mut self, chunks: &mut Vec<ChatCompletionChunk>) {
        chunks.retain_mut(|chunk| {
            if chunk.usage.is_none() {
                return true;
            }
            // Some servers put an empty choice where OpenAI's API has none.
            if chunk.choices.iter().all(tells_nothing) {
                chunk.choices.clear();
            }
            if self.tells_usage {
                self.usage.clone_from(&chunk.usage);
                return true;
            }
            self.usage = chunk.usage.take();
            // A chunk that told nothing else tells nothing now.
            !chunk.choices.is_empty()
        });
    }

    fn end(&mut self, is_whole: bool) {
        if !matches!(self.state, State::Ended) {
            self.state = State::Ended;
            self.model.upstream.observe(self.begin.elapsed(), is_whole);
            count_tokens(&self.model, self.usage.as_ref());
        }
    }
}

fn tells_nothing(choice: &ChunkChoice) -> bool {
    choice.finish_reason() == FinishReason::Unspecified
        && choice.logprobs_form.is_none()
        && choice.unknown_members_json.is_empty()
        && choice.delta.as_ref().is_none_or(|delta| *delta == MessageDelta::default())
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ChatStream").field("model", &self.model.facts.alias).finish_non_exhaustive()
    }
}
