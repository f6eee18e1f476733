//! Routes of stored conversations, besides their turns.

use super::{ANY, BODY, CALLER, CONVERSATION, CORE, KEYED, STORAGE};
use crate::openapi::route::{Answer, Content, RequestBody, RouteFacts, Tag};

pub(super) fn list() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, STORAGE],
        ..read(
            "List conversations",
            &["limit", "offset", "after", "user_id"],
            Answer::ok(
                "The conversations, newest first, without their messages.",
                Content::json("ConversationList", &["ConversationList"]),
            ),
        )
    }
}

pub(super) fn get() -> RouteFacts {
    let content = Content::json("ConversationInFull", &["ConversationInFull"]);
    read(
        "Get a conversation with its messages",
        &["conversation_id", "user_id"],
        Answer::ok("The conversation, its messages oldest first.", content),
    )
}

pub(super) fn update() -> RouteFacts {
    RouteFacts {
        request: Some(RequestBody {
            description: "What is set. A member that is not there stays as it is, `null` takes the value away, and any \
                          member besides these is `invalid_field`.",
            content: Content::json("ConversationUpdate", &["ConversationLabels", "ConversationWithoutTitle"]),
        }),
        errors: &[ANY, CORE, CALLER, BODY, CONVERSATION, KEYED],
        ..read(
            "Set the title and the labels of a conversation",
            &["conversation_id", "user_id", "Idempotency-Key"],
            Answer::ok("The conversation as it is now.", Content::json("Conversation", &["Conversation"])),
        )
    }
}

pub(super) fn delete() -> RouteFacts {
    RouteFacts {
        errors: &[ANY, CORE, CALLER, CONVERSATION, KEYED],
        ..read(
            "Delete a conversation",
            &["conversation_id", "user_id", "Idempotency-Key"],
            Answer { status: 204, description: "It is gone.", headers: &[], content: None, events: None },
        )
    }
}

pub(super) fn messages() -> RouteFacts {
    let content = Content::json("ConversationMessageList", &["ConversationMessageList"]);
    read(
        "List the messages of a conversation",
        &["conversation_id", "limit", "offset_of_message", "user_id"],
        Answer::ok("The messages, oldest first.", content),
    )
}

pub(super) fn export() -> RouteFacts {
    let content = Content::json("ConversationExport", &["ConversationExport"]);
    read(
        "Export a conversation as one document",
        &["conversation_id", "user_id"],
        Answer::ok("The document. Its form never changes under one `version` but for new members.", content),
    )
}

/// A route that reads one conversation.
fn read(summary: &'static str, parameters: &'static [&'static str], success: Answer) -> RouteFacts {
    RouteFacts {
        tag: Tag::Conversations,
        summary,
        parameters,
        request: None,
        success,
        other_failure: None,
        errors: &[ANY, CORE, CALLER, CONVERSATION, STORAGE],
    }
}
