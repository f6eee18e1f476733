//! Messages that are small on the wire and large in memory.

use bytes::{Buf, BufMut};
use gateway_proto::{ApiError, ErrorCode};
use gateway_tests::{BEARER, Stack};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// Sends bytes as they are, and takes nothing.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        buffer.advance(buffer.remaining());
        Ok(Some(()))
    }
}

async fn send(stack: &Stack, bearer: Option<&str>, message: Vec<u8>) -> ApiError {
    let mut client = tonic::client::Grpc::new(stack.grpc()).max_encoding_message_size(usize::MAX);
    client.ready().await.unwrap();
    let mut request = Request::new(message);
    if let Some(bearer) = bearer {
        request.metadata_mut().insert("authorization", format!("Bearer {bearer}").parse().unwrap());
    }
    let path = http::uri::PathAndQuery::from_static("/chatgateway.v1.ChatService/CreateChatCompletion");
    let status = client.unary(request, path, Raw).await.unwrap_err();
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
