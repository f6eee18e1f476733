//! How each RPC and each route is called, and whose things it reaches. Exhaustive, so that a new one has to be looked at.

use bytes::Bytes;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, CreateChatCompletionRequest, CreateTurnRequest, DeleteConversationRequest,
    DeleteMemoryByOriginRequest, DeleteMemoryRequest, DeleteSystemPromptVersionRequest, ExecuteToolRequest,
    ExportConversationRequest, GetConversationRequest, GetErrorRequest, GetMemoryRequest, GetMemoryUsageRequest,
    GetModelRequest, GetSystemPromptRequest, GetSystemPromptVersionRequest, GetUsageRequest, ListConversationsRequest,
    ListErrorsRequest, ListMemoryRequest, ListMessagesRequest, ListModelsRequest, ListSystemPromptVersionsRequest,
    PutMemoryRequest, PutSystemPromptRequest, Role, SetCurrentSystemPromptVersionRequest, StreamChatCompletionRequest,
    StreamTurnRequest, Turn, UnsetSystemPromptRequest, UpdateConversationRequest, WhoAmIRequest, chat_message,
};
use gateway_proto::{Access, FieldMask, Operation, Rpc};
use prost::Message;

/// Whose things a call reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing that belongs to a tenant or a user.
    Nothing,
    /// One conversation, by its id.
    Conversation,
    /// All that is the caller's, as a list with its `total`.
    List,
    /// An entry of memory or a system prompt, of a user or of what all users of a scope or of the tenant share.
    Kind,
    /// What the whole tenant did, as `items`.
    Tenant,
}

pub(super) fn reach(rpc: Rpc) -> Reach {
    match rpc {
        Rpc::PutMemory
        | Rpc::GetMemory
        | Rpc::DeleteMemory
        | Rpc::DeleteMemoryByOrigin
        | Rpc::GetMemoryUsage
        | Rpc::PutSystemPrompt
        | Rpc::GetSystemPrompt
        | Rpc::UnsetSystemPrompt
        | Rpc::GetSystemPromptVersion
        | Rpc::SetCurrentSystemPromptVersion
        | Rpc::DeleteSystemPromptVersion
        | Rpc::GetEffectiveSystemPrompt => Reach::Kind,
        Rpc::ListTools
        | Rpc::ExecuteTool
        | Rpc::CreateChatCompletion
        | Rpc::StreamChatCompletion
        | Rpc::ListModels
        | Rpc::GetModel
        | Rpc::ListErrors
        | Rpc::GetError
        | Rpc::WhoAmI
        | Rpc::GetReadiness => Reach::Nothing,
        Rpc::CreateTurn
        | Rpc::StreamTurn
        | Rpc::GetConversation
        | Rpc::UpdateConversation
        | Rpc::DeleteConversation
        | Rpc::ListMessages
        | Rpc::ExportConversation => Reach::Conversation,
        Rpc::ListConversations | Rpc::ListMemory | Rpc::ListSystemPromptVersions => Reach::List,
        Rpc::GetUsage => Reach::Tenant,
    }
}

/// The key of every entry that is written, and read, here.
pub(super) const KEY: &str = "k";

/// What may stand for the variable of the scopes that a call needs.
pub(super) fn kinds(access: Access) -> &'static [&'static str] {
    let Access::Scopes(templates) = access else { return &[""] };
    match templates {
        [template] if template.ends_with("{visibility}") => &["private", "public"],
        [template] if template.ends_with("{level}") => &["user", "scope", "tenant"],
        _ => {
            assert!(!templates.concat().contains('{'), "{templates:?}: say what stands for its variable");
            &[""]
        }
    }
}

/// What the sample of a call needs besides what every such call does.
pub(super) fn needed_by_sample(rpc: Rpc) -> &'static [&'static str] {
    match rpc {
        // Which tool it is says what else is needed.
        Rpc::ExecuteTool => &["models:read"],
        _ => &[],
    }
}

/// The message of a call that would be served.
pub(super) fn message(rpc: Rpc, conversation: &str) -> Bytes {
    message_of(rpc, conversation, kinds(rpc.access())[0])
}

