//! The task that runs an answer that is kept, from its claim to its last byte.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::v1::{ChatCompletion, ChatCompletionChunk};
use gateway_storage::{Begun, FinishedTurn, KeyState, KeyedRun, NewTurn, RunningTurn};
use http::HeaderValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use super::hold::{Claim, Hold};
use super::prompt::{Prompt, compose};
use super::queue::{KeyInUse, Place};
use super::replay::{Record, StoredAnswer};
use super::stream::Piece;
use super::{Kept, Turn};
use crate::answer::{ends, message_of};
use crate::api_errors;
use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::chat::{Answered, Prepared, StreamedAnswer, Told, complete_prepared, prepare, stream_with};
use crate::domain::limits::Applied;
use crate::domain::tokens::estimate;
use crate::domain::turn::PromptLimits;
use crate::layers;
use crate::shared::Shared;
use crate::tool_loop::{self, Offered, Session, Surface};
use crate::tools::Moment;

/// How often a conversation is asked for that another process holds: from the first pause to the longest.
const POLL: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(160)];
/// As many pieces of a stream wait for a slow reader.
const WAITING_PIECES: usize = 2;

/// Runs one answer.
pub(super) struct Driver {
    shared: Shared,
    call: Call,
    kept: Kept,
    model: Arc<CatalogModel>,
    applied: Applied,
    /// The tools of the gateway that go with the request, until they are used.
    offered: Option<Offered>,
    /// Cancelled once whoever asked has left.
    left: CancellationToken,
    _key_in_use: Option<KeyInUse>,
    _in_flight: TaskTrackerToken,
}

/// What a claim came to.
enum Start {
    /// The answer is there already.
    Again(Box<StoredAnswer>),
    /// It is to be made.
    Anew(Box<Running>),
}

/// An answer that is being made.
struct Running {
    /// Before the place: what is held in the database is let go of first.
    hold: Hold,
    prompt: Option<Prompt>,
    conversation: Option<HeaderValue>,
    moment: Moment,
    _place: Option<Place>,
}

/// How a stream ended.
enum End {
    Whole,
    Failed(ApiError),
    Left,
}

impl Driver {
    /// Judges the request, and takes its key into use.
    pub(super) fn new(shared: &Shared, call: &Call, mut kept: Kept, left: CancellationToken) -> Result<Self, ApiError> {
        let surface = if kept.turn.is_some() { Surface::Conversation } else { Surface::Chat };
        let prepared = prepare(shared, call, &kept.acting, surface, &mut kept.request)?;
        let Prepared { model, applied, offered } = prepared;
        let key_in_use = match &kept.key {
            None => None,
            Some(key) => {
                let in_use = shared.turns().use_key(&kept.acting.owner, key);
                Some(in_use.ok_or_else(api_errors::idempotency_conflict)?)
            }
        };
        let mut call = call.clone();
        if kept.key.is_some() {
            // It runs to its end, so that the retry finds it.
            call.deadline = None;
        }
        let in_flight = shared.in_flight().hold();
        let shared = shared.clone();
        Ok(Self { shared, call, kept, model, applied, offered, left, _key_in_use: key_in_use, _in_flight: in_flight })
    }

    /// Makes a whole completion.
    pub(super) async fn complete(mut self, reply: oneshot::Sender<Result<Answered<ChatCompletion>, ApiError>>) {
        let answered = self.whole_answer().await;
        // Whoever asked may have left.
        drop(reply.send(answered));
    }

    async fn whole_answer(&mut self) -> Result<Answered<ChatCompletion>, ApiError> {
        let running = match self.begin().await? {
            Start::Again(stored) => return stored.into_completion(),
            Start::Anew(running) => running,
        };
        let session = self.session(running.moment);
        let (mut answered, kept) = match self.unless_ended(&running.hold, self.make(session)).await {
            Ok(made) => made,
            Err(error) => {
                running.hold.let_go().await;
                return Err(error);
            }
        };
        answered.told.conversation.clone_from(&running.conversation);
        let stored = self.kept.key.as_ref().map(|_| StoredAnswer::of_completion(&answered.answer, &answered.told));
        self.store(*running, kept, true, stored).await?;
        Ok(answered)
    }

