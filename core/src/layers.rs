//! What every call passes through, in process and over a socket alike.

mod admission;
mod deadline;
mod in_flight;
mod last_resort;
mod request_id;

use std::future::Future;
use std::pin::Pin;

use gateway_proto::ApiError;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

pub(crate) use admission::{put_rate_state, whole_seconds};
pub use in_flight::InFlight;

use crate::call::RequestId;
use crate::shared::Shared;

type Request = http::Request<Body>;
type Response = http::Response<Body>;
type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response, std::convert::Infallible>> + Send>>;

/// The core as one service.
pub type CoreService = BoxCloneSyncService<Request, Response, std::convert::Infallible>;

/// Puts the layers around the routes; the first one is the outermost.
pub fn stack<S>(shared: &Shared, routes: S) -> CoreService
where
    S: Service<Request, Response = Response, Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let service = ServiceBuilder::new()
        // Outermost: every answer and every error carries the id.
        .layer_fn(request_id::Layer::new)
        // Around all work: a call counts as in flight until the last byte of its answer.
        .layer_fn(|inner| in_flight::Layer::new(inner, shared.clone()))
        // Around everything that can panic or refuse in the library's words.
        .layer_fn(|inner| last_resort::Layer::new(inner, shared.clone()))
        // Before the message is read: who is not let in costs no memory.
        .layer_fn(|inner| admission::Layer::new(inner, shared.clone()))
        // Innermost: the caller's time covers reading the message and answering it.
        .layer_fn(|inner| deadline::Layer::new(inner, shared.clone()))
        .service(routes);
    BoxCloneSyncService::new(service)
}

/// The answer of a layer that ends a call.
fn refuse(error: &ApiError, request_id: &RequestId, docs_url: &str) -> Response {
    error.to_status(request_id.as_str(), docs_url).into_http()
}

/// The id of a request that passed [`request_id`].
fn id_of(request: &Request) -> RequestId {
    request.extensions().get().cloned().unwrap_or_else(|| RequestId::of(request.headers()))
}
