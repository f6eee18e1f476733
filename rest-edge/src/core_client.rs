//! The way to the core: the generated clients over a channel, with what goes along in metadata.

mod balance;
mod channel;
mod dns;

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::conversation_service_client::ConversationServiceClient;
use gateway_proto::v1::error_catalog_service_client::ErrorCatalogServiceClient;
use gateway_proto::v1::identity_service_client::IdentityServiceClient;
use gateway_proto::v1::memory_service_client::MemoryServiceClient;
use gateway_proto::v1::model_service_client::ModelServiceClient;
use gateway_proto::v1::readiness_service_client::ReadinessServiceClient;
use gateway_proto::v1::system_prompt_service_client::SystemPromptServiceClient;
use gateway_proto::v1::tool_service_client::ToolServiceClient;
use gateway_proto::v1::usage_service_client::UsageServiceClient;
use gateway_proto::{ApiError, ErrorCode, metadata};
use http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataMap;
use tonic::{ConnectError, Request, Response, Status};

use balance::{Chosen, NoCore};
pub use channel::CoreChannel;

use crate::error::Failure;
use crate::measures::Progress;

/// How often a call of which nothing was sent is tried in all.
const TRIES: u32 = 3;
/// A core that is closing refuses a call within this time.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How many headers the edge itself puts on an answer.
const USUAL_OWN_HEADERS: usize = 5;
/// After this time the core may be there again.
const CORE_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The clients of the core's services.
#[derive(Clone, Debug)]
pub struct CoreClient {
    channel: CoreChannel,
}

/// The generated client of a service, over the channel.
pub(crate) trait ServiceClient: Sized {
    /// A client for messages of any size: the core has the say on requests, and answers are what they are.
    fn over(channel: CoreChannel) -> Self;
}

macro_rules! service_clients {
    ($($Client:ident),+ $(,)?) => {
        $(impl ServiceClient for $Client<CoreChannel> {
            fn over(channel: CoreChannel) -> Self {
                Self::new(channel).max_decoding_message_size(usize::MAX).max_encoding_message_size(usize::MAX)
            }
        })+
    };
}

service_clients!(
    ChatServiceClient,
    ConversationServiceClient,
    ErrorCatalogServiceClient,
    IdentityServiceClient,
    MemoryServiceClient,
    ModelServiceClient,
    ReadinessServiceClient,
    SystemPromptServiceClient,
    ToolServiceClient,
    UsageServiceClient,
);

impl CoreClient {
    /// Clients over this channel.
    #[must_use]
    pub fn new(channel: CoreChannel) -> Self {
        Self { channel }
    }

    /// Makes a call with the metadata of a request. What the core refuses, or a core that is not there, is a failure.
    ///
    /// A call is made again only when nothing of it was sent, or when a core that is closing refused it at once: another
    /// one may take it.
    pub(crate) async fn call<C, M, R, F>(
        &self,
        outgoing: HeaderMap,
        message: M,
        call: impl Fn(C, Request<M>) -> F,
    ) -> Result<Response<R>, Failure>
    where
        C: ServiceClient,
        M: Clone,
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let mut tries = if self.channel.is_remote() { TRIES } else { 1 };
        // The last try takes what the others copied; without a socket there is only one.
        let mut call_parts = Some((outgoing, message));
        loop {
            tries -= 1;
            let copy = if tries == 0 { call_parts.take() } else { call_parts.clone() };
            let Some((headers, message)) = copy else {
                return Err(ApiError::internal("a call was tried too often").into());
            };
            let mut request = Request::from_parts(MetadataMap::from_headers(headers), http::Extensions::new(), message);
            let chosen = self.channel.is_one_of_many().then(Chosen::default);
            if let Some(chosen) = &chosen {
                request.extensions_mut().insert(chosen.clone());
            }
            let begin = Instant::now();
            let status = match Progress::wait(call(C::over(self.channel.clone()), request)).await {
                Ok(response) => return Ok(response),
                Err(status) => status,
            };
            if !may_go_elsewhere(&status, begin.elapsed()) {
                return Err(failure(status));
            }
            if let Some(chosen) = chosen {
                chosen.rest();
            }
            if tries == 0 {
                return Err(failure(status));
            }
        }
    }
}

/// What goes to the core with the calls of a request.
pub(crate) fn outgoing(headers: &HeaderMap, request_id: &HeaderValue) -> HeaderMap {
    let mut outgoing = HeaderMap::with_capacity(metadata::REQUEST.len());
    for name in &metadata::REQUEST {
        // Every value of a header: what it means to give one twice is for the core to say.
        for value in headers.get_all(name) {
            outgoing.append(name, value.clone());
        }
    }
    outgoing.insert(metadata::SPASS_REQUEST_ID, request_id.clone());
    outgoing
}

/// What of the core's metadata goes to the client.
pub(crate) fn incoming(metadata: MetadataMap) -> HeaderMap {
    let mut from_core = metadata.into_headers();
    let mut headers = HeaderMap::with_capacity(metadata::RESPONSE.len() + USUAL_OWN_HEADERS);
    for name in &metadata::RESPONSE {
        if let Some(value) = from_core.remove(name) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Whether nothing was sent, or nothing was done with it. A core that let the call wait did so for a reason that every
/// other one has too, as when a turn waits for those before it.
fn may_go_elsewhere(status: &Status, waited: Duration) -> bool {
    let refused_at_once =
        |error: ApiError| error.code() == ErrorCode::Overloaded && error.retryable() && waited < AT_ONCE;
    never_sent(status) || ApiError::from_status(status).is_some_and(refused_at_once)
}

fn never_sent(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() || error.is::<NoCore>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A status of the core as the failure of a request.
pub(crate) fn failure(status: Status) -> Failure {
    let headers = incoming(status.metadata().clone());
    if let Some(error) = ApiError::from_status(&status) {
        return Failure { error, headers };
    }
    let error = if never_sent(&status) {
        let message = "The gateway's core is not reachable; GET /readyz shows its state.";
        ApiError::new(ErrorCode::UpstreamUnavailable, message).with_retry_after(CORE_RETRY_AFTER)
    } else if status.source().is_some() {
        // The connection broke after the request left: nobody knows what was done.
        ApiError::internal("the connection to the core broke")
    } else {
        let code = ErrorCode::fallback(status.code());
        ApiError::new(code, code.facts().description)
    };
    tracing::error!(%status, "a call to the core failed");
    Failure { error: error.with_source(status), headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_elsewhere(error: &ApiError, waited: Duration) -> bool {
        may_go_elsewhere(&error.to_status("r", ""), waited)
    }

    #[test]
    fn only_a_call_that_was_refused_at_once_goes_elsewhere() {
        let overloaded = || ApiError::new(ErrorCode::Overloaded, "No.");
        assert!(goes_elsewhere(&overloaded(), Duration::ZERO));
        assert!(!goes_elsewhere(&overloaded(), Duration::from_secs(30)));
        assert!(!goes_elsewhere(&overloaded().not_retryable(), Duration::ZERO));
        assert!(!goes_elsewhere(&ApiError::new(ErrorCode::RateLimitExceeded, "No."), Duration::ZERO));
        assert!(!may_go_elsewhere(&Status::unavailable("gone"), Duration::ZERO));
    }
}
