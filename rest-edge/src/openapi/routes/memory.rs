//! Routes of memory.

use gateway_proto::ErrorCode;

use super::{ANY, BODY, CALLER, CORE, KEYED, STORAGE};
use crate::openapi::route::{Answer, Content, RequestBody, RouteFacts, Tag};

pub(super) fn put() -> RouteFacts {
    RouteFacts {
        request: Some(RequestBody {
            description: "What is to be remembered. A member that is not listed here is `invalid_field`.",
            content: Content::json("NewMemoryEntry", &["NewMemoryEntry", "NewPublicMemoryEntry"]),
        }),
        errors: &[ANY, CORE, CALLER, BODY, KEYED, &[ErrorCode::MemoryBucketFull]],
        ..read(
            "Store a value under a key",
            &["scope", "user_id", "Idempotency-Key"],
            Answer::ok("The entry as it is now.", Content::json("MemoryEntry", &["MemoryEntry"])),
        )
    }
}

pub(super) fn get() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, STORAGE, &[ErrorCode::MemoryNotFound]],
        ..read(
            "Get the entry of a key",
            &["visibility", "key", "scope", "user_id"],
            Answer::ok("The entry.", Content::json("MemoryEntry", &["MemoryEntry"])),
        )
    }
}

pub(super) fn list() -> RouteFacts {
    let content = Content::json("MemoryEntryList", &["MemoryEntryList"]);
    read(
        "List a bucket",
        &["visibility", "scope", "limit", "offset_of_list", "user_id"],
        Answer::ok("The entries, by key.", content),
    )
}

pub(super) fn delete() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, KEYED],
        ..read(
            "Delete the entry of a key",
            &["visibility", "key", "scope", "user_id", "Idempotency-Key"],
            Answer::ok("Whether there was one.", Content::json("MemoryDeletion", &["MemoryDeletion"])),
        )
    }
}

pub(super) fn delete_by_origin() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, KEYED],
        ..read(
            "Delete what a turn wrote",
            &["origin_conversation_id", "turn_id", "user_id", "Idempotency-Key"],
            Answer::ok("How many entries there were.", Content::json("MemoryDeletions", &["MemoryDeletions"])),
        )
    }
}

pub(super) fn usage() -> RouteFacts {
    read(
        "Tell how full a bucket is",
        &["visibility", "scope", "user_id"],
        Answer::ok("What it holds, and what is left.", Content::json("MemoryUsage", &["MemoryUsage"])),
    )
}

/// A route that reads memory.
fn read(summary: &'static str, parameters: &'static [&'static str], success: Answer) -> RouteFacts {
    RouteFacts {
        tag: Tag::Memory,
        summary,
        parameters,
        request: None,
        success,
        other_failure: None,
        errors: &[ANY, CORE, CALLER, STORAGE],
    }
}
