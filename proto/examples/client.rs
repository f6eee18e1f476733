//! The gateway over gRPC: a chat, a stream, a conversation, memory, and an error taken apart.
//!
//! `TOKEN=sk-... cargo run -p gateway-proto --example client`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to the person who runs it")]
#![expect(clippy::disallowed_methods, reason = "it has no settings but where the gateway is, and the token")]

use std::env;
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::conversation_service_client::ConversationServiceClient;
use gateway_proto::v1::memory_service_client::MemoryServiceClient;
use gateway_proto::v1::{self, assistant_message, chat_message, message_delta};
use gateway_proto::{ApiError, ErrorCode};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Endpoint;
use tonic::{Request, Status};

type AnyError = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, AnyError> {
    let Err(error) = run().await else { return Ok(ExitCode::SUCCESS) };
    let Some(failure) = error.downcast_ref::<Status>().and_then(ApiError::from_status) else { return Err(error) };
    let code = failure.code().facts().code;
    match failure.retry_after().filter(|_| failure.retryable()) {
        Some(delay) => eprintln!("failed: {code} retry in {} ms", delay.as_millis()),
        None => eprintln!("failed: {code} do not retry"),
    }
    Ok(ExitCode::FAILURE)
}

async fn run() -> Result<(), AnyError> {
    let address = env::var("GATEWAY").unwrap_or_else(|_| "127.0.0.1:50051".to_owned());
    let bearer: MetadataValue<Ascii> = format!("Bearer {}", env::var("TOKEN")?).parse()?;
    let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
    // Who calls, for which end user, and until when: the gateway gives up on the model server when that has passed.
    let identify = move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", bearer.clone());
        request.metadata_mut().insert("spass-user-id", MetadataValue::from_static("ann"));
        request.set_timeout(Duration::from_secs(30));
        Ok::<_, Status>(request)
    };
    let mut chats = ChatServiceClient::with_interceptor(channel.clone(), identify.clone());
    let mut conversations = ConversationServiceClient::with_interceptor(channel.clone(), identify.clone());
    let mut memory = MemoryServiceClient::with_interceptor(channel, identify);

    let request = v1::CreateChatCompletionRequest { chat: Some(ask("demo", "Hello")) };
    println!("chat: {}", text(chats.create_chat_completion(request).await?.into_inner().completion));

    print!("stream: ");
    let request = v1::StreamChatCompletionRequest { chat: Some(ask("demo", "Hello")) };
    let mut stream = chats.stream_chat_completion(request).await?.into_inner();
    while let Some(part) = stream.message().await? {
        for delta in part.chunks.into_iter().flat_map(|chunk| chunk.choices).filter_map(|choice| choice.delta) {
            if let Some(message_delta::Content::Text(text)) = delta.content {
                print!("{text}");
            }
        }
        std::io::stdout().flush()?;
    }
    println!();

    // The gateway keeps the conversation: each turn says only what is new.
    let turn = v1::Turn { chat: Some(ask("demo", "My name is Ann")), ..v1::Turn::default() };
    let first = conversations.create_turn(v1::CreateTurnRequest { turn: Some(turn) }).await?.into_inner();
    let chat = Some(ask("demo", "/recall"));
    let turn = v1::Turn { conversation_id: first.conversation_id, chat, ..v1::Turn::default() };
    let second = conversations.create_turn(v1::CreateTurnRequest { turn: Some(turn) }).await?.into_inner();
    println!("turn: {}", text(second.completion));

    let (visibility, key) = ("private".to_owned(), "colour".to_owned());
    let request = v1::PutMemoryRequest {
        visibility: visibility.clone(),
        key: key.clone(),
        value: Some("teal".to_owned()),
        ..v1::PutMemoryRequest::default()
    };
    memory.put_memory(request).await?;
    let request = v1::GetMemoryRequest { visibility, key, ..v1::GetMemoryRequest::default() };
    let entry = memory.get_memory(request).await?.into_inner().entry.unwrap_or_default();
    println!("memory: {} is {}", entry.key, entry.value);

    let request = v1::CreateChatCompletionRequest { chat: Some(ask("nothing", "Hello")) };
    let Err(status) = chats.create_chat_completion(request).await else { return Ok(()) };
    match ApiError::from_status(&status) {
        Some(failure) if failure.code() == ErrorCode::ModelNotInAllowlist => {
            println!("error: {} at {}", failure.code().facts().code, failure.param().unwrap_or_default());
            Ok(())
        }
        _ => Err(status.into()),
    }
}

fn ask(model: &str, text: &str) -> v1::ChatRequest {
    let content = Some(chat_message::Content::Text(text.to_owned()));
    let message = v1::ChatMessage { role: v1::Role::User.into(), content, ..v1::ChatMessage::default() };
    v1::ChatRequest { model: model.to_owned(), messages: vec![message], ..v1::ChatRequest::default() }
}

fn text(completion: Option<v1::ChatCompletion>) -> String {
    let choice = completion.and_then(|completion| completion.choices.into_iter().next());
    match choice.and_then(|choice| choice.message).and_then(|message| message.content) {
        Some(assistant_message::Content::Text(text)) => text,
        _ => String::new(),
    }
}