/// The message of a call of this kind.
pub(super) fn message_of(rpc: Rpc, conversation: &str, kind: &str) -> Bytes {
    let (visibility, level, key) = (kind.to_owned(), kind.to_owned(), KEY.to_owned());
    let version = 1;
    let conversation_id = conversation.to_owned();
    let encoded = match rpc {
        Rpc::CreateChatCompletion => CreateChatCompletionRequest { chat: Some(chat()) }.encode_to_vec(),
        Rpc::StreamChatCompletion => StreamChatCompletionRequest { chat: Some(chat()) }.encode_to_vec(),
        Rpc::CreateTurn => CreateTurnRequest { turn: Some(turn(conversation)) }.encode_to_vec(),
        Rpc::StreamTurn => StreamTurnRequest { turn: Some(turn(conversation)) }.encode_to_vec(),
        Rpc::ListConversations => ListConversationsRequest::default().encode_to_vec(),
        Rpc::GetConversation => {
            GetConversationRequest { conversation_id, ..GetConversationRequest::default() }.encode_to_vec()
        }
        Rpc::UpdateConversation => UpdateConversationRequest {
            conversation_id,
            title: Some("title".to_owned()),
            update_mask: Some(FieldMask { paths: vec!["title".to_owned()] }),
            ..UpdateConversationRequest::default()
        }
        .encode_to_vec(),
        Rpc::DeleteConversation => {
            DeleteConversationRequest { conversation_id, ..DeleteConversationRequest::default() }.encode_to_vec()
        }
        Rpc::ListMessages => ListMessagesRequest { conversation_id, ..ListMessagesRequest::default() }.encode_to_vec(),
        Rpc::ExportConversation => {
            ExportConversationRequest { conversation_id, ..ExportConversationRequest::default() }.encode_to_vec()
        }
        Rpc::GetUsage => GetUsageRequest::default().encode_to_vec(),
        Rpc::ListModels => ListModelsRequest::default().encode_to_vec(),
        Rpc::GetModel => GetModelRequest { alias: "demo".to_owned() }.encode_to_vec(),
        Rpc::ListErrors => ListErrorsRequest::default().encode_to_vec(),
        Rpc::GetError => GetErrorRequest { code: "internal_error".to_owned() }.encode_to_vec(),
        Rpc::WhoAmI => WhoAmIRequest::default().encode_to_vec(),
        Rpc::PutMemory => {
            let value = Some("value".to_owned());
            PutMemoryRequest { visibility, key, value, ..PutMemoryRequest::default() }.encode_to_vec()
        }
        Rpc::GetMemory => GetMemoryRequest { visibility, key, ..GetMemoryRequest::default() }.encode_to_vec(),
        Rpc::ListMemory => ListMemoryRequest { visibility, ..ListMemoryRequest::default() }.encode_to_vec(),
        Rpc::DeleteMemory => DeleteMemoryRequest { visibility, key, ..DeleteMemoryRequest::default() }.encode_to_vec(),
        Rpc::DeleteMemoryByOrigin => DeleteMemoryByOriginRequest {
            turn_id: conversation_id.clone(),
            conversation_id,
            ..DeleteMemoryByOriginRequest::default()
        }
        .encode_to_vec(),
        Rpc::GetMemoryUsage => GetMemoryUsageRequest { visibility, ..GetMemoryUsageRequest::default() }.encode_to_vec(),
        Rpc::PutSystemPrompt => {
            let content = "content".to_owned();
            PutSystemPromptRequest { level, content, ..PutSystemPromptRequest::default() }.encode_to_vec()
        }
        Rpc::GetSystemPrompt => GetSystemPromptRequest { level, ..GetSystemPromptRequest::default() }.encode_to_vec(),
        Rpc::UnsetSystemPrompt => {
            UnsetSystemPromptRequest { level, ..UnsetSystemPromptRequest::default() }.encode_to_vec()
        }
        Rpc::ListSystemPromptVersions => {
            ListSystemPromptVersionsRequest { level, ..ListSystemPromptVersionsRequest::default() }.encode_to_vec()
        }
        Rpc::GetSystemPromptVersion => {
            GetSystemPromptVersionRequest { level, version, ..GetSystemPromptVersionRequest::default() }.encode_to_vec()
        }
        Rpc::SetCurrentSystemPromptVersion => {
            SetCurrentSystemPromptVersionRequest { level, version, ..SetCurrentSystemPromptVersionRequest::default() }
                .encode_to_vec()
        }
        Rpc::DeleteSystemPromptVersion => {
            DeleteSystemPromptVersionRequest { level, version, ..DeleteSystemPromptVersionRequest::default() }
                .encode_to_vec()
        }
        Rpc::ExecuteTool => {
            ExecuteToolRequest { name: "list_models".to_owned(), ..ExecuteToolRequest::default() }.encode_to_vec()
        }
        Rpc::GetReadiness | Rpc::GetEffectiveSystemPrompt | Rpc::ListTools => Vec::new(),
    };
    encoded.into()
}

