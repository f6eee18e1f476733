//! The span of a call: from its head to the last byte of its answer.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use gateway_proto::{Rpc, TraceContext, metadata};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};

use super::span::{Span, SpanKind};
use crate::layers::Response;

/// The span of a call under way. One that is dropped before its status is known was left by its caller.
#[derive(Debug, Default)]
pub(crate) struct CallSpan {
    span: Span,
    has_ended: bool,
}

/// Begins the span of a call, and tells where what is done for it stands in the trace. Health, readiness and reflection
/// are asked all the time and have none.
pub(crate) fn begin_call(rpc: Option<Rpc>, headers: &HeaderMap) -> (CallSpan, Option<TraceContext>) {
    let parent = TraceContext::of(headers);
    let Some(rpc) = rpc.filter(|rpc| *rpc != Rpc::GetReadiness) else { return (CallSpan::default(), parent) };
    let method = rpc.path().trim_start_matches('/');
    let mut span = Span::begin(SpanKind::Server, parent.as_ref(), || Cow::Borrowed(method));
    span.set("rpc.system.name", "grpc");
    span.set("rpc.method", method);
    let context = span.context(parent.as_ref());
    (CallSpan { span, has_ended: false }, context)
}

impl CallSpan {
    /// The answer, with whose last byte the span ends.
    pub(crate) fn over(mut self, response: Response) -> Response {
        if !self.span.is_recording() {
            return response;
        }
        let headers = response.headers();
        if let Some(id) = headers.get(&metadata::X_CONVERSATION_ID).and_then(|id| id.to_str().ok()) {
            self.span.set("gen_ai.conversation.id", id.to_owned());
        }
        if headers.contains_key(Status::GRPC_STATUS) {
            self.end(headers);
            return response;
        }
        response.map(|body| Body::new(Traced { body, span: self }))
    }

    fn end(&mut self, headers: &HeaderMap) {
        self.tell(Status::from_header_map(headers).map_or(Code::Unknown, |status| status.code()));
    }

    fn tell(&mut self, code: Code) {
        if self.has_ended {
            return;
        }
        self.has_ended = true;
        self.span.set("rpc.response.status_code", name(code));
        if code != Code::Ok {
            self.span.set("error.type", name(code));
        }
        if is_our_fault(code) {
            self.span.fail();
        }
    }
}

impl Drop for CallSpan {
    fn drop(&mut self) {
        self.tell(Code::Cancelled);
    }
}

/// A body with whose end a span ends.
struct Traced {
    body: Body,
    span: CallSpan,
}

impl http_body::Body for Traced {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.span.end(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => self.span.tell(status.code()),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a status tells of a fault of the server, as OpenTelemetry has it.
fn is_our_fault(code: Code) -> bool {
    use Code::{DataLoss, DeadlineExceeded, Internal, Unavailable, Unimplemented, Unknown};
    matches!(code, Unknown | DeadlineExceeded | Unimplemented | Internal | Unavailable | DataLoss)
}

/// The name of a status, as gRPC spells it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
