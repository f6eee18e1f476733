//! Every route, with what the document says of it beyond what the route table knows.

mod chat;
mod conversations;
mod memory;
mod system_prompts;
mod tools;
mod without_rpc;

use gateway_proto::{ErrorCode, Operation};

use super::route::{Answer, Content, Route, RouteFacts, Tag};
use without_rpc::WITHOUT_RPC;

/// Every route: those of the route table, then those without an RPC behind them.
pub(super) fn all() -> Vec<Route> {
    let of_table = Operation::ALL.iter().map(|operation| Route {
        id: operation.id(),
        method: operation.method(),
        path_template: operation.path(),
        access: operation.access(),
        description: operation.description(),
        facts: facts(*operation),
    });
    of_table.chain(WITHOUT_RPC).collect()
}

/// Any route at all, before it is looked at: the gateway serves as many connections as it can.
const ANY: &[ErrorCode] = &[ErrorCode::Overloaded];
/// A route that asks the core, which can be unreachable, shutting down or wrong.
const CORE: &[ErrorCode] = &[ErrorCode::InternalError, ErrorCode::UpstreamUnavailable];
/// A route that lets only some callers in: their credential, their identity headers, their scopes, their rate.
pub(super) const CALLER: &[ErrorCode] = &[
    ErrorCode::MissingAuthorization,
    ErrorCode::InvalidAuthorization,
    ErrorCode::MissingField,
    ErrorCode::InvalidField,
    ErrorCode::Forbidden,
    ErrorCode::RateLimitExceeded,
];
/// A route that reads a body.
const BODY: &[ErrorCode] = &[ErrorCode::BodyTooLarge, ErrorCode::InvalidJson, ErrorCode::RequestTimeout];
/// A route that names a model.
const MODEL: &[ErrorCode] = &[ErrorCode::ModelNotInAllowlist];
/// A route that has a model answer: what the model cannot take, and what its server does.
const MODEL_CALL: &[ErrorCode] = &[
    ErrorCode::MaxTokensBelowMinimum,
    ErrorCode::ImageUrlNotSupported,
    ErrorCode::ImageDecodeError,
    ErrorCode::ModelQuotaExhausted,
    ErrorCode::OpenrouterDailyQuotaExhausted,
    ErrorCode::UpstreamError,
    ErrorCode::UpstreamTimeout,
    ErrorCode::UpstreamUnavailable,
];

/// A route that needs the database.
const STORAGE: &[ErrorCode] = &[ErrorCode::StorageError];
/// A route that may name a conversation.
const CONVERSATION: &[ErrorCode] = &[ErrorCode::ConversationNotFound];
/// A route that takes an idempotency key, which is kept in the database.
const KEYED: &[ErrorCode] = &[ErrorCode::IdempotencyConflict, ErrorCode::StorageError];

/// What the document says of a route of the table. A route that is missing here does not compile.
fn facts(operation: Operation) -> RouteFacts {
    match operation {
        Operation::CreateChatCompletion => chat::chat_completion(),
        Operation::CreateTurn | Operation::CreateTurnCompletions => chat::turn(),
        Operation::ListConversations => conversations::list(),
        Operation::GetConversation => conversations::get(),
        Operation::UpdateConversation => conversations::update(),
        Operation::DeleteConversation => conversations::delete(),
        Operation::ListMessages => conversations::messages(),
        Operation::ExportConversation => conversations::export(),
        Operation::ListModels => RouteFacts {
            tag: Tag::Models,
            summary: "List the models in OpenAI's form",
            parameters: &[],
            request: None,
            success: Answer::ok("The models.", Content::json("ModelList", &["ModelList"])),
            other_failure: None,
            errors: &[ANY, CORE, CALLER],
        },
        Operation::ListModelsInfo => RouteFacts {
            tag: Tag::Models,
            summary: "List the models with what is known of each",
            parameters: &[],
            request: None,
            success: Answer::ok(
                "The models. A fact that is not known is null.",
                Content::json("ModelCatalog", &["ModelCatalog"]),
            ),
            other_failure: None,
            errors: &[ANY, CORE, CALLER],
        },
        Operation::GetModel => RouteFacts {
            tag: Tag::Models,
            summary: "Get a model in OpenAI's form",
            parameters: &["alias"],
            request: None,
            success: Answer::ok("The model.", Content::json("Model", &["Model"])),
            other_failure: None,
            // Of a server that has not given its list of models.
            errors: &[ANY, CORE, CALLER, MODEL, &[ErrorCode::UpstreamError]],
        },
        Operation::GetUsage => RouteFacts {
            tag: Tag::Usage,
            summary: "Get what the tenant used",
            parameters: &["from", "to", "granularity"],
            request: None,
            success: Answer::ok("The usage, oldest first.", Content::json("UsageReport", &["UsageReport"])),
            other_failure: None,
            errors: &[ANY, CORE, CALLER, STORAGE],
        },
        Operation::PutMemory => memory::put(),
        Operation::GetMemory => memory::get(),
        Operation::ListMemory => memory::list(),
        Operation::DeleteMemory => memory::delete(),
        Operation::DeleteMemoryByOrigin => memory::delete_by_origin(),
        Operation::GetMemoryUsage => memory::usage(),
        Operation::PutSystemPrompt => system_prompts::put(),
        Operation::GetSystemPrompt => system_prompts::get(),
        Operation::UnsetSystemPrompt => system_prompts::unset(),
        Operation::ListSystemPromptVersions => system_prompts::list(),
        Operation::GetSystemPromptVersion => system_prompts::get_version(),
        Operation::SetCurrentSystemPromptVersion => system_prompts::set_current(),
        Operation::DeleteSystemPromptVersion => system_prompts::delete(),
        Operation::GetEffectiveSystemPrompt => system_prompts::effective(),
        Operation::ListTools => tools::list(),
        Operation::ExecuteTool => tools::execute(),
        Operation::ListErrors => RouteFacts {
            tag: Tag::Errors,
            summary: "List all error codes",
            parameters: &[],
            request: None,
            success: Answer::ok("The catalog.", Content::json("ErrorCatalog", &["ErrorCatalog"])),
            other_failure: None,
            errors: &[ANY, CORE],
        },
        Operation::GetError => RouteFacts {
            tag: Tag::Errors,
            summary: "Get an error code",
            parameters: &["code"],
            request: None,
            success: Answer::ok("The facts of the code.", Content::json("ErrorEntry", &["ErrorEntry"])),
            other_failure: None,
            errors: &[ANY, CORE, &[ErrorCode::RouteNotFound]],
        },
        Operation::GetReadiness => RouteFacts {
            tag: Tag::Health,
            summary: "Tell whether the gateway works",
            parameters: &[],
            request: None,
            success: Answer::ok(
                "Requests are served. `degraded`: not by every model server.",
                Content::json("Readiness", &["Ready", "Degraded"]),
            ),
            other_failure: Some(Answer {
                status: 503,
                description: "The core is not reachable, or the gateway shuts down: send requests elsewhere.",
                headers: &[],
                content: Some(Content::json("Readiness", &["CoreUnreachable", "ShuttingDown"])),
                events: None,
            }),
            errors: &[ANY],
        },
    }
}
