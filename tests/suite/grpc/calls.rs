//! Calls by a generated client, and what surrounds them: health, reflection, deadlines, metadata.

use std::time::{Duration, Instant};

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::model_service_client::ModelServiceClient;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, CreateChatCompletionRequest, FunctionTool, ListModelsRequest, Role, Tool, ToolChoice,
    chat_message, tool, tool_call, tool_choice,
};
use gateway_proto::{ApiError, ErrorCode, Rpc};
use gateway_tests::{BEARER, Stack};
use prost::Message as _;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

fn authorized<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    request
}

fn say(text: &str) -> CreateChatCompletionRequest {
    let content = Some(chat_message::Content::Text(text.to_owned()));
    let message = ChatMessage { role: Role::User.into(), content, ..ChatMessage::default() };
    let chat = ChatRequest { model: "demo".to_owned(), messages: vec![message], ..ChatRequest::default() };
    CreateChatCompletionRequest { chat: Some(chat) }
}

fn error(status: &Status) -> ApiError {
    ApiError::from_status(status).unwrap_or_else(|| panic!("{status:?}"))
}

#[tokio::test]
async fn a_typed_chat_gets_a_typed_answer() {
    let stack = Stack::demo().await;
    let mut client = ChatServiceClient::new(stack.grpc());
    let mut request = say("/tool weather {\"city\": \"Rome\"}");
    let chat = request.chat.as_mut().unwrap();
    chat.max_tokens = Some(3);
    let function = FunctionTool { name: "weather".to_owned(), parameters_json: "{}".into(), ..FunctionTool::default() };
    chat.tools = vec![Tool { tool: Some(tool::Tool::Function(function)) }];
    chat.tool_choice = Some(ToolChoice { choice: Some(tool_choice::Choice::Mode("auto".to_owned())) });
    let response = client.create_chat_completion(authorized(request)).await.unwrap();
    let metadata = response.metadata();
    for (name, value) in [
        ("spass-applied", "max_tokens_floored=16"),
        ("spass-resolved-model", "demo"),
        ("spass-resolved-backend", "demo"),
    ] {
        assert_eq!(metadata.get(name).unwrap(), value, "{name}");
    }
    assert!(metadata.get("x-request-id").is_some() && metadata.get("x-ratelimit-remaining-requests").is_some());
    let completion = response.into_inner().completion.unwrap();
    let message = completion.choices[0].message.as_ref().unwrap();
    assert_eq!(message.content, None);
    let Some(tool_call::Call::Function(call)) = &message.tool_calls[0].call else { panic!("{message:?}") };
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("weather", "{\"city\": \"Rome\"}"));
}

#[tokio::test]
async fn models_are_typed() {
    let stack = Stack::demo().await;
    let models = ModelServiceClient::new(stack.grpc()).list_models(authorized(ListModelsRequest {})).await.unwrap();
    let model = &models.get_ref().models[0];
    assert_eq!((model.alias.as_str(), model.tools, model.context_window), ("demo", Some(true), Some(32_768)));
    assert_eq!(model.constraints.as_ref().unwrap().min_max_tokens, Some(16));
    assert_eq!(model.prices, None);
}

#[tokio::test]
async fn the_callers_deadline_reaches_the_model_server() {
    let stack = Stack::demo().await;
    // By a client without a timer of its own, which a gRPC library sets from the same header and which would race ours.
    let message = say("/slow 60").encode_to_vec();
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let request = client
        .post(format!("{}{}", stack.grpc_url(), Rpc::CreateChatCompletion.path()))
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {BEARER}"))
        .header("grpc-timeout", "300m");
    let begin = Instant::now();
    let response = request.body(frame).send().await.unwrap();
    let status = Status::from_header_map(response.headers()).unwrap();
    assert_eq!((status.code(), error(&status).code()), (Code::DeadlineExceeded, ErrorCode::UpstreamTimeout));
    assert!(begin.elapsed() < Duration::from_secs(2));

    let mut client = ChatServiceClient::new(stack.grpc());
    let mut request = authorized(say("x"));
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    let status = client.create_chat_completion(request).await.unwrap_err();
    assert_eq!(error(&status).param(), Some("headers.grpc-timeout"));
}

#[tokio::test]
async fn an_edge_has_no_deadline_to_hand_on_and_a_client_of_it_neither() {
    // grpc-timeout is no header of the HTTP API: it must not reach the core from outside.
    let stack = Stack::demo().await;
    let body = r#"{"model":"demo","messages":[{"role":"user","content":"/slow 0.2"}]}"#;
    assert_eq!(stack.chat_with(&[("grpc-timeout", "1m")], body).await.status, 200);
}

#[tokio::test]
async fn health_follows_the_end() {
    let stack = Stack::demo().await;
    let mut client = HealthClient::new(stack.grpc());
    let check = |service: &str| HealthCheckRequest { service: service.to_owned() };
    for service in ["", "chatgateway.v1.ChatService", "chatgateway.v1.ModelService", "chatgateway.v1.ReadinessService"]
    {
        assert_eq!(client.check(check(service)).await.unwrap().get_ref().status, 1, "{service}");
    }
    assert_eq!(client.check(check("chatgateway.v1.Nothing")).await.unwrap_err().code(), Code::NotFound);
    let mut watch = client.watch(check("chatgateway.v1.ChatService")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, 1);
    stack.core.announce_end().await;
    assert_eq!(watch.message().await.unwrap().unwrap().status, 2);
    assert_eq!(client.check(check("")).await.unwrap().get_ref().status, 2);
}

#[tokio::test]
async fn reflection_is_on_in_one_process_and_a_setting() {
    for (setting, is_on) in [(None, true), (Some("false"), false)] {
        let builder = Stack::builder();
        let stack = setting.map_or(Stack::builder(), |value| builder.set("--grpc-reflection", value)).start().await;
        let mut client = tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(stack.grpc());
        use tonic_reflection::pb::v1::ServerReflectionRequest;
        use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let answer = client.server_reflection_info(futures_once(list)).await;
        match answer {
            Ok(answer) => {
                let message = answer.into_inner().message().await.unwrap().unwrap();
                assert!(is_on && format!("{message:?}").contains("chatgateway.v1.ChatService"));
            }
            Err(status) => assert_eq!((is_on, error(&status).code()), (false, ErrorCode::RouteNotFound)),
        }
    }
}

/// A stream of one message.
fn futures_once<M>(message: M) -> impl tonic::IntoStreamingRequest<Message = M>
where
    M: Send + 'static,
{
    tokio_stream::once(message)
}

#[tokio::test]
async fn an_rpc_that_is_not_there_is_told_in_our_form() {
    let stack = Stack::demo().await;
    let mut client = tonic::client::Grpc::new(stack.grpc());
    client.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/chatgateway.v1.ChatService/Nothing");
    let codec = gateway_proto::BoundedCodec::<ListModelsRequest, ListModelsRequest>::default();
    let status = client.unary(Request::new(ListModelsRequest {}), path, codec).await.unwrap_err();
    assert_eq!((status.code(), error(&status).code()), (Code::Unimplemented, ErrorCode::RouteNotFound));
    assert!(error(&status).request_id().is_some());
}

#[tokio::test]
async fn two_credentials_are_none() {
    let stack = Stack::demo().await;
    let mut request = authorized(say("x"));
    request.metadata_mut().append("authorization", format!("Bearer {BEARER}").parse().unwrap());
    let status = ChatServiceClient::new(stack.grpc()).create_chat_completion(request).await.unwrap_err();
    assert_eq!(error(&status).code(), ErrorCode::InvalidAuthorization);
}
