//! Somebody who calls both wires of one stack, always with the same headers.

use gateway_tests::{BEARER, HttpAnswer, Stack};
use http::Method;
use serde_json::Value;
use tonic::metadata::MetadataValue;

/// Somebody who calls.
#[derive(Clone)]
pub(crate) struct Caller<'a> {
    stack: &'a Stack,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Caller<'a> {
    /// With [`BEARER`].
    pub(crate) fn new(stack: &'a Stack) -> Self {
        Self::with_token(stack, BEARER)
    }

    /// With this token.
    pub(crate) fn with_token(stack: &'a Stack, token: &str) -> Self {
        let headers =
            vec![("authorization", format!("Bearer {token}")), ("content-type", "application/json".to_owned())];
        Self { stack, headers }
    }

    /// With one more header, or another value of one.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Calls over HTTP; `null` is no body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> HttpAnswer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send_text(method, path, &body).await
    }

    /// Calls over HTTP with a body as it is.
    pub(crate) async fn send_text(&self, method: Method, path: &str, body: &str) -> HttpAnswer {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.stack.send(method, path, &headers, body.to_owned()).await
    }

    /// The answer to a GET.
    pub(crate) async fn get(&self, path: &str) -> HttpAnswer {
        self.send(Method::GET, path, &Value::Null).await
    }

    /// The answer to a DELETE.
    pub(crate) async fn delete(&self, path: &str) -> HttpAnswer {
        self.send(Method::DELETE, path, &Value::Null).await
    }

    /// The same call over gRPC.
    pub(crate) fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != "content-type") {
            request.metadata_mut().insert(*name, MetadataValue::try_from(value).unwrap());
        }
        request
    }
}
