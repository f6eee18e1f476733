//! Any RPC, called with a message that is there as bytes.

use bytes::{Buf, BufMut, Bytes};
use gateway_proto::Rpc;
use gateway_tests::Stack;
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status};

/// Who calls, by metadata or headers.
pub(super) struct Caller(Vec<(&'static str, String)>);

impl Caller {
    /// Without any credential.
    pub(super) fn nobody() -> Self {
        Self(Vec::new())
    }

    /// With a bearer token.
    pub(super) fn new(token: &str) -> Self {
        Self(vec![("authorization", format!("Bearer {token}"))])
    }

    /// With one more header.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// Calls an RPC and reads its answer to the end.
pub(super) async fn call(stack: &Stack, rpc: Rpc, caller: &Caller, message: Bytes) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(stack.grpc());
    client.ready().await.unwrap();
    let mut request = Request::new(message);
    for (name, value) in caller.headers() {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    let path = PathAndQuery::from_static(rpc.path());
    if !rpc.streams() {
        return client.unary(request, path, BytesCodec).await.map(drop);
    }
    let mut answers = client.server_streaming(request, path, BytesCodec).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// Messages as they are on the wire.
struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
