//! The built-in demo: no model, and it says so. It makes a first answer possible without a provider, and every kind
//! of answer and failure possible on demand.
//!
//! It is deterministic: the messages decide. One that begins with a slash is a command (`/help` lists them); one that
//! asks for a tool that the request offers, in brackets or in plain words, is answered with a call; any other is
//! repeated. It answers in the bytes of the OpenAI wire, which the same reader reads as those of a real server.

mod answer;
mod memory;
mod request;
mod script;
mod stream;
mod tools;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::error::{Phase, UpstreamError};
use super::{CallContext, failure};
use script::{Failure, Outcome, Reply};

pub(super) use stream::DemoStream;

/// Answers a request.
pub(super) async fn complete(body: &[u8], context: CallContext<'_>) -> Result<Bytes, UpstreamError> {
    let request = read(body)?;
    match play(&request, context).await? {
        Outcome::Reply(reply) if reply.breaks_off => Err(broken()),
        Outcome::Reply(reply) => Ok(answer::render(&request, &reply).into()),
        Outcome::Failure(failure) => Err(fail(failure)),
        Outcome::Garbage => Ok(Bytes::from_static(GARBAGE)),
    }
}

/// Answers a request with a stream.
pub(super) async fn stream(body: &[u8], context: CallContext<'_>) -> Result<DemoStream, UpstreamError> {
    let request = read(body)?;
    match play(&request, context).await? {
        Outcome::Reply(reply) => Ok(DemoStream::new(answer::events(&request, &reply), &reply, context.deadline)),
        Outcome::Failure(failure) => Err(fail(failure)),
        Outcome::Garbage => {
            let events = vec![Bytes::from_static(b"data: "), Bytes::from_static(GARBAGE), Bytes::from_static(b"\n\n")];
            Ok(DemoStream::new(events, &Reply::default(), None))
        }
    }
}

const GARBAGE: &[u8] = b"<html>This is not a chat completion.</html>";

fn read(body: &[u8]) -> Result<Value, UpstreamError> {
    serde_json::from_slice(body)
        .map_err(|_| UpstreamError::Malformed("the demo was sent something that is not JSON".to_owned()))
}

/// What comes of a request, after the pause that it asks for.
async fn play(request: &Value, context: CallContext<'_>) -> Result<Outcome, UpstreamError> {
    let (pause, outcome) = script::play(request);
    let pause = tokio::time::Instant::now() + pause;
    if let Some(deadline) = context.deadline.filter(|deadline| *deadline < pause) {
        tokio::time::sleep_until(deadline).await;
        return Err(UpstreamError::TimedOut(Phase::Total));
    }
    tokio::time::sleep_until(pause).await;
    Ok(outcome)
}

fn broken() -> UpstreamError {
    UpstreamError::Broken("the demo plays a connection that breaks".into())
}

fn fail(failure: Failure) -> UpstreamError {
    match failure {
        Failure::Unreachable => UpstreamError::Unreachable("the demo plays a server that is down".into()),
        Failure::TimedOut => UpstreamError::TimedOut(Phase::FirstByte),
        Failure::Status { status, message, retry_after } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let retry_after = retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into()));
            let body = json!({"error": {"message": message, "type": "demo_error"}}).to_string();
            failure::read(status, &HeaderMap::from_iter(retry_after), body.as_bytes(), failure::Own::default())
        }
        #[expect(clippy::panic, reason = "shows that a panic costs one request and not the process")]
        Failure::Panic => panic!("the demo was asked to panic"),
    }
}

#[cfg(test)]
mod tests;
