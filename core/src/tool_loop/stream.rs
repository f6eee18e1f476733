//! A loop whose answer comes as a stream: text goes out as it comes, calls of the gateway's tools never do.

mod cut;
mod splitter;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::v1::{AssistantMessage, ChatCompletionChunk, ChunkNotice, FinishReason, chunk_notice};

use super::calls::{CallResult, run_all};
use super::progress::{Next, Progress, text_of};
use super::synthesis::FALLBACK;
use super::{LoopEnd, Session, within_one_chat, without_tools};
use crate::answer::{Fold, write_message};
use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::chat::{Answered, ChatStream, StreamedAnswer, cost_notice, stream_prepared};
use crate::domain::chat::JsonRequest;
use crate::domain::limits::Applied;
use crate::shared::Shared;
use cut::Cut;

/// What stands between what the model said before and after its tools ran.
pub(super) const BETWEEN: &str = "\n\n";

/// The answer to a chat with tools of the gateway as it comes. Dropping it cancels the call of the model, and the tools.
pub(crate) struct ToolStream {
    shared: Shared,
    call: Call,
    model: Arc<CatalogModel>,
    progress: Progress,
    state: State,
    /// The answer of the current step.
    fold: Fold,
    cut: Cut,
    /// Whether the caller asked for the usage.
    tells_usage: bool,
    /// How many bytes the steps before took.
    bytes: usize,
    /// Whether the last of what is kept is among the steps already.
    is_kept: bool,
}

type Running = Pin<Box<dyn Future<Output = Vec<CallResult>> + Send>>;
type Opening = Pin<Box<dyn Future<Output = Result<Answered<ChatStream>, ApiError>> + Send>>;

enum State {
    /// The model answers.
    Step(Box<ChatStream>),
    /// Tools run that this message asked for; then the model is asked again, or the caller has something to do.
    Running {
        running: Running,
        message: Box<AssistantMessage>,
        then: Then,
    },
    /// The model is asked.
    Opening(Opening),
    Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    AskAgain,
    End,
}

