//! A loop whose answer is given whole.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use gateway_proto::ApiError;
use gateway_proto::v1::{AssistantMessage, ChatCompletion, Choice, FinishReason, assistant_message};
use http::HeaderValue;

use super::calls::{is_callers, run_all};
use super::progress::{Next, Progress, text_of};
use super::stream::BETWEEN;
use super::synthesis::FALLBACK;
use super::{Session, within_one_chat, without_tools};
use crate::answer::{message_of, write_message};
use crate::call::Call;
use crate::catalog::CatalogModel;
use crate::chat::{Answered, complete_once, complete_prepared};
use crate::domain::chat::JsonRequest;
use crate::domain::limits::Applied;
use crate::shared::Shared;

/// An answer, and all messages of it that are kept with a turn.
#[derive(Debug)]
pub(crate) struct Looped {
    /// The answer.
    pub(crate) answered: Answered<ChatCompletion>,
    /// The messages, in their order.
    pub(crate) kept: Vec<Bytes>,
}

/// Answers a chat with tools of the gateway. Dropping the future cancels the call of the model, and the tools.
pub(crate) async fn complete(
    shared: &Shared,
    call: &Call,
    request: JsonRequest,
    model: &Arc<CatalogModel>,
    applied: &Applied,
    session: Session,
) -> Result<Looped, ApiError> {
    let call = &within_one_chat(call, model);
    let mut progress = Progress::new(session, request, applied);
    // What the model said in steps before the last, for the caller.
    let mut said: Vec<String> = Vec::new();
    // Of these, what stands in no message that is kept.
    let mut carried = String::new();
    let mut first: Option<(String, i64)> = None;
    loop {
        progress.check()?;
        let asked = complete_once(shared, call, &progress.request, model, &progress.applied).await;
        let (mut answered, priced) = match asked {
            Ok(answered) => answered,
            Err(error) if !progress.has_begun() => {
                let applied = without_tools(&error, progress.offered(), applied).ok_or(error)?;
                return complete_without(shared, call, progress.request, model, &applied).await;
            }
            Err(error) => return Err(progress.refusal(error)),
        };
        progress.add(answered.answer.usage.as_ref(), priced);
        let (id, created) = first.get_or_insert_with(|| (answered.answer.id.clone(), answered.answer.created));
        answered.answer.id.clone_from(id);
        answered.answer.created = *created;
        let mut message = match answered.answer.choices.first_mut() {
            Some(choice) => choice.message.take().unwrap_or_default(),
            None => AssistantMessage::default(),
        };
        match progress.judge(&message) {
            Next::Run(calls) => {
                let results = run_all(calls, progress.context()).await;
                note_text(&mut said, &message);
                progress.take(&message, results);
                progress.reached_cap();
            }
            Next::End => {
                note_text(&mut said, &message);
                text_of(&message).clone_into(&mut carried);
            }
            Next::Caller(calls) => {
                let kept_message = message.clone();
                message.tool_calls.retain(|call| is_callers(call, progress.offered()));
                let results = run_all(calls, progress.context()).await;
                progress.take(&kept_message, results);
                finish(&mut answered, &progress, &said, message);
                return Ok(Looped { answered, kept: progress.into_steps() });
            }
            Next::Answer => {
                if progress.end().is_some() {
                    close(answered.answer.choices.first_mut(), &mut message);
                }
                let last = write_message(&after(&carried, &message));
                finish(&mut answered, &progress, &said, message);
                let mut kept = progress.into_steps();
                kept.push(last);
                return Ok(Looped { answered, kept });
            }
        }
    }
}

/// Answers a request as it was before the gateway's tools were added.
async fn complete_without(
    shared: &Shared,
    call: &Call,
    mut request: JsonRequest,
    model: &CatalogModel,
    applied: &Applied,
) -> Result<Looped, ApiError> {
    request.tools.clear();
    let answered = complete_prepared(shared, call, &request, model, applied).await?;
    model.note_refusal_of_tools();
    let kept = vec![message_of(&answered.answer)];
    Ok(Looped { answered, kept })
}

/// A message with what was said before it.
fn after<'a>(carried: &str, message: &'a AssistantMessage) -> Cow<'a, AssistantMessage> {
    if carried.is_empty() || matches!(message.content, Some(assistant_message::Content::ContentJson(_))) {
        return Cow::Borrowed(message);
    }
    let text = format!("{carried}{BETWEEN}{}", text_of(message));
    Cow::Owned(AssistantMessage { content: Some(assistant_message::Content::Text(text)), ..message.clone() })
}

fn note_text(said: &mut Vec<String>, message: &AssistantMessage) {
    let text = text_of(message);
    if !text.is_empty() {
        said.push(text.to_owned());
    }
}

/// Makes an answer of what the model said when it had no tools: nothing is called any more, and something is said.
fn close(choice: Option<&mut Choice>, message: &mut AssistantMessage) {
    message.tool_calls.clear();
    if message.content.is_none() || message.content == Some(assistant_message::Content::Text(String::new())) {
        message.content = Some(assistant_message::Content::Text(FALLBACK.to_owned()));
    }
    if let Some(choice) = choice
        && choice.finish_reason() == FinishReason::ToolCalls
    {
        choice.set_finish_reason(FinishReason::Stop);
    }
}

/// Makes the last answer the one of the whole loop.
fn finish(
    answered: &mut Answered<ChatCompletion>,
    progress: &Progress,
    said: &[String],
    mut message: AssistantMessage,
) {
    if !said.is_empty() && !matches!(message.content, Some(assistant_message::Content::ContentJson(_))) {
        let texts = said.iter().map(String::as_str).chain([text_of(&message)]).filter(|text| !text.is_empty());
        let joined = texts.collect::<Vec<_>>().join(BETWEEN);
        message.content = Some(assistant_message::Content::Text(joined));
    }
    if answered.answer.choices.is_empty() {
        answered.answer.choices.push(Choice { finish_reason: FinishReason::Stop.into(), ..Choice::default() });
    }
    answered.answer.choices.truncate(1);
    answered.answer.choices[0].message = Some(message);
    answered.answer.usage = progress.totals().usage().cloned();
    answered.answer.notices = progress.end().map(super::LoopEnd::notice).into_iter().collect();
    let cost = progress.totals().priced().map(|priced| priced.cost.to_string());
    answered.told.cost = cost.and_then(|cost| HeaderValue::try_from(cost).ok());
}