    /// Makes a whole answer, and the messages of it that are kept.
    async fn make(&self, session: Option<Session>) -> Result<(Answered<ChatCompletion>, Vec<Bytes>), ApiError> {
        let Self { shared, call, kept, model, applied, .. } = self;
        match session {
            None => {
                let answered = complete_prepared(shared, call, &kept.request, model, applied).await?;
                let message = message_of(&answered.answer);
                Ok((answered, vec![message]))
            }
            Some(session) => {
                let made = tool_loop::complete(shared, call, kept.request.clone(), model, applied, session).await?;
                Ok((made.answered, made.kept))
            }
        }
    }

    /// The tools of the gateway that go with the request, for this turn.
    fn session(&mut self, moment: Moment) -> Option<Session> {
        let offered = self.offered.take()?;
        Some(Session::new(offered, self.kept.acting.tool_context(&self.shared, &self.call, moment)))
    }

    /// Makes a stream.
    pub(super) async fn stream(mut self, reply: oneshot::Sender<Result<Answered<mpsc::Receiver<Piece>>, ApiError>>) {
        let (sender, receiver) = mpsc::channel(WAITING_PIECES);
        let (stream, told, running) = match self.open_stream().await {
            Ok(Opened::Anew(answered, running)) => {
                let Answered { answer, told } = *answered;
                (answer, told, running)
            }
            Ok(Opened::Again(answered)) => {
                let Answered { answer, told } = *answered;
                // There is room for both, since nothing was sent before.
                drop(sender.try_send(Ok(Some(answer))));
                drop(sender.try_send(Ok(None)));
                return drop(reply.send(Ok(Answered { answer: receiver, told })));
            }
            Err(error) => return drop(reply.send(Err(error))),
        };
        drop(reply.send(Ok(Answered { answer: receiver, told: told.clone() })));
        self.run_stream(stream, &told, *running, &sender).await;
    }

    async fn open_stream(&mut self) -> Result<Opened, ApiError> {
        let running = match self.begin().await? {
            Start::Again(stored) => return stored.into_chunks().map(Box::new).map(Opened::Again),
            Start::Anew(running) => running,
        };
        let session = self.session(running.moment);
        let request = self.kept.request.clone();
        let opening = stream_with(&self.shared, &self.call, request, &self.model, &self.applied, session);
        match self.unless_ended(&running.hold, opening).await {
            Ok(mut answered) => {
                answered.told.conversation.clone_from(&running.conversation);
                Ok(Opened::Anew(Box::new(answered), running))
            }
            Err(error) => {
                running.hold.let_go().await;
                Err(error)
            }
        }
    }

    async fn run_stream(
        &self,
        mut stream: StreamedAnswer,
        told: &Told,
        running: Running,
        sender: &mpsc::Sender<Piece>,
    ) {
        let (mut record, mut last) = (Record::default(), Vec::new());
        stream.keep();
        let forwarding = self.forward(&mut stream, &mut record, &mut last, sender);
        let end = match self.unless_ended(&running.hold, async { Ok(forwarding.await) }).await {
            Ok(Ok(())) => End::Whole,
            Ok(Err(error)) => End::Failed(error),
            Err(_) if self.has_been_left() => End::Left,
            Err(error) => End::Failed(error),
        };
        let is_turn = running.prompt.is_some();
        let has_begun = stream.has_begun();
        // Ends the call to the model server, and tools, if they still run.
        let kept = stream.into_kept(matches!(end, End::Whole));
        let ended = match end {
            End::Whole => {
                let stored = self.kept.key.as_ref().map(|_| StoredAnswer::of_chunks(&record, told)).transpose();
                match stored {
                    Ok(stored) => self.store(running, kept, true, stored).await.map(|()| last),
                    Err(error) => Err(error),
                }
            }
            End::Failed(_) | End::Left if is_turn && has_begun => {
                let stored = self.store(running, kept, false, None).await;
                match (end, stored) {
                    (End::Failed(error), _) | (_, Err(error)) => Err(error),
                    _ => return,
                }
            }
            End::Failed(error) => {
                running.hold.let_go().await;
                Err(error)
            }
            End::Left => return running.hold.let_go().await,
        };
        match ended {
            Ok(last) => {
                if !last.is_empty() {
                    drop(sender.send(Ok(Some(last))).await);
                }
                drop(sender.send(Ok(None)).await);
            }
            Err(error) => drop(sender.send(Err(error)).await),
        }
    }

