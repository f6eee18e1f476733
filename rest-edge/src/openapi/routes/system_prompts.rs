//! Routes of system prompts.

use gateway_proto::ErrorCode;

use super::{ANY, BODY, CALLER, CORE, KEYED, STORAGE};
use crate::openapi::route::{Answer, Content, RequestBody, RouteFacts, Tag};

/// A route that names a version, or wants a current one.
const VERSION: &[ErrorCode] = &[ErrorCode::SystemPromptVersionNotFound];

pub(super) fn put() -> RouteFacts {
    RouteFacts {
        request: Some(RequestBody {
            description: "The prompt, which goes to models as it is written. A member that is not listed here is \
                          `invalid_field`.",
            content: Content::json("NewSystemPrompt", &["NewSystemPrompt"]),
        }),
        errors: &[ANY, CORE, CALLER, BODY, KEYED, &[ErrorCode::SystemPromptTooLarge]],
        ..read(
            "Write a new version and make it current",
            &["level", "scope", "user_id", "Idempotency-Key"],
            Answer { status: 201, ..one("The new version.") },
        )
    }
}

pub(super) fn get() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, STORAGE, VERSION],
        ..read("Get the current version", &["level", "scope", "user_id"], one("The current version."))
    }
}

pub(super) fn unset() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, KEYED],
        ..read(
            "Make no version current",
            &["level", "scope", "user_id", "Idempotency-Key"],
            nothing("None is current; all versions are there."),
        )
    }
}

pub(super) fn list() -> RouteFacts {
    let content = Content::json("SystemPromptList", &["SystemPromptList"]);
    read(
        "List the versions",
        &["level", "scope", "limit", "offset_of_list", "user_id"],
        Answer::ok("The versions, newest first, without their content.", content),
    )
}

pub(super) fn get_version() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, STORAGE, VERSION],
        ..read("Get a version", &["level", "version", "scope", "user_id"], one("The version."))
    }
}

pub(super) fn set_current() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, KEYED, VERSION],
        ..read(
            "Make a version current",
            &["level", "version", "scope", "user_id", "Idempotency-Key"],
            one("The version, which is current now."),
        )
    }
}

pub(super) fn delete() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, KEYED, VERSION, &[ErrorCode::SystemPromptCurrentLocked]],
        ..read(
            "Delete a version",
            &["level", "version", "scope", "user_id", "Idempotency-Key"],
            nothing("It is gone. Its number is not used again."),
        )
    }
}

pub(super) fn effective() -> RouteFacts {
    let content = Content::json("EffectiveSystemPrompt", &["EffectiveSystemPrompt"]);
    read(
        "Get what a chat would get",
        &["scope", "user_id"],
        Answer::ok("The levels that have a current version: tenant, scope, user.", content),
    )
}

fn one(description: &'static str) -> Answer {
    Answer::ok(description, Content::json("SystemPrompt", &["SystemPrompt"]))
}

fn nothing(description: &'static str) -> Answer {
    Answer { status: 204, description, headers: &[], content: None, events: None }
}

/// A route that reads system prompts.
fn read(summary: &'static str, parameters: &'static [&'static str], success: Answer) -> RouteFacts {
    RouteFacts {
        tag: Tag::SystemPrompts,
        summary,
        parameters,
        request: None,
        success,
        other_failure: None,
        errors: &[ANY, CORE, CALLER, STORAGE],
    }
}
