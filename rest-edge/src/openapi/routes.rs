//! Every route, with what the document says of it beyond what the route table knows.

use gateway_proto::{Access, ErrorCode, Operation};

use super::route::{Answer, Content, RequestBody, Route, RouteFacts, Tag};

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

/// What tells who served and how.
const SERVED: &[&str] = &["spass-applied", "x-rust-api-applied", "spass-resolved-model", "spass-resolved-backend"];

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

/// What the document says of a route of the table. A route that is missing here does not compile.
fn facts(operation: Operation) -> RouteFacts {
    match operation {
        Operation::CreateChatCompletion => RouteFacts {
            tag: Tag::Chat,
            summary: "Create a chat completion",
            path_parameters: &[],
            request: Some(RequestBody {
                description: "The chat: JSON in UTF-8, plain or with `Content-Encoding` gzip, br or zstd. Its size, which \
                              the operator bounds at 32 MiB unless set otherwise, is counted unpacked. At most 128 levels \
                              deep and 100,000 values.",
                content: Content::json(
                    "ChatRequest",
                    &[
                        "ChatOfText",
                        "ChatWithImage",
                        "ChatWithTool",
                        "ChatWithToolResult",
                        "ChatWithJsonSchema",
                        "ChatAsStream",
                    ],
                ),
            }),
            success: Answer {
                status: 200,
                description: "The completion: whole, or with `stream` as server-sent events. The data of each event is a \
                              chunk; `[DONE]` is the last. An error that comes after the first event is an event \
                              `{\"error\":{...}}` before it, in the form of every error; comments (`: keep-alive`) come \
                              while there is nothing else.",
                headers: SERVED,
                content: Content::json("ChatCompletion", &["CompletionOfText", "CompletionWithToolCall"]),
                events: Some(Content::events("ChatCompletionChunk", &["ChunkOfText", "ChunkWithUsage"])),
            },
            other_failure: None,
            errors: &[ANY, CORE, CALLER, BODY, MODEL, MODEL_CALL],
        },
        Operation::ListModels => RouteFacts {
            tag: Tag::Models,
            summary: "List the models in OpenAI's form",
            path_parameters: &[],
            request: None,
            success: Answer::ok("The models.", Content::json("ModelList", &["ModelList"])),
            other_failure: None,
            errors: &[ANY, CORE, CALLER],
        },
        Operation::ListModelsInfo => RouteFacts {
            tag: Tag::Models,
            summary: "List the models with what is known of each",
            path_parameters: &[],
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
            path_parameters: &["alias"],
            request: None,
            success: Answer::ok("The model.", Content::json("Model", &["Model"])),
            other_failure: None,
            // Of a server that has not given its list of models.
            errors: &[ANY, CORE, CALLER, MODEL, &[ErrorCode::UpstreamError]],
        },
        Operation::ListErrors => RouteFacts {
            tag: Tag::Errors,
            summary: "List all error codes",
            path_parameters: &[],
            request: None,
            success: Answer::ok("The catalog.", Content::json("ErrorCatalog", &["ErrorCatalog"])),
            other_failure: None,
            errors: &[ANY, CORE],
        },
        Operation::GetError => RouteFacts {
            tag: Tag::Errors,
            summary: "Get an error code",
            path_parameters: &["code"],
            request: None,
            success: Answer::ok("The facts of the code.", Content::json("ErrorEntry", &["ErrorEntry"])),
            other_failure: None,
            errors: &[ANY, CORE, &[ErrorCode::RouteNotFound]],
        },
        Operation::GetReadiness => RouteFacts {
            tag: Tag::Health,
            summary: "Tell whether the gateway works",
            path_parameters: &[],
            request: None,
            success: Answer::ok(
                "Requests are served. `degraded`: not by every model server.",
                Content::json("Readiness", &["Ready", "Degraded"]),
            ),
            other_failure: Some(Answer {
                status: 503,
                description: "The core is not reachable, or the gateway shuts down: send requests elsewhere.",
                headers: &[],
                content: Content::json("Readiness", &["CoreUnreachable", "ShuttingDown"]),
                events: None,
            }),
            errors: &[ANY],
        },
    }
}

/// The routes that the edge answers by itself.
const WITHOUT_RPC: [Route; 3] = [
    Route {
        id: "getLiveness",
        method: "GET",
        path_template: "/healthz",
        access: Access::Public,
        description: "Tells that the process answers. It looks at nothing else: a core or model server that is out does \
                      not change it.",
        facts: RouteFacts {
            tag: Tag::Health,
            summary: "Tell whether the process lives",
            path_parameters: &[],
            request: None,
            success: Answer::ok("It does.", Content::json("Liveness", &["Live"])),
            other_failure: None,
            errors: &[ANY],
        },
    },
    Route {
        id: "getOpenApiDocument",
        method: "GET",
        path_template: "/openapi.json",
        access: Access::Public,
        description: "Gets this document.",
        facts: RouteFacts {
            tag: Tag::Documents,
            summary: "Get this document",
            path_parameters: &[],
            request: None,
            success: Answer::ok("This document.", Content::json("OpenApiDocument", &[])),
            other_failure: None,
            errors: &[ANY],
        },
    },
    Route {
        id: "getErrorPage",
        method: "GET",
        path_template: "/docs/errors",
        access: Access::Public,
        description: "Gets the error catalog as a page, which the link in every error leads to. Each code is an anchor.",
        facts: RouteFacts {
            tag: Tag::Documents,
            summary: "Get the error catalog as a page",
            path_parameters: &[],
            request: None,
            success: Answer::ok("The page.", Content { media_type: "text/html", schema: "HtmlPage", examples: &[] }),
            other_failure: None,
            errors: &[ANY],
        },
    },
];
