//! Messages that are small on the wire and large in memory.

use gateway_proto::{ApiError, ErrorCode};
use gateway_tests::{BEARER, RawCodec, Stack};
use tonic::Request;

async fn send(stack: &Stack, bearer: Option<&str>, message: Vec<u8>) -> ApiError {
    let mut client = tonic::client::Grpc::new(stack.grpc()).max_encoding_message_size(usize::MAX);
    client.ready().await.unwrap();
    let mut request = Request::new(message.into());
    if let Some(bearer) = bearer {
        request.metadata_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    }
    let path = http::uri::PathAndQuery::from_static("/chatgateway.v1.ChatService/CreateChatCompletion");
    let status = client.unary(request, path, RawCodec).await.unwrap_err();
    ApiError::from_status(&status).unwrap_or_else(|| panic!("{status:?}"))
}

/// A chat of this many empty messages: two bytes each on the wire.
fn bomb(messages: usize) -> Vec<u8> {
    let inner = [0x12, 0x00].repeat(messages);
    let mut message = vec![0x0a];
    let mut length = inner.len();
    while length >= 0x80 {
        message.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap());
    message.extend(inner);
    message
}

#[tokio::test]
async fn a_message_of_too_many_elements_is_not_decoded() {
    let stack = Stack::demo().await;
    let error = send(&stack, Some(BEARER), bomb(16 << 20)).await;
    assert_eq!((error.code(), error.param()), (ErrorCode::InvalidField, Some("message")));
    assert!(error.message().contains("100000 elements"));
    assert!(error.request_id().is_some());
    // One below the limit is judged by its fields.
    let error = send(&stack, Some(BEARER), bomb(100_000)).await;
    assert_eq!((error.code(), error.param()), (ErrorCode::MissingField, Some("model")));
}

#[tokio::test]
async fn a_message_that_is_none_is_told_in_our_form() {
    let stack = Stack::demo().await;
    for message in [vec![0xff; 32], vec![0x0a, 0x7f], vec![0x0b]] {
        let error = send(&stack, Some(BEARER), message).await;
        assert_eq!((error.code(), error.param()), (ErrorCode::InvalidField, Some("message")));
        assert!(error.message().contains("not a valid protobuf message"));
    }
}

#[tokio::test]
async fn who_is_not_let_in_is_told_before_the_message_is_looked_at() {
    let stack = Stack::demo().await;
    assert_eq!(send(&stack, None, bomb(16 << 20)).await.code(), ErrorCode::MissingAuthorization);
    assert_eq!(send(&stack, Some("unknown"), vec![0xff; 32]).await.code(), ErrorCode::InvalidAuthorization);
}
