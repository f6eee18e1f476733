//! The names of the request and response metadata, which are HTTP headers at the edge. They are checked and hashed when
//! this is compiled, not on each call.

use http::HeaderName;

/// The bearer token.
pub const AUTHORIZATION: HeaderName = HeaderName::from_static("authorization");
/// The tenant to act for, the newer name.
pub const SPASS_TENANT_ID: HeaderName = HeaderName::from_static("spass-tenant-id");
/// The tenant to act for, the older name.
pub const X_TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");
/// The end user.
pub const SPASS_USER_ID: HeaderName = HeaderName::from_static("spass-user-id");
/// The scope for memory and system prompts.
pub const SPASS_SCOPE_ID: HeaderName = HeaderName::from_static("spass-scope-id");
/// Switches off what the gateway adds to a chat, or on: a dictionary as in `memory=off, server-tools=on`.
pub const SPASS_AUGMENT: HeaderName = HeaderName::from_static("spass-augment");
/// The request id, the newer name.
pub const SPASS_REQUEST_ID: HeaderName = HeaderName::from_static("spass-request-id");
/// The request id, the name that OpenAI's SDKs read.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Makes a request that is sent several times one request.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The time that the caller allows, as gRPC spells it.
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// Where the request stands in a trace; [`TraceContext`](crate::TraceContext) reads and writes it.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What others keep in that trace.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What the edge hands on from an HTTP request; everything else stays outside.
pub static REQUEST: [HeaderName; 9] = [
    AUTHORIZATION,
    X_TENANT_ID,
    SPASS_TENANT_ID,
    SPASS_USER_ID,
    SPASS_SCOPE_ID,
    SPASS_AUGMENT,
    IDEMPOTENCY_KEY,
    TRACEPARENT,
    TRACESTATE,
];

/// What the gateway changed in the request: comma-separated members such as `max_tokens_floored=200`.
pub const SPASS_APPLIED: HeaderName = HeaderName::from_static("spass-applied");
/// The older name of [`SPASS_APPLIED`].
pub const X_RUST_API_APPLIED: HeaderName = HeaderName::from_static("x-rust-api-applied");
/// What the gateway added to a chat: a dictionary as in `system-prompt=on, memory=off, server-tools=off`.
pub const SPASS_AUGMENT_APPLIED: HeaderName = HeaderName::from_static("spass-augment-applied");
/// The model server's own name of the model that served.
pub const SPASS_RESOLVED_MODEL: HeaderName = HeaderName::from_static("spass-resolved-model");
/// The operator's name of the model server that served.
pub const SPASS_RESOLVED_BACKEND: HeaderName = HeaderName::from_static("spass-resolved-backend");
/// What the answer cost in US dollars, as in `0.000125`; absent where no price is known, or where it is not known yet.
pub const SPASS_COST_USD: HeaderName = HeaderName::from_static("spass-cost-usd");
/// The most requests at once that the token's limiter admits.
pub const RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
/// How many requests the token's limiter would admit at once now.
pub const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
/// How long until the token's burst is whole again, as in `1m30s`.
pub const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");

/// The conversation that a turn belongs to.
pub const X_CONVERSATION_ID: HeaderName = HeaderName::from_static("x-conversation-id");

/// What the edge hands back as HTTP response headers; everything else stays inside.
pub static RESPONSE: [HeaderName; 10] = [
    X_CONVERSATION_ID,
    SPASS_APPLIED,
    X_RUST_API_APPLIED,
    SPASS_AUGMENT_APPLIED,
    SPASS_RESOLVED_MODEL,
    SPASS_RESOLVED_BACKEND,
    SPASS_COST_USD,
    RATE_LIMIT_LIMIT,
    RATE_LIMIT_REMAINING,
    RATE_LIMIT_RESET,
];
