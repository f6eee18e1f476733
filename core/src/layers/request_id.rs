//! Gives every call its id.

use std::convert::Infallible;
use std::task::{Context, Poll};

use tower::Service;

use super::{Request, Response, ResponseFuture};
use crate::call::RequestId;

#[derive(Clone)]
pub(super) struct Layer<S>(S);

impl<S> Layer<S> {
    pub(super) fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S> Service<Request> for Layer<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> ResponseFuture {
        let id = RequestId::of(request.headers());
        request.extensions_mut().insert(id.clone());
        let answer = self.0.call(request);
        Box::pin(async move {
            let mut response = answer.await?;
            id.put(response.headers_mut());
            Ok(response)
        })
    }
}
