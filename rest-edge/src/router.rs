//! The table of contents of all routes.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, get, on};
use gateway_proto::Operation;
use http::HeaderValue;
use tower_http::cors::{AllowHeaders, AllowOrigin, Any, CorsLayer};

use crate::error::Failure;
use crate::measures::Progress;
use crate::pages;
use crate::routes::{self, Inbound};
use crate::state::Edge;
use crate::trace;

mod watch;

pub(crate) use watch::{Watched, new_request_id, put_request_id};

/// All routes.
pub(crate) fn router(edge: &Edge, cors_allowed_origins: &[HeaderValue]) -> Router {
    let mut router = Router::new()
        // Routes without an RPC behind them.
        .route("/healthz", get(routes::health::live))
        .route("/openapi.json", get(routes::openapi::document))
        .route("/", get(pages::home))
        .route("/docs", get(pages::docs))
        .route("/docs/errors", get(pages::errors))
        .route("/docs/{page}", get(pages::document))
        .route("/openapi", get(pages::openapi))
        .route("/playground", get(pages::playground))
        .route("/assets/{file}", get(pages::asset));
    for operation in Operation::ALL {
        router = router.route(&axum_path(operation.path()), handler(*operation));
    }
    let router = router
        .fallback(routes::not_found::answer)
        .method_not_allowed_fallback(routes::not_found::answer)
        .with_state(edge.clone());
    match cors(cors_allowed_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

/// Who handles a route of the contract.
fn handler(operation: Operation) -> MethodRouter<Edge> {
    match operation {
        Operation::CreateChatCompletion => answer(operation, routes::chat_completions::create),
        Operation::CreateTurn | Operation::CreateTurnCompletions => answer(operation, routes::turns::create),
        Operation::ListConversations => answer(operation, routes::conversations::list),
        Operation::GetConversation => answer(operation, routes::conversations::get),
        Operation::UpdateConversation => answer(operation, routes::conversations::update),
        Operation::DeleteConversation => answer(operation, routes::conversations::delete),
        Operation::ListMessages => answer(operation, routes::conversations::messages),
        Operation::ExportConversation => answer(operation, routes::conversations::export),
        Operation::ListModels => answer(operation, routes::models::list),
        Operation::ListModelsInfo => answer(operation, routes::models::info),
        Operation::GetModel => answer(operation, routes::models::get),
        Operation::ListErrors => answer(operation, routes::errors::list),
        Operation::GetError => answer(operation, routes::errors::get),
        Operation::GetUsage => answer(operation, routes::usage::get),
        Operation::PutMemory => answer(operation, routes::memory::put),
        Operation::GetMemory => answer(operation, routes::memory::get),
        Operation::ListMemory => answer(operation, routes::memory::list),
        Operation::DeleteMemory => answer(operation, routes::memory::delete),
        Operation::DeleteMemoryByOrigin => answer(operation, routes::memory::delete_by_origin),
        Operation::GetMemoryUsage => answer(operation, routes::memory::usage),
        Operation::PutSystemPrompt => answer(operation, routes::system_prompts::put),
        Operation::GetSystemPrompt => answer(operation, routes::system_prompts::get),
        Operation::UnsetSystemPrompt => answer(operation, routes::system_prompts::unset),
        Operation::ListSystemPromptVersions => answer(operation, routes::system_prompts::list),
        Operation::GetSystemPromptVersion => answer(operation, routes::system_prompts::get_version),
        Operation::SetCurrentSystemPromptVersion => answer(operation, routes::system_prompts::set_current),
        Operation::DeleteSystemPromptVersion => answer(operation, routes::system_prompts::delete),
        Operation::GetEffectiveSystemPrompt => answer(operation, routes::system_prompts::effective),
        Operation::ListTools => answer(operation, routes::tools::list),
        Operation::ExecuteTool => answer(operation, routes::tools::execute),
        Operation::GetReadiness => answer(operation, routes::health::ready),
    }
}

/// A handler on the method of its route.
fn answer<H, F>(operation: Operation, handle: H) -> MethodRouter<Edge>
where
    H: Fn(Edge, Inbound) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Failure>> + Send + 'static,
{
    let run = async move |State(edge): State<Edge>, request: Request<Body>| {
        Progress::note_route(operation);
        let (inbound, request_id) = Inbound::new(request);
        // In a place of its own: the router moves this future about, and would move all of the handler's with it.
        let answer = Box::pin(handle(edge.clone(), inbound)).await;
        let answer = answer
            .unwrap_or_else(|failure| failure.into_response(request_id.to_str().unwrap_or_default(), &edge.public_url));
        trace::name_route(answer, operation)
    };
    on(method_filter(operation.method()), run)
}

fn method_filter(method: &str) -> MethodFilter {
    match method {
        "GET" => MethodFilter::GET,
        "PUT" => MethodFilter::PUT,
        "PATCH" => MethodFilter::PATCH,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::POST,
    }
}

/// `/v1/models/{alias=**}` becomes `/v1/models/{*alias}`.
fn axum_path(template: &str) -> String {
    let segments = template.split('/').map(|segment| {
        let rest_of_path = segment.strip_prefix('{').and_then(|segment| segment.strip_suffix("=**}"));
        rest_of_path.map_or_else(|| segment.to_owned(), |name| format!("{{*{name}}}"))
    });
    segments.collect::<Vec<_>>().join("/")
}

fn cors(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let any = origins.iter().any(|origin| origin == "*");
    let allowed = if any { AllowOrigin::any() } else { AllowOrigin::list(origins.iter().cloned()) };
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods(Any)
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(Any),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_axum_paths() {
        assert_eq!(axum_path("/v1/models/{alias=**}"), "/v1/models/{*alias}");
        assert_eq!(axum_path("/errors/{code}"), "/errors/{code}");
        assert_eq!(axum_path("/readyz"), "/readyz");
    }
}