impl ToolStream {
    /// Begins: once the first chunks of the model are there, or when they have been waited for long enough. A server that
    /// refuses tools is asked without them.
    pub(crate) async fn begin(
        shared: &Shared,
        call: &Call,
        request: JsonRequest,
        model: &Arc<CatalogModel>,
        applied: &Applied,
        session: Session,
    ) -> Result<Answered<StreamedAnswer>, ApiError> {
        let options = request.parameters.stream_options.as_ref();
        let tells_usage = options.and_then(|options| options.include_usage).unwrap_or_default();
        let call = &within_one_chat(call, model);
        let progress = Progress::new(session, request, applied);
        progress.check()?;
        let begun = stream_prepared(shared, call, &progress.request, model, &progress.applied).await;
        let Answered { mut answer, told } = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let applied = without_tools(&error, progress.offered(), applied).ok_or(error)?;
                let mut request = progress.request;
                request.tools.clear();
                let Answered { answer, told } = stream_prepared(shared, call, &request, model, &applied).await?;
                model.note_refusal_of_tools();
                return Ok(Answered { answer: StreamedAnswer::plain(answer), told });
            }
        };
        answer.is_one_step();
        let stream = Self {
            shared: shared.clone(),
            call: call.clone(),
            model: Arc::clone(model),
            progress,
            state: State::Step(Box::new(answer)),
            fold: Fold::default(),
            cut: Cut::default(),
            tells_usage,
            bytes: 0,
            is_kept: false,
        };
        Ok(Answered { answer: StreamedAnswer::with_tools(stream), told })
    }

    /// The next chunks, those that came together in one; `None` once the answer is whole. Nothing comes after an error.
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<ChatCompletionChunk>, ApiError>> {
        loop {
            let stepped = match &mut self.state {
                State::Step(stream) => match stream.next().await {
                    Some(Ok(chunks)) => Ok(self.take(chunks)),
                    Some(Err(error)) => Err(error),
                    None => self.end_step(),
                },
                State::Running { running, .. } => {
                    let results = running.await;
                    self.take_results(results)
                }
                State::Opening(opening) => match opening.await {
                    Ok(answered) => {
                        let mut stream = answered.answer;
                        stream.is_one_step();
                        self.state = State::Step(Box::new(stream));
                        Ok(Vec::new())
                    }
                    Err(error) => Err(error),
                },
                State::Ended => return None,
            };
            match stepped {
                Ok(chunks) if chunks.is_empty() => {}
                Ok(chunks) => return Some(Ok(chunks)),
                Err(error) => {
                    self.state = State::Ended;
                    return Some(Err(self.progress.refusal(error)));
                }
            }
        }
    }

    /// Whether anything of the answer came, or was done for it.
    pub(crate) fn has_begun(&self) -> bool {
        self.fold.has_begun() || self.progress.has_begun() || matches!(self.state, State::Running { .. })
    }

    /// About how many bytes all messages of the answer have.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes + self.fold.bytes()
    }

    /// The messages that are kept with a turn. Of an answer that was cut, the steps that were whole, and the text after
    /// them.
    pub(crate) fn into_kept(self, is_whole: bool) -> Vec<Bytes> {
        let is_synthesis = self.progress.end().is_some();
        let mut kept = self.progress.into_steps();
        match self.state {
            // What its calls would have given is not known: it is kept as far as it was said.
            State::Running { message, .. } => {
                kept.push(write_message(&AssistantMessage { tool_calls: Vec::new(), ..*message }));
            }
            State::Step(_) | State::Opening(_) | State::Ended if !self.is_kept => {
                kept.push(self.fold.message(is_whole && !is_synthesis));
            }
            State::Step(_) | State::Opening(_) | State::Ended => {}
        }
        kept
    }

    fn take(&mut self, chunks: Vec<ChatCompletionChunk>) -> Vec<ChatCompletionChunk> {
        self.fold.take(&chunks);
        let is_synthesis = self.progress.end().is_some();
        self.cut.take(chunks, self.progress.offered(), is_synthesis)
    }

    /// The model has ended its answer of this step.
    fn end_step(&mut self) -> Result<Vec<ChatCompletionChunk>, ApiError> {
        if let State::Step(stream) = &self.state {
            let priced = stream.priced();
            self.progress.add(self.cut.usage(), priced);
        }
        if self.progress.end().is_some() {
            return Ok(self.end_synthesis());
        }
        let fold = std::mem::take(&mut self.fold);
        let bytes = fold.bytes();
        let message = fold.into_message();
        match self.progress.judge(&message) {
            Next::Answer => {
                self.fold = Fold::of_message(message, bytes);
                self.state = State::Ended;
                Ok(self.last_chunks(None))
            }
            Next::Run(calls) => {
                self.bytes += bytes;
                let running = Box::pin(run_all(calls, self.progress.context()));
                self.state = State::Running { running, message: Box::new(message), then: Then::AskAgain };
                Ok(Vec::new())
            }
            Next::Caller(calls) => {
                self.bytes += bytes;
                let running = Box::pin(run_all(calls, self.progress.context()));
                self.state = State::Running { running, message: Box::new(message), then: Then::End };
                Ok(Vec::new())
            }
            Next::End => {
                let said = text_of(&message);
                let said = if said.is_empty() { String::new() } else { format!("{said}{BETWEEN}") };
                self.fold = Fold::beginning_with(said);
                self.ask_again()
            }
        }
    }

    fn take_results(&mut self, results: Vec<CallResult>) -> Result<Vec<ChatCompletionChunk>, ApiError> {
        let State::Running { message, then, .. } = std::mem::replace(&mut self.state, State::Ended) else {
            return Ok(Vec::new());
        };
        self.bytes += results.iter().map(|result| result.message.len()).sum::<usize>();
        self.progress.take(&message, results);
        if then == Then::End {
            self.is_kept = true;
            return Ok(self.last_chunks(None));
        }
        self.progress.reached_cap();
        self.ask_again()
    }

    /// Asks the model again, and tells before that if it is for the last time.
    fn ask_again(&mut self) -> Result<Vec<ChatCompletionChunk>, ApiError> {
        self.progress.check()?;
        let (shared, call, model) = (self.shared.clone(), self.call.clone(), Arc::clone(&self.model));
        let (request, applied) = (self.progress.request.clone(), self.progress.applied.clone());
        self.state =
            State::Opening(Box::pin(async move { stream_prepared(&shared, &call, &request, &model, &applied).await }));
        self.cut.begin_step();
        Ok(self.progress.end().and_then(|end| self.cut.beside(notice(end))).into_iter().collect())
    }

    /// The answer that the model gave without tools is whole; something is said in any case.
    fn end_synthesis(&mut self) -> Vec<ChatCompletionChunk> {
        self.state = State::Ended;
        let said = if self.cut.has_said_nothing() { self.cut.say(FALLBACK) } else { None };
        if let Some(chunk) = &said {
            self.fold.take(std::slice::from_ref(chunk));
        }
        let finish = Some(FinishReason::Stop);
        said.into_iter().chain(self.last_chunks(finish)).collect()
    }

    /// The chunks with which the answer ends: its reason, its cost, its usage. `instead_of_calls` is the reason where the
    /// model still wanted to call something.
    fn last_chunks(&mut self, instead_of_calls: Option<FinishReason>) -> Vec<ChatCompletionChunk> {
        let totals = self.progress.totals();
        let cost = totals.priced().map(cost_notice);
        let usage = totals.usage().filter(|_| self.tells_usage).cloned();
        let mut last: Vec<_> = self.cut.finish(instead_of_calls).into_iter().collect();
        last.extend(cost.and_then(|notice| self.cut.beside(notice)));
        last.extend(usage.and_then(|usage| self.cut.usage_chunk(usage)));
        last
    }
}

fn notice(end: LoopEnd) -> ChunkNotice {
    let notice = match end {
        LoopEnd::Cap(_) => chunk_notice::Notice::ToolCap(end.notice()),
        LoopEnd::Repeat(_) => chunk_notice::Notice::ToolAntiLoop(end.notice()),
    };
    ChunkNotice { notice: Some(notice) }
}

impl fmt::Debug for ToolStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ToolStream").field("model", &self.model.facts.alias).finish_non_exhaustive()
    }
}
