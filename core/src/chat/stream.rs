//! A chat whose answer comes as a stream.

mod cost_event;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use gateway_proto::ApiError;
use gateway_proto::v1::{ChatCompletionChunk, ChunkChoice, FinishReason, MessageDelta, Usage};
use tokio::time::{Instant, timeout_at};

use super::{
    Answered, Prepared, StreamedAnswer, answered, augment, open_meter, prepare, refusal, settle_failure,
    settle_refusal, tool_context,
};
use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::domain::chat::JsonRequest;
use crate::domain::limits::Applied;
use crate::gate::Acting;
use crate::routing::{AnswerKind, Attempt, Walk};
use crate::shared::Shared;
use crate::tool_loop::{Session, Surface, ToolStream};
use crate::upstream::{CallContext, Chunks, RequestBody, UpstreamError};
use crate::usage::{Meter, Priced};
use cost_event::CostEvent;

pub(crate) use cost_event::cost_notice;

/// The answer to a chat as it comes. Dropping it cancels the call to the model server.
pub struct ChatStream {
    shared: Shared,
    call: Call,
    model: Arc<CatalogModel>,
    /// The call to the model server; it has its verdict once the stream has ended.
    attempt: Attempt,
    applied: Applied,
    /// Whether the caller asked for the usage.
    tells_usage: bool,
    state: State,
    usage: Option<Usage>,
    meter: Meter,
    cost: CostEvent,
    pace: Pace,
}

/// How fast a stream comes.
struct Pace {
    begin: Instant,
    /// When the first chunk was there.
    first_at: Option<Instant>,
    chunks: u32,
}

type Opening = Pin<Box<dyn Future<Output = Result<Opened, UpstreamError>> + Send>>;

enum State {
    Opening(Opening),
    Open(Opened),
    Ended,
}

/// A stream of which the first event is there.
struct Opened {
    chunks: Box<Chunks>,
    /// What came with that event, until it is handed on; none when the answer ended without any.
    first: Option<Vec<ChatCompletionChunk>>,
}

/// Answers a chat with a stream: once its first chunks are there, or when they have been waited for long enough.
pub async fn stream(
    shared: &Shared,
    call: &Call,
    acting: &Acting,
    mut request: JsonRequest,
) -> Result<Answered<StreamedAnswer>, ApiError> {
    let Prepared { model, mut applied, offered } = prepare(shared, call, acting, Surface::Chat, &mut request)?;
    let session = offered.map(|offered| Session::new(offered, tool_context(shared, call, acting, &request)));
    augment(shared, call, acting, &mut request, &mut applied).await?;
    stream_with(shared, call, request, &model, &applied, session).await
}

/// Answers a chat that was judged and fitted to its model, with tools of the gateway or without.
pub(crate) async fn stream_with(
    shared: &Shared,
    call: &Call,
    request: JsonRequest,
    model: &Arc<CatalogModel>,
    applied: &Applied,
    session: Option<Session>,
) -> Result<Answered<StreamedAnswer>, ApiError> {
    match session {
        None => {
            let Answered { answer, told } = stream_prepared(shared, call, &request, model, applied).await?;
            Ok(Answered { answer: StreamedAnswer::plain(answer), told })
        }
        // In a place of its own, so that a chat without tools does not carry the room for it along.
        Some(session) => Box::pin(ToolStream::begin(shared, call, request, model, applied, session)).await,
    }
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
    let begin = Instant::now();
    let head_end = begin + shared.stream_head_wait();
    let mut refuse = |error| {
        settle_refusal(&mut meter, &error);
        refusal(shared, call, error, applied, model)
    };
    let mut walk = Walk::new(&model.route, AnswerKind::Stream, call.deadline);
    let mut attempt = walk.begin().map_err(&mut refuse)?;
    let waiting = call.stopwatch.wait();
    let state = loop {
        let mut opening = open(&mut attempt, call, request, walk.end());
        match timeout_at(head_end, &mut opening).await {
            Ok(Ok(opened)) => break State::Open(opened),
            Ok(Err(error)) => attempt = walk.after(attempt, error).await.map_err(&mut refuse)?,
            // The head goes out, and with it the choice of a model server.
            Err(_) => break State::Opening(opening),
        }
    };
    drop(waiting);
    let mut pace = Pace { begin, first_at: None, chunks: 0 };
    if let State::Open(opened) = &state {
        attempt.answered();
        pace.note_first(opened, model);
    }
    let told = answered((), &attempt, applied).told;
    let stream = ChatStream {
        shared: shared.clone(),
        call: call.clone(),
        model: Arc::clone(model),
        attempt,
        applied: applied.clone(),
        tells_usage: request
            .parameters
            .stream_options
            .as_ref()
            .and_then(|options| options.include_usage)
            .unwrap_or_default(),
        state,
        usage: None,
        meter,
        cost: CostEvent::of(model),
        pace,
    };
    Ok(Answered { answer: stream, told })
}

