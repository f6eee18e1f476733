//! What every call passes through, in process and over a socket alike.

mod admission;
mod deadline;
mod in_flight;
mod last_resort;

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use gateway_proto::{ApiError, Rpc};
use tonic::body::Body;
use tower::Service;

pub use in_flight::InFlight;

pub(crate) use in_flight::cut;

pub(crate) use admission::{put_rate_state, whole_seconds};

use crate::access_log::AccessLine;
use crate::call::{CallParts, RequestId};
use crate::grpc::Services;
use crate::measures::{CallMeasures, Stopwatch};
use crate::server::OneTooMany;
use crate::shared::Shared;
use crate::trace::begin_call;
use admission::Refusal;
use in_flight::Held;

pub(crate) type Request = http::Request<Body>;
pub(crate) type Response = http::Response<Body>;
pub(crate) type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

/// The core as one service: the layers, and the services behind them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CoreService {
    shared: Shared,
    services: Services,
    measures: Arc<CallMeasures>,
}

impl CoreService {
    pub(crate) fn new(shared: Shared, services: Services) -> Self {
        Self { shared, services, measures: CallMeasures::new() }
    }
}

impl Service<Request> for CoreService {
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        let Self { shared, services, measures } = self.clone();
        Box::pin(async move {
            let rpc = Rpc::from_path(request.uri().path());
            // Outermost: every answer and every error carries the id, and the span ends with the answer's last byte.
            let (span, trace) = begin_call(rpc, request.headers());
            let id = RequestId::of(request.headers()).at(trace);
            // Of what comes from an edge in the same process, the edge tells.
            let line = request.extensions().get::<OneTooMany>().and_then(|_| AccessLine::begin(&id));
            let watch = measures.begin(rpc, line);
            let (mut response, held) = pass(&shared, services, request, &id, rpc, watch.stopwatch()).await;
            id.put(response.headers_mut());
            Ok(span.over(in_flight::until_end(response, held, watch)))
        })
    }
}

/// The layers, from the outside in. Written as one function rather than as nested services, so that a call costs one
/// allocation for all of them, and so that their order is the order of these lines.
async fn pass(
    shared: &Shared,
    services: Services,
    mut request: Request,
    id: &RequestId,
    rpc: Option<Rpc>,
    stopwatch: &Stopwatch,
) -> (Response, Held) {
    let answer = |error: &ApiError| error.to_status(id.as_str(), shared.docs_url()).into_http();
    let refuse = |error: &ApiError| (answer(error), Held::default());

    // Around all work: a call counts as in flight until the last byte of its answer, and none begins at the end.
    let token = match in_flight::enter(shared, rpc) {
        Ok(token) => token,
        Err(error) => return refuse(&error),
    };
    // Before anybody is asked who they are: what there is too much of must cost little.
    if let Some(OneTooMany(true)) = request.extensions().get() {
        return refuse(&in_flight::too_many_connections());
    }
    // Before the message is read: who is not let in costs no memory.
    let admitted = match admission::admit(shared, rpc, request.headers()) {
        Ok(admitted) => admitted,
        Err(Refusal { error, state }) => {
            let (mut response, held) = refuse(&error);
            put_rate_state(response.headers_mut(), state);
            return (response, held);
        }
    };
    // The caller's time covers reading the message and answering it.
    let deadline = match deadline::of(request.headers()) {
        Ok(deadline) => deadline,
        Err(error) => return refuse(&error),
    };
    // A stream ends with its secret, also while its head waits for the model server; what is answered in one piece and was
    // let in is answered.
    let revoked = admitted.caller.as_ref().filter(|_| admitted.stream.is_some()).map(|caller| caller.revoked().clone());
    let stopwatch = stopwatch.clone();
    request.extensions_mut().insert(CallParts { request_id: id.clone(), caller: admitted.caller, deadline, stopwatch });
    // Innermost, around what can panic or refuse in the library's words.
    let call = deadline::within(deadline, services.call(rpc, request));
    let call = last_resort::guard(rpc, shared.max_body_bytes(), id, call);
    let mut response = match in_flight::unless_cut(shared, revoked, call).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) | Err(error) => answer(&error),
    };
    put_rate_state(response.headers_mut(), admitted.state);
    (response, Held { token, stream: admitted.stream })
}
