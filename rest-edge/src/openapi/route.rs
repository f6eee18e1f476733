//! What a route is to the document.

use gateway_proto::{Access, ErrorCode};

/// A route as the document describes it.
pub(super) struct Route {
    pub(super) id: &'static str,
    /// In upper case.
    pub(super) method: &'static str,
    /// As `google.api.http` spells it.
    pub(super) path_template: &'static str,
    pub(super) access: Access,
    pub(super) description: &'static str,
    pub(super) facts: RouteFacts,
}

/// What neither the route table nor the access to a route can tell.
pub(super) struct RouteFacts {
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    /// The parameters of its own, in the path, the query and headers, by their names among the components.
    pub(super) parameters: &'static [&'static str],
    pub(super) request: Option<RequestBody>,
    pub(super) success: Answer,
    /// An answer that is a failure and is not in the error envelope.
    pub(super) other_failure: Option<Answer>,
    /// The codes of its answers that are in the error envelope, in groups.
    pub(super) errors: &'static [&'static [ErrorCode]],
}

/// A body that a route takes.
pub(super) struct RequestBody {
    pub(super) description: &'static str,
    pub(super) content: Content,
}

/// An answer of a route.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) description: &'static str,
    /// Headers that only this answer has, by their names among the components.
    pub(super) headers: &'static [&'static str],
    /// The body; none with the status 204.
    pub(super) content: Option<Content>,
    /// The body where it was asked for as a stream: each of its events.
    pub(super) events: Option<Content>,
}

/// A body: its media type, its schema and its examples, by their names among the components.
pub(super) struct Content {
    pub(super) media_type: &'static str,
    pub(super) schema: &'static str,
    pub(super) examples: &'static [&'static str],
}

/// A family of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Chat,
    Conversations,
    Memory,
    SystemPrompts,
    Tools,
    Models,
    Usage,
    Errors,
    Health,
    Documents,
}

impl Route {
    /// The codes that it can answer, each once, in published order.
    pub(super) fn errors(&self) -> impl Iterator<Item = ErrorCode> {
        let can_answer = |code: &ErrorCode| self.facts.errors.iter().any(|group| group.contains(code));
        ErrorCode::ALL.iter().copied().filter(can_answer)
    }
}

impl Answer {
    /// A success without headers of its own.
    pub(super) const fn ok(description: &'static str, content: Content) -> Self {
        Self { status: 200, description, headers: &[], content: Some(content), events: None }
    }
}

impl Content {
    /// A body in JSON.
    pub(super) const fn json(schema: &'static str, examples: &'static [&'static str]) -> Self {
        Self { media_type: "application/json", schema, examples }
    }

    /// Events whose data is JSON.
    pub(super) const fn events(schema: &'static str, examples: &'static [&'static str]) -> Self {
        Self { media_type: "text/event-stream", schema, examples }
    }
}

impl Tag {
    /// Every family, in the order in which a reader wants them.
    pub(super) const ALL: &'static [Self] = &[
        Self::Chat,
        Self::Conversations,
        Self::Memory,
        Self::SystemPrompts,
        Self::Tools,
        Self::Models,
        Self::Usage,
        Self::Errors,
        Self::Health,
        Self::Documents,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Conversations => "conversations",
            Self::Memory => "memory",
            Self::SystemPrompts => "system prompts",
            Self::Tools => "tools",
            Self::Models => "models",
            Self::Usage => "usage",
            Self::Errors => "errors",
            Self::Health => "health",
            Self::Documents => "documents",
        }
    }

    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::Chat => "Chats with a model.",
            Self::Conversations => "Chats whose history the gateway keeps.",
            Self::Memory => "Small pieces of text under keys, which chats are given.",
            Self::SystemPrompts => "Instructions that stand before every chat, with all of their versions.",
            Self::Tools => "The tools that the gateway runs itself.",
            Self::Models => "The models on offer and what is known of them.",
            Self::Usage => "What was used, and what it cost.",
            Self::Errors => "The error catalog.",
            Self::Health => "Whether the gateway lives and works.",
            Self::Documents => "What there is to read, for programs and people.",
        }
    }
}
