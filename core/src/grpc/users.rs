//! Which messages say for which user and in which scope they speak, and where.

use gateway_proto::v1::{
    CreateChatCompletionRequest, CreateTurnRequest, DeleteConversationRequest, DeleteMemoryByOriginRequest,
    DeleteMemoryRequest, DeleteSystemPromptVersionRequest, ExecuteToolRequest, ExportConversationRequest,
    GetConversationRequest, GetEffectiveSystemPromptRequest, GetMemoryRequest, GetMemoryUsageRequest, GetModelRequest,
    GetSystemPromptRequest, GetSystemPromptVersionRequest, GetUsageRequest, ListConversationsRequest,
    ListMemoryRequest, ListMessagesRequest, ListModelsRequest, ListSystemPromptVersionsRequest, ListToolsRequest,
    PutMemoryRequest, PutSystemPromptRequest, SetCurrentSystemPromptVersionRequest, StreamChatCompletionRequest,
    StreamTurnRequest, Turn, UnsetSystemPromptRequest, UpdateConversationRequest,
};
use gateway_proto::{ApiError, Rpc};

use super::NamesUser;
use crate::gate::Named;
use crate::memory::{parse_visibility, visibility_name};
use crate::system_prompts::Level;

/// Whether the message of an RPC may say it.
pub(super) fn names_user(rpc: Rpc) -> bool {
    let is_of_stored = matches!(
        rpc.service(),
        "chatgateway.v1.ConversationService" | "chatgateway.v1.MemoryService" | "chatgateway.v1.SystemPromptService"
    );
    is_of_stored || rpc == Rpc::ExecuteTool
}

macro_rules! by_headers_alone {
    ($($Message:ident),+) => {
        $(impl NamesUser for $Message {})+
    };
}

macro_rules! in_the_query {
    ($($Message:ident),+) => {
        $(impl NamesUser for $Message {
            fn named_user(&self) -> Named<'_> {
                Named { name: &self.user_id, param: "query.user_id" }
            }
        })+
    };
}

macro_rules! in_a_bucket {
    ($user:literal, $scope:literal, $visibility:literal: $($Message:ident),+) => {
        $(impl NamesUser for $Message {
            fn named_user(&self) -> Named<'_> {
                Named { name: &self.user_id, param: $user }
            }

            fn named_scope(&self) -> Named<'_> {
                Named { name: &self.scope_id, param: $scope }
            }

            fn kind(&self) -> Result<Option<&'static str>, ApiError> {
                parse_visibility(&self.visibility, $visibility).map(|visibility| Some(visibility_name(visibility)))
            }
        })+
    };
}

macro_rules! at_a_level {
    ($user:literal, $scope:literal: $($Message:ident),+) => {
        $(impl NamesUser for $Message {
            fn named_user(&self) -> Named<'_> {
                Named { name: &self.user_id, param: $user }
            }

            fn named_scope(&self) -> Named<'_> {
                Named { name: &self.scope_id, param: $scope }
            }

            fn kind(&self) -> Result<Option<&'static str>, ApiError> {
                Level::parse(&self.level).map(|level| Some(level.name()))
            }
        })+
    };
}

macro_rules! in_the_turn {
    ($($Message:ident),+) => {
        $(impl NamesUser for $Message {
            fn named_user(&self) -> Named<'_> {
                self.turn.as_ref().map(of_turn).unwrap_or_default()
            }
        })+
    };
}

by_headers_alone!(
    CreateChatCompletionRequest,
    StreamChatCompletionRequest,
    ListModelsRequest,
    GetModelRequest,
    GetUsageRequest,
    ListToolsRequest
);
in_the_query!(
    ListConversationsRequest,
    GetConversationRequest,
    UpdateConversationRequest,
    DeleteConversationRequest,
    ListMessagesRequest,
    ExportConversationRequest,
    ExecuteToolRequest,
    DeleteMemoryByOriginRequest
);
in_a_bucket!(
    "query.user_id", "query.scope", "query.visibility":
    GetMemoryRequest,
    ListMemoryRequest,
    DeleteMemoryRequest,
    GetMemoryUsageRequest
);
in_a_bucket!("body.user_id", "scope", "visibility": PutMemoryRequest);
at_a_level!(
    "query.user_id", "query.scope":
    GetSystemPromptRequest,
    UnsetSystemPromptRequest,
    ListSystemPromptVersionsRequest,
    GetSystemPromptVersionRequest,
    SetCurrentSystemPromptVersionRequest,
    DeleteSystemPromptVersionRequest
);
at_a_level!("body.user_id", "scope": PutSystemPromptRequest);
in_the_turn!(CreateTurnRequest, StreamTurnRequest);

impl NamesUser for GetEffectiveSystemPromptRequest {
    fn named_user(&self) -> Named<'_> {
        Named { name: &self.user_id, param: "query.user_id" }
    }

    fn named_scope(&self) -> Named<'_> {
        Named { name: &self.scope_id, param: "query.scope" }
    }
}

fn of_turn(turn: &Turn) -> Named<'_> {
    Named { name: &turn.user_id, param: "body.user_id" }
}
