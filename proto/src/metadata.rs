//! The names of the request and response metadata, which are HTTP headers at the edge.

/// The bearer token.
pub const AUTHORIZATION: &str = "authorization";
/// The tenant to act for, the newer name.
pub const SPASS_TENANT_ID: &str = "spass-tenant-id";
/// The tenant to act for, the older name.
pub const X_TENANT_ID: &str = "x-tenant-id";
/// The request id, the newer name.
pub const SPASS_REQUEST_ID: &str = "spass-request-id";
/// The request id, the name that OpenAI's SDKs read.
pub const X_REQUEST_ID: &str = "x-request-id";
/// The time that the caller allows, as gRPC spells it.
pub const GRPC_TIMEOUT: &str = "grpc-timeout";

/// What the edge hands on from an HTTP request; everything else stays outside.
pub const REQUEST: [&str; 8] = [
    AUTHORIZATION,
    X_TENANT_ID,
    SPASS_TENANT_ID,
    "spass-user-id",
    "spass-scope-id",
    "spass-augment",
    "idempotency-key",
    "traceparent",
];

/// What the gateway changed in the request: comma-separated members such as `max_tokens_floored=200`.
pub const SPASS_APPLIED: &str = "spass-applied";
/// The older name of [`SPASS_APPLIED`].
pub const X_RUST_API_APPLIED: &str = "x-rust-api-applied";
/// The model server's own name of the model that served.
pub const SPASS_RESOLVED_MODEL: &str = "spass-resolved-model";
/// The operator's name of the model server that served.
pub const SPASS_RESOLVED_BACKEND: &str = "spass-resolved-backend";
/// The most requests at once that the token's limiter admits.
pub const RATE_LIMIT_LIMIT: &str = "x-ratelimit-limit-requests";
/// How many requests the token's limiter would admit at once now.
pub const RATE_LIMIT_REMAINING: &str = "x-ratelimit-remaining-requests";
/// How long until the token's burst is whole again, as in `1m30s`.
pub const RATE_LIMIT_RESET: &str = "x-ratelimit-reset-requests";

/// What the edge hands back as HTTP response headers; everything else stays inside.
pub const RESPONSE: [&str; 7] = [
    SPASS_APPLIED,
    X_RUST_API_APPLIED,
    SPASS_RESOLVED_MODEL,
    SPASS_RESOLVED_BACKEND,
    RATE_LIMIT_LIMIT,
    RATE_LIMIT_REMAINING,
    RATE_LIMIT_RESET,
];
