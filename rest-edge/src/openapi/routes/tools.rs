//! Routes of the tools that the gateway runs itself.

use gateway_proto::ErrorCode;

use super::{ANY, BODY, CALLER, CORE, KEYED, STORAGE};
use crate::openapi::route::{Answer, Content, RequestBody, RouteFacts, Tag};

/// What a tool may be refused for, besides its arguments.
const OF_TOOLS: &[ErrorCode] = &[ErrorCode::MemoryBucketFull, ErrorCode::MemoryConfirmRequired];

pub(super) fn list() -> RouteFacts {
    RouteFacts {
        tag: Tag::Tools,
        summary: "List the tools that the gateway runs itself",
        parameters: &[],
        request: None,
        success: Answer::ok("The tools, by name.", Content::json("ServerToolList", &["ServerToolList"])),
        other_failure: None,
        errors: &[ANY, CORE, CALLER],
    }
}

pub(super) fn execute() -> RouteFacts {
    RouteFacts {
        tag: Tag::Tools,
        summary: "Run a tool",
        parameters: &["user_id", "Idempotency-Key"],
        request: Some(RequestBody {
            description: "The tool and its arguments. A member that is not known is `invalid_field`.",
            content: Content::json("ToolExecution", &["ToolRemembers", "ToolRecalls"]),
        }),
        success: Answer::ok(
            "What the tool gave; of a tool that failed by itself `is_error` is true. A first call that writes to public \
             memory is answered with a `confirm_token`.",
            Content::json("ToolExecuted", &["ToolHasRemembered", "ToolAsksToConfirm"]),
        ),
        other_failure: None,
        errors: &[ANY, CORE, CALLER, BODY, STORAGE, KEYED, OF_TOOLS],
    }
}
