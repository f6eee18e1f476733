//! The answer that is stored under an idempotency key, to be given again.

use bytes::{Bytes, BytesMut};
use gateway_proto::ApiError;
use gateway_proto::v1::{ChatCompletion, ChatCompletionChunk, StreamChatCompletionResponse, chunk_notice};
use http::HeaderValue;
use prost::Message;

use crate::chat::{Answered, Told};
use crate::domain::limits::Augmented;

/// A stored answer: what was sent, and what was told besides.
#[derive(Clone, PartialEq, Message)]
pub(super) struct StoredAnswer {
    /// A whole completion.
    #[prost(message, optional, tag = "1")]
    completion: Option<ChatCompletion>,
    /// All chunks, in one message.
    #[prost(message, optional, tag = "2")]
    chunks: Option<StreamChatCompletionResponse>,
    #[prost(string, optional, tag = "3")]
    applied: Option<String>,
    #[prost(string, tag = "4")]
    resolved_model: String,
    #[prost(string, tag = "5")]
    resolved_backend: String,
    #[prost(string, optional, tag = "6")]
    conversation: Option<String>,
    #[prost(bool, tag = "7")]
    system_prompt_added: bool,
    #[prost(bool, tag = "8")]
    memory_added: bool,
    #[prost(bool, tag = "9")]
    server_tools_added: bool,
}

impl StoredAnswer {
    /// What is stored of a whole completion.
    pub(super) fn of_completion(completion: &ChatCompletion, told: &Told) -> Bytes {
        Self { completion: Some(completion.clone()), ..Self::of_told(told) }.encode_to_vec().into()
    }

    /// What is stored of a stream.
    pub(super) fn of_chunks(record: &Record, told: &Told) -> Result<Bytes, ApiError> {
        let chunks = StreamChatCompletionResponse::decode(record.0.as_ref()).map_err(ApiError::internal)?;
        Ok(Self { chunks: Some(chunks), ..Self::of_told(told) }.encode_to_vec().into())
    }

    fn of_told(told: &Told) -> Self {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        Self {
            completion: None,
            chunks: None,
            applied: told.applied.as_ref().map(text),
            resolved_model: text(&told.resolved_model),
            resolved_backend: text(&told.resolved_backend),
            conversation: told.conversation.as_ref().map(text),
            system_prompt_added: told.augmented.system_prompt,
            memory_added: told.augmented.memory,
            server_tools_added: told.augmented.server_tools,
        }
    }

    /// Reads what was stored.
    pub(super) fn read(stored: &Bytes) -> Result<Self, ApiError> {
        Self::decode(stored.clone()).map_err(ApiError::internal)
    }

    /// The whole completion.
    pub(super) fn into_completion(self) -> Result<Answered<ChatCompletion>, ApiError> {
        let told = self.told()?;
        let completion = self.completion.ok_or_else(|| ApiError::internal("no completion is stored"))?;
        Ok(Answered { answer: completion, told })
    }

    /// The chunks.
    pub(super) fn into_chunks(self) -> Result<Answered<Vec<ChatCompletionChunk>>, ApiError> {
        let told = self.told()?;
        let chunks = self.chunks.ok_or_else(|| ApiError::internal("no chunks are stored"))?;
        // Given again it costs nothing.
        let mut chunks = chunks.chunks;
        chunks.retain(|chunk| !tells_cost(chunk));
        Ok(Answered { answer: chunks, told })
    }

    fn told(&self) -> Result<Told, ApiError> {
        let value = |text: &String| HeaderValue::try_from(text).map_err(ApiError::internal);
        Ok(Told {
            applied: self.applied.as_ref().map(value).transpose()?,
            augmented: Augmented {
                system_prompt: self.system_prompt_added,
                memory: self.memory_added,
                server_tools: self.server_tools_added,
            },
            resolved_model: value(&self.resolved_model)?,
            resolved_backend: value(&self.resolved_backend)?,
            conversation: self.conversation.as_ref().map(value).transpose()?,
            cost: None,
        })
    }
}

fn tells_cost(chunk: &ChatCompletionChunk) -> bool {
    let notice = chunk.notice.as_ref().and_then(|notice| notice.notice.as_ref());
    matches!(notice, Some(chunk_notice::Notice::Cost(_)))
}

/// The chunks of a stream so far, encoded: pieces of one message, which may simply stand behind each other.
#[derive(Debug, Default)]
pub(super) struct Record(BytesMut);

impl Record {
    /// Takes in what came, and hands it back.
    pub(super) fn take(&mut self, chunks: Vec<ChatCompletionChunk>) -> Result<Vec<ChatCompletionChunk>, ApiError> {
        let piece = StreamChatCompletionResponse { chunks };
        piece.encode(&mut self.0).map_err(ApiError::internal)?;
        Ok(piece.chunks)
    }

    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
