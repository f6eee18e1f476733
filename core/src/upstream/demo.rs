//! The built-in demo: no model, and it says so. It makes a first answer possible without a provider, and every kind
//! of answer and failure possible on demand.
//!
//! It is deterministic: the last message decides. One that begins with a slash is a command (`/help` lists them); any
//! other is repeated. It answers in the bytes of the OpenAI wire, which the same reader reads as those of a real
//! server.

mod answer;
mod script;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::error::{Phase, UpstreamError};
use super::{CallContext, failure};
use script::{Failure, Outcome};

/// Answers a request.
pub(super) async fn complete(body: &[u8], context: CallContext<'_>) -> Result<Bytes, UpstreamError> {
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| UpstreamError::Malformed("the demo was sent something that is not JSON".to_owned()))?;
    let (pause, outcome) = script::play(&request);
    let pause = tokio::time::Instant::now() + pause;
    if let Some(deadline) = context.deadline.filter(|deadline| *deadline < pause) {
        tokio::time::sleep_until(deadline).await;
        return Err(UpstreamError::TimedOut(Phase::Total));
    }
    tokio::time::sleep_until(pause).await;
    match outcome {
        Outcome::Reply(reply) => Ok(answer::render(&request, &reply).into()),
        Outcome::Failure(failure) => Err(fail(failure)),
        Outcome::Garbage => Ok(Bytes::from_static(b"<html>This is not a chat completion.</html>")),
    }
}

fn fail(failure: Failure) -> UpstreamError {
    match failure {
        Failure::Unreachable => UpstreamError::Unreachable("the demo plays a server that is down".into()),
        Failure::TimedOut => UpstreamError::TimedOut(Phase::FirstByte),
        Failure::Status { status, message, retry_after } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let retry_after = retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into()));
            let body = json!({"error": {"message": message, "type": "demo_error"}}).to_string();
            failure::read(status, &HeaderMap::from_iter(retry_after), body.as_bytes(), "")
        }
        #[expect(clippy::panic, reason = "shows that a panic costs one request and not the process")]
        Failure::Panic => panic!("the demo was asked to panic"),
    }
}

#[cfg(test)]
mod tests;