    /// Hands on the chunks as they come, but not those with which the answer ends: they go out once it is stored.
    async fn forward(
        &self,
        stream: &mut StreamedAnswer,
        record: &mut Record,
        last: &mut Vec<ChatCompletionChunk>,
        sender: &mpsc::Sender<Piece>,
    ) -> Result<(), ApiError> {
        while let Some(chunks) = stream.next().await {
            let mut chunks = chunks?;
            if self.kept.key.is_some() {
                chunks = record.take(chunks)?;
            }
            let limit = self.model.route.first().upstream().max_response_bytes();
            if stream.bytes().max(record.len()) > limit {
                return Err(api_errors::answer_too_large(limit));
            }
            let now = if last.is_empty() { chunks.iter().position(ends).unwrap_or(chunks.len()) } else { 0 };
            last.extend(chunks.drain(now..));
            // Whoever does not read any more has left, which is noticed elsewhere.
            if !chunks.is_empty() && sender.send(Ok(Some(chunks))).await.is_err() && self.kept.key.is_none() {
                return pending().await;
            }
        }
        Ok(())
    }

    // === claiming ===

    async fn begin(&mut self) -> Result<Start, ApiError> {
        if let Some(key) = &self.kept.key {
            let found =
                self.shared.store().look_up_key(&self.kept.acting.owner, key).await.map_err(api_errors::from_store)?;
            if found != KeyState::Free {
                return standing(found);
            }
        }
        match self.kept.turn.take() {
            Some(turn) => self.begin_turn(turn).await,
            None => self.begin_chat().await,
        }
    }

    async fn begin_chat(&mut self) -> Result<Start, ApiError> {
        let Some(key) = self.kept.key.clone() else { return Err(ApiError::internal("nothing is to be kept")) };
        let run = KeyedRun { run: Uuid::now_v7(), key };
        let found =
            self.shared.store().begin_keyed(&self.kept.acting.owner, &run).await.map_err(api_errors::from_store)?;
        if found != KeyState::Free {
            return standing(found);
        }
        let hold = Hold::new(self.shared.store(), &self.kept.acting.owner, Claim::Key(run));
        match self.augment().await {
            Ok(message) => drop(self.kept.request.messages.splice(..0, message)),
            Err(error) => {
                hold.let_go().await;
                return Err(error);
            }
        }
        let moment = Moment::of_request();
        Ok(Start::Anew(Box::new(Running { hold, prompt: None, conversation: None, moment, _place: None })))
    }

    async fn begin_turn(&mut self, turn: Turn) -> Result<Start, ApiError> {
        let patience = Instant::now() + self.shared.conversations().turn_wait;
        let mut place = None;
        if let Some(conversation) = turn.conversation {
            let (mut waiting, line) = self.shared.turns().join(conversation);
            let reached = timeout_at(patience, self.unless_left(waiting.reach(line))).await;
            reached.map_err(|_| api_errors::conversation_busy())??;
            place = Some(waiting);
        }
        let new = NewTurn {
            turn: Uuid::now_v7(),
            conversation: turn.conversation,
            model: self.model.facts.alias.to_string(),
            key: self.kept.key.clone(),
        };
        let mut pause = POLL[0];
        let (store, owner) = (self.shared.store(), &self.kept.acting.owner);
        let running = loop {
            match store.begin_turn(owner, new.clone()).await.map_err(api_errors::from_store)? {
                Begun::Running(running) => break running,
                Begun::Key(found) => return standing(found),
                Begun::NotFound => return Err(api_errors::conversation_not_found()),
                Begun::Busy if Instant::now() + pause > patience => return Err(api_errors::conversation_busy()),
                Begun::Busy => {
                    self.unless_left(sleep(pause)).await?;
                    pause = (pause * 2).min(POLL[1]);
                }
            }
        };
        let hold = Hold::new(store, owner, Claim::Turn(Box::new(running.clone())));
        match self.compose(&turn, &running).await {
            Ok(prompt) => {
                self.kept.request.messages.clone_from(&prompt.messages);
                self.applied.history_trimmed = prompt.left_out;
                let conversation = HeaderValue::try_from(running.conversation.to_string()).ok();
                let moment = Moment {
                    conversation: Some(running.conversation),
                    turn: running.turn,
                    is_of_user: turn.new.user.is_some(),
                };
                Ok(Start::Anew(Box::new(Running { hold, prompt: Some(prompt), conversation, moment, _place: place })))
            }
            Err(error) => {
                hold.let_go().await;
                Err(error)
            }
        }
    }