fn chat() -> ChatRequest {
    let message = ChatMessage {
        role: Role::User.into(),
        content: Some(chat_message::Content::Text("Hello".to_owned())),
        ..ChatMessage::default()
    };
    ChatRequest { model: "demo".to_owned(), messages: vec![message], ..ChatRequest::default() }
}

fn turn(conversation: &str) -> Turn {
    Turn {
        conversation_id: conversation.to_owned(),
        message_json: Bytes::from_static(br#""Hello""#),
        chat: Some(ChatRequest { model: "demo".to_owned(), ..ChatRequest::default() }),
        ..Turn::default()
    }
}

/// Path and body of a request to a route that would be served.
pub(super) fn request(operation: Operation, conversation: &str) -> (String, String) {
    request_of(operation, conversation, kinds(operation.access())[0])
}

/// Path and body of a request of this kind to a route.
pub(super) fn request_of(operation: Operation, conversation: &str, kind: &str) -> (String, String) {
    let body = match operation {
        Operation::CreateChatCompletion => {
            r#"{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}"#.to_owned()
        }
        Operation::CreateTurn | Operation::CreateTurnCompletions => {
            format!(r#"{{"model": "demo", "conversation_id": "{conversation}", "{}}}"#, newest(operation))
        }
        Operation::UpdateConversation => r#"{"title": "title"}"#.to_owned(),
        Operation::PutMemory => format!(r#"{{"visibility": "{kind}", "key": "{KEY}", "value": "value"}}"#),
        Operation::ExecuteTool => r#"{"name": "list_models"}"#.to_owned(),
        Operation::PutSystemPrompt => r#"{"content": "content"}"#.to_owned(),
        Operation::GetMemory
        | Operation::ListMemory
        | Operation::DeleteMemory
        | Operation::DeleteMemoryByOrigin
        | Operation::GetMemoryUsage
        | Operation::GetSystemPrompt
        | Operation::UnsetSystemPrompt
        | Operation::ListSystemPromptVersions
        | Operation::GetSystemPromptVersion
        | Operation::SetCurrentSystemPromptVersion
        | Operation::DeleteSystemPromptVersion
        | Operation::GetEffectiveSystemPrompt
        | Operation::ListTools
        | Operation::ListConversations
        | Operation::GetConversation
        | Operation::DeleteConversation
        | Operation::ListMessages
        | Operation::ExportConversation
        | Operation::GetUsage
        | Operation::ListModels
        | Operation::ListModelsInfo
        | Operation::GetModel
        | Operation::ListErrors
        | Operation::GetError
        | Operation::GetReadiness => String::new(),
    };
    let path = operation.path();
    let path = path.replace("{conversation_id}", conversation).replace("{alias=**}", "demo");
    let path = path.replace("{code}", "internal_error");
    let path = path.replace("{level}", kind).replace("{version}", "1").replace("{turn_id}", conversation);
    assert!(!path.contains('{'), "{path}: say what stands for its variable");
    let query = match operation {
        Operation::GetMemory | Operation::DeleteMemory => format!("?visibility={kind}&key={KEY}"),
        Operation::ListMemory | Operation::GetMemoryUsage => format!("?visibility={kind}"),
        _ => String::new(),
    };
    (path + &query, body)
}

fn newest(operation: Operation) -> &'static str {
    match operation {
        Operation::CreateTurnCompletions => r#"messages": [{"role": "user", "content": "Hello"}]"#,
        _ => r#"message": "Hello""#,
    }
}

/// A route of an RPC.
pub(super) fn face(rpc: Rpc) -> Operation {
    Operation::ALL.iter().copied().find(|operation| operation.rpcs().contains(&rpc)).unwrap()
}