/// Asks one model server, and waits for its first event: until then another may be asked in its place.
fn open(attempt: &mut Attempt, call: &Call, request: &JsonRequest, end: Instant) -> Opening {
    let trace = attempt.begin_span(call.request_id.trace());
    let upstream = Arc::clone(attempt.upstream());
    let body = RequestBody::stream(request, attempt.upstream_model(), &upstream.handling().rules);
    let (request_id, alias) = (call.request_id.clone(), attempt.asked().to_string());
    let wanted = usize::try_from(request.parameters.n.unwrap_or(1)).unwrap_or(1);
    Box::pin(async move {
        let context = CallContext { request_id: request_id.as_str(), trace: trace.as_ref(), deadline: Some(end) };
        let mut chunks = Box::new(upstream.stream(body, alias, wanted, context).await?);
        let first = chunks.next().await.transpose()?;
        Ok(Opened { chunks, first })
    })
}

impl ChatStream {
    /// The next chunks, those that came together in one; `None` once the answer is whole. Nothing comes after an
    /// error. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        loop {
            match self.next_of_upstream().await {
                Some(Ok(mut chunks)) => {
                    self.pace.chunks += u32::try_from(chunks.len()).unwrap_or_default();
                    self.meter.chunks(&chunks);
                    self.attempt.span().chunks(&chunks);
                    self.cost.watch(&mut chunks, &self.meter);
                    self.settle_usage(&mut chunks);
                    if !chunks.is_empty() {
                        return Some(Ok(chunks));
                    }
                }
                Some(Err(error)) => {
                    settle_failure(&mut self.meter, &error);
                    self.end(Err(&error));
                    let error = self.attempt.refusal(error);
                    return Some(Err(refusal(&self.shared, &self.call, error, &self.applied, &self.model)));
                }
                None => {
                    // Booked before the last byte goes out.
                    let priced = self.meter.settle();
                    self.end(Ok(()));
                    return self.cost.last(priced).map(|chunk| Ok(vec![chunk]));
                }
            }
        }
    }

    /// From now on it is one answer of several that make one together: it tells its usage, and its cost by
    /// [`Self::priced`] alone.
    pub(crate) fn is_one_step(&mut self) {
        self.tells_usage = true;
        self.cost = CostEvent::default();
    }

    /// What it came to, once it has ended.
    pub(crate) fn priced(&self) -> Option<Priced> {
        self.meter.priced()
    }

    async fn next_of_upstream(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, UpstreamError>> {
        if let State::Opening(opening) = &mut self.state {
            match opening.await {
                Ok(opened) => {
                    self.attempt.answered();
                    self.pace.note_first(&opened, &self.model);
                    self.state = State::Open(opened);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        match &mut self.state {
            State::Open(Opened { chunks, first }) => match first.take() {
                Some(first) => Some(Ok(first)),
                None => chunks.next().await,
            },
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

    fn end(&mut self, outcome: Result<(), &UpstreamError>) {
        if !matches!(self.state, State::Ended) {
            self.state = State::Ended;
            match outcome {
                Ok(()) => self.attempt.succeeded(),
                Err(error) => self.attempt.failed(error),
            }
            self.model.measures.count_tokens(self.usage.as_ref());
            if let Some(first_at) = self.pace.first_at {
                self.model.measures.stream_ended(first_at.elapsed(), self.pace.chunks);
            }
        }
    }
}

impl Pace {
    /// Notes when the first chunk was there; an answer without any has none.
    fn note_first(&mut self, opened: &Opened, model: &CatalogModel) {
        if opened.first.is_some() {
            let now = Instant::now();
            model.measures.first_token(now - self.begin);
            self.first_at = Some(now);
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