    /// What is stored for the caller, as one message. A turn asks once those before it have ended, since they may have
    /// written some of it.
    async fn augment(&mut self) -> Result<Option<Bytes>, ApiError> {
        let (caller, acting) = (&self.call.caller, &self.kept.acting);
        self.shared.compositions().message(caller, acting, &mut self.applied).await
    }

    async fn compose(&mut self, turn: &Turn, running: &RunningTurn) -> Result<Prompt, ApiError> {
        let most = self.shared.conversations().max_bytes;
        if running.byte_count >= most as u64 {
            return Err(api_errors::conversation_full(most));
        }
        let added = self.augment().await?;
        let (request, facts) = (&self.kept.request, &self.model.facts);
        let limits = PromptLimits {
            window: facts.context_window,
            answer: request.parameters.max_completion_tokens.or(request.parameters.max_tokens),
            bytes: self.shared.max_body_bytes() as u64,
        };
        compose(self.shared.store(), &self.kept.acting.owner, running, added, &turn.new, request, limits).await
    }

    // === settling ===

    async fn store(
        &self,
        running: Running,
        answer_messages: Vec<Bytes>,
        is_whole: bool,
        answer: Option<Bytes>,
    ) -> Result<(), ApiError> {
        match running.prompt {
            None => running.hold.finish_keyed(answer.unwrap_or_default()).await,
            Some(prompt) => {
                let mut messages = prompt.to_store;
                messages.extend(answer_messages);
                let end = FinishedTurn {
                    model: self.model.facts.alias.to_string(),
                    tokens: estimate(&messages),
                    messages,
                    continues: prompt.continues,
                    complete: is_whole,
                    prompt_start: prompt.start,
                    answer,
                };
                running.hold.finish_turn(end).await?;
                self.expire_confirmations(running.moment).await;
                Ok(())
            }
        }
    }

    /// What a tenant wants confirmed in the next turn of the user can be in none after it.
    async fn expire_confirmations(&self, moment: Moment) {
        let Moment { conversation: Some(conversation), turn, is_of_user: true } = moment else { return };
        if !self.call.caller.tenant().confirms_in_later_turn {
            return;
        }
        let (store, owner) = (self.shared.store(), &self.kept.acting.owner);
        if let Err(error) = store.expire_confirmations(owner, conversation, turn).await {
            tracing::warn!(cause = %error, "confirmations of a turn before could not be ended");
        }
    }

    // === ending early ===

    /// Works until it is done, or until the answer must end for another reason.
    async fn unless_ended<T>(
        &self,
        hold: &Hold,
        work: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        tokio::select! {
            biased;
            done = work => done,
            () = hold.lost() => Err(api_errors::lease_lost()),
            () = self.shared.in_flight().cut_token().cancelled() => Err(layers::cut()),
            () = self.left() => Err(left()),
        }
    }

    /// Waits until it is done, or until nobody waits for it any more.
    async fn unless_left<T>(&self, work: impl Future<Output = T>) -> Result<T, ApiError> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.shared.in_flight().cut_token().cancelled() => Err(layers::cut()),
            () = self.left() => Err(left()),
        }
    }

    fn has_been_left(&self) -> bool {
        self.kept.key.is_none() && self.left.is_cancelled()
    }

    /// Ends when nobody waits any more. Under a key the answer is made for the retry.
    async fn left(&self) {
        match self.kept.key {
            None => self.left.cancelled().await,
            Some(_) => pending().await,
        }
    }
}

/// A stream that was opened.
enum Opened {
    Again(Box<Answered<Vec<ChatCompletionChunk>>>),
    Anew(Box<Answered<StreamedAnswer>>, Box<Running>),
}

/// Nobody reads it.
fn left() -> ApiError {
    ApiError::internal("the caller left")
}

/// What stands under a key that is not free.
fn standing(found: KeyState) -> Result<Start, ApiError> {
    match found {
        KeyState::Answered(stored) => StoredAnswer::read(&stored).map(Box::new).map(Start::Again),
        KeyState::Running => Err(api_errors::idempotency_conflict()),
        KeyState::OtherRequest => Err(api_errors::key_of_another_request()),
        KeyState::Free => Err(ApiError::internal("a key that is free stands in the way")),
    }
}
