//! The span of a request: from its head to the last byte of its answer.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use gateway_proto::{ErrorCode, Operation, TraceContext};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body::{Body as _, Frame, SizeHint};

use super::span::{Span, SpanKind, is_on};
use crate::error::X_ERROR_CODE;

/// What balancers and probes ask all the time has no span.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// The span of a request under way. One that is dropped before the end of its answer was left by its client.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    span: Span,
    method: &'static str,
    /// Whether all of the answer is on its way, or it is known why not.
    has_ended: bool,
}

/// Begins the span of a request, whose headers tell the core from now on where it stands in the trace. What a client sent in
/// their place and is not to the letter is taken out. It does not tell the path, which may hold keys of memory.
pub(crate) fn begin_request(request: &mut Request<Body>, scheme: &'static str) -> RequestSpan {
    let parent = TraceContext::of(request.headers());
    let method = name_of_method(request.method());
    let mut span = if PROBES.contains(&request.uri().path()) {
        Span::default()
    } else {
        Span::begin(SpanKind::Server, parent.as_ref(), || Cow::Borrowed(method))
    };
    TraceContext::put(span.context(parent.as_ref()).as_ref(), request.headers_mut());
    span.set("http.request.method", method);
    span.set("url.scheme", scheme);
    span.set("network.protocol.version", name_of_version(request.version()));
    RequestSpan { span, method, has_ended: false }
}

/// Notes the route that answered, for the span.
pub(crate) fn name_route(mut response: Response, operation: Operation) -> Response {
    if is_on() {
        response.extensions_mut().insert(operation);
    }
    response
}

impl RequestSpan {
    /// The answer, with whose last byte the span ends.
    pub(crate) fn over(mut self, response: Response) -> Response {
        if !self.span.is_recording() {
            return response;
        }
        if let Some(operation) = response.extensions().get::<Operation>() {
            self.span.rename(format!("{} {}", self.method, operation.path()));
            self.span.set("http.route", operation.path());
        }
        self.tell(response.status(), response.headers());
        self.has_ended |= response.body().is_end_stream();
        response.map(|body| Body::new(Traced { body, span: self }))
    }

    fn tell(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.span.set("http.response.status_code", i64::from(status.as_u16()));
        let code = headers.get(X_ERROR_CODE).and_then(|code| code.to_str().ok()).and_then(ErrorCode::from_code);
        if let Some(code) = code {
            self.span.set("error.type", code.facts().code);
            self.has_ended = true;
        }
        if status.is_server_error() {
            self.span.fail();
        }
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if !self.has_ended {
            self.span.set("error.type", "cancelled");
        }
    }
}

/// A body with whose end a span ends.
struct Traced {
    body: Body,
    span: RequestSpan,
}

impl http_body::Body for Traced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.span.has_ended = true,
            // Whoever sends it does not ask again after the last piece.
            Poll::Ready(Some(Ok(_))) => self.span.has_ended |= self.body.is_end_stream(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
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

/// The method, of those that there are.
fn name_of_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

fn name_of_version(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "2",
        Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}
