//! Routes that have a model answer.

use super::{ANY, BODY, CALLER, CONVERSATION, CORE, KEYED, MODEL, MODEL_CALL};
use crate::openapi::route::{Answer, Content, RequestBody, RouteFacts, Tag};

/// What tells who served and how.
const SERVED: &[&str] = &[
    "spass-applied",
    "x-rust-api-applied",
    "spass-augment-applied",
    "spass-resolved-model",
    "spass-resolved-backend",
    "spass-cost-usd",
];
/// And to which conversation it belongs.
const SERVED_IN_CONVERSATION: &[&str] = &[
    "x-conversation-id",
    "spass-applied",
    "x-rust-api-applied",
    "spass-augment-applied",
    "spass-resolved-model",
    "spass-resolved-backend",
    "spass-cost-usd",
];

pub(super) fn chat_completion() -> RouteFacts {
    RouteFacts {
        tag: Tag::Chat,
        summary: "Create a chat completion",
        parameters: &["SPASS-Augment", "Idempotency-Key"],
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
        success: completion(
            "The completion: whole, or with `stream` as server-sent events. The data of each event is a chunk; `[DONE]` \
             is the last. An error that comes after the first event is an event `{\"error\":{...}}` before it, in the \
             form of every error; comments (`: keep-alive`) come while there is nothing else.",
            SERVED,
        ),
        other_failure: None,
        errors: &[ANY, CORE, CALLER, BODY, MODEL, MODEL_CALL, KEYED],
    }
}

pub(super) fn turn() -> RouteFacts {
    RouteFacts {
        tag: Tag::Conversations,
        summary: "Answer a turn of a stored conversation",
        parameters: &["user_id", "SPASS-Augment", "Idempotency-Key"],
        request: Some(RequestBody {
            description: "The turn: JSON in the form and within the bounds of `POST /v1/chat/completions`. An OpenAI SDK \
                          whose base URL ends in `/c1` sends its usual request, with `conversation_id` in `extra_body`.",
            content: Content::json(
                "TurnRequest",
                &["TurnOfText", "TurnOfConversation", "TurnWithToolResult", "TurnOfSdk", "TurnAsStream"],
            ),
        }),
        success: completion(
            "The completion, as `POST /v1/chat/completions` gives it, whole or with `stream` as server-sent events. The \
             turn is stored before its last byte leaves.",
            SERVED_IN_CONVERSATION,
        ),
        other_failure: None,
        errors: &[ANY, CORE, CALLER, BODY, MODEL, MODEL_CALL, CONVERSATION, KEYED],
    }
}

fn completion(description: &'static str, headers: &'static [&'static str]) -> Answer {
    Answer {
        status: 200,
        description,
        headers,
        content: Some(Content::json("ChatCompletion", &["CompletionOfText", "CompletionWithToolCall"])),
        events: Some(Content::events(
            "ChatCompletionChunk",
            &["ChunkOfText", "ChunkOfToolCap", "ChunkWithCost", "ChunkWithUsage"],
        )),
    }
}
