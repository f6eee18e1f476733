//! Which messages say for which user they speak, and where.

use gateway_proto::Rpc;
use gateway_proto::v1::{
    CreateChatCompletionRequest, CreateTurnRequest, DeleteConversationRequest, ExecuteToolRequest,
    ExportConversationRequest, GetConversationRequest, GetModelRequest, GetUsageRequest, ListConversationsRequest,
    ListMessagesRequest, ListModelsRequest, ListToolsRequest, StreamChatCompletionRequest, StreamTurnRequest, Turn,
    UpdateConversationRequest,
};

use super::NamesUser;
use crate::gate::NamedUser;

/// Whether the message of an RPC may say it.
pub(super) fn names_user(rpc: Rpc) -> bool {
    rpc.service() == "chatgateway.v1.ConversationService" || rpc == Rpc::ExecuteTool
}

macro_rules! by_headers_alone {
    ($($Message:ident),+) => {
        $(impl NamesUser for $Message {})+
    };
}

macro_rules! in_the_query {
    ($($Message:ident),+) => {
        $(impl NamesUser for $Message {
            fn named_user(&self) -> NamedUser<'_> {
                NamedUser { name: &self.user_id, param: "query.user_id" }
            }
        })+
    };
}

macro_rules! in_the_turn {
    ($($Message:ident),+) => {
        $(impl NamesUser for $Message {
            fn named_user(&self) -> NamedUser<'_> {
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
    ExecuteToolRequest
);
in_the_turn!(CreateTurnRequest, StreamTurnRequest);

fn of_turn(turn: &Turn) -> NamedUser<'_> {
    NamedUser { name: &turn.user_id, param: "body.user_id" }
}
