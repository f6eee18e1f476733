//! Any RPC, called with a message that is there as bytes.

use bytes::Bytes;
use gateway_proto::Rpc;
use gateway_tests::{RawCodec, Stack};
use http::uri::PathAndQuery;
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

/// Calls an RPC and reads its answer to the end: its messages, one after the other.
pub(super) async fn call(stack: &Stack, rpc: Rpc, caller: &Caller, message: Bytes) -> Result<Vec<u8>, Status> {
    let mut client = tonic::client::Grpc::new(stack.grpc());
    client.ready().await.unwrap();
    let mut request = Request::new(message);
    for (name, value) in caller.headers() {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    let path = PathAndQuery::from_static(rpc.path());
    if !rpc.streams() {
        return client.unary(request, path, RawCodec).await.map(|answer| answer.into_inner().to_vec());
    }
    let mut answers = client.server_streaming(request, path, RawCodec).await?.into_inner();
    let mut read = Vec::new();
    while let Some(message) = answers.message().await? {
        read.extend(message);
    }
    Ok(read)
}
