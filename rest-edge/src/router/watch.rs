//! What every request passes through: it gets its id, is counted and timed, and cannot take the process down.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use futures_util::FutureExt;
use gateway_proto::ApiError;
use gateway_proto::metadata::{SPASS_REQUEST_ID, X_REQUEST_ID};
use http::{HeaderMap, HeaderValue};
use hyper::body::Incoming;
use tower::Service;
use uuid::Uuid;

use crate::error::Failure;
use crate::measures::RequestMeasures;
use crate::routes::RequestId;
use crate::server::Activity;
use crate::state::Edge;
use crate::trace;

/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The routes with what every request passes through around them; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    edge: Edge,
    router: Router,
    measures: Arc<RequestMeasures>,
    /// The requests of the connection, where its heads are timed.
    activity: Option<Arc<Activity>>,
}

impl Watched {
    pub(crate) fn new(edge: Edge, router: Router) -> Self {
        Self { edge, router, measures: RequestMeasures::new(), activity: None }
    }

    /// The same for a connection whose requests are counted.
    pub(crate) fn on_connection(self, activity: Arc<Activity>) -> Self {
        Self { activity: Some(activity), ..self }
    }

    /// The address under which clients reach the edge.
    pub(crate) fn public_url(&self) -> &str {
        &self.edge.public_url
    }
}

impl hyper::service::Service<http::Request<Incoming>> for Watched {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let Self { edge, mut router, measures, activity } = self.clone();
        let guard = activity.as_ref().map(Activity::begin);
        Box::pin(async move {
            let id = request_id(request.headers());
            let watch = measures.begin(&request, &id);
            let mut request = request.map(Body::new);
            let span = trace::begin_request(&mut request, edge.scheme);
            request.extensions_mut().insert(RequestId(id.clone()));
            let work = watch.scope(async { router.call(request).await });
            let answer = AssertUnwindSafe(work).catch_unwind().await;
            let mut response = match answer {
                Ok(Ok(response)) => response,
                Err(_) => after_panic(&id, &edge),
            };
            put_request_id(response.headers_mut(), id);
            Ok(watch.until_end(span.over(response), guard))
        })
    }
}

fn after_panic(id: &HeaderValue, edge: &Edge) -> Response {
    let text = id.to_str().unwrap_or_default();
    tracing::error!(request_id = text, "a panic ended request {text}");
    Failure::from(ApiError::internal("panic")).into_response(text, &edge.public_url)
}

/// The client's id, when it has the form `[A-Za-z0-9._:-]{1,128}`, else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(SPASS_REQUEST_ID).or_else(|| headers.get(X_REQUEST_ID));
    if let Some(given) = given.filter(|given| has_form(given.as_bytes())) {
        return given.clone();
    }
    new_request_id()
}

/// A new id.
pub(crate) fn new_request_id() -> HeaderValue {
    let id = Uuid::now_v7();
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
        .unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// Puts an id on an answer, under both of its names.
pub(crate) fn put_request_id(headers: &mut HeaderMap, id: HeaderValue) {
    headers.insert(SPASS_REQUEST_ID, id.clone());
    headers.insert(X_REQUEST_ID, id);
}

fn has_form(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    (1..=MAX_REQUEST_ID_BYTES).contains(&id.len()) && id.iter().all(allowed)
}
