//! The codec of every RPC: protobuf, with the elements of a message counted before it is decoded.
//!
//! prost bounds the depth of a message but not the number of its elements. A repeated message costs two bytes on the
//! wire and a few hundred in memory, so that 32 MiB of empty messages would become gigabytes. One walk over the wire
//! form, by the shapes that the build made of the descriptors, refuses such a message before anything is allocated.

use std::marker::PhantomData;

use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::ApiError;

/// The most elements of repeated fields in one message, nested ones included.
pub const MAX_ELEMENTS: u32 = 100_000;
/// prost's own limit on nesting.
const MAX_DEPTH: u32 = 100;

/// What the codec knows of a message: its fields that repeat or hold messages.
#[derive(Debug)]
pub struct WireShape {
    fields: &'static [WireField],
}

#[derive(Debug)]
struct WireField {
    number: u32,
    repeated: bool,
    message: Option<&'static WireShape>,
}

/// A message whose elements can be counted on the wire; the build implements it for every message.
pub trait WireMessage: Message + Default {
    /// Its shape.
    fn shape() -> &'static WireShape;
}

include!(concat!(env!("OUT_DIR"), "/wire_shapes.rs"));

/// The codec named in the generated clients and servers.
#[derive(Debug)]
pub struct BoundedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: Message + Send + 'static, U: WireMessage + Send + 'static> Codec for BoundedCodec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = BoundedCodec<T, U>;
    type Decoder = BoundedCodec<T, U>;

    fn encoder(&mut self) -> Self::Encoder {
        Self::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self::default()
    }
}

impl<T: Message + Send + 'static, U: Send + 'static> Encoder for BoundedCodec<T, U> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.encoded_len());
        item.encode_raw(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffer_settings()
    }
}

impl<T: Send + 'static, U: WireMessage + Send + 'static> Decoder for BoundedCodec<T, U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // tonic keeps a whole message in one piece, so that the first chunk is all of it.
        let mut budget = MAX_ELEMENTS;
        if matches!(spend(buffer.chunk(), U::shape(), MAX_DEPTH, &mut budget), Err(Refused::TooManyElements)) {
            return Err(refusal(&format!("The message has over {MAX_ELEMENTS} elements; send a smaller one.")));
        }
        U::decode(buffer)
            .map(Some)
            .map_err(|error| refusal("The message is not a valid protobuf message of its type.").tap_source(error))
    }

    fn buffer_settings(&self) -> BufferSettings {
        buffer_settings()
    }
}

/// Most messages are small; a large one makes its own room.
fn buffer_settings() -> BufferSettings {
    BufferSettings::new(1024, 32 * 1024)
}

/// The codec sees no request id and no setting: the layer stack completes the status on its way out.
fn refusal(message: &str) -> Status {
    ApiError::invalid_field("message", message).to_status("", "")
}

trait TapSource {
    fn tap_source(self, source: impl std::error::Error + Send + Sync + 'static) -> Self;
}

impl TapSource for Status {
    fn tap_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.set_source(std::sync::Arc::new(source));
        self
    }
}

enum Refused {
    TooManyElements,
    /// Left for prost to refuse, which says why.
    Malformed,
}

/// Walks over the fields of one message and takes each element of a repeated field off the budget.
fn spend(mut message: &[u8], shape: &WireShape, depth: u32, budget: &mut u32) -> Result<(), Refused> {
    while !message.is_empty() {
        let key = varint(&mut message)?;
        let number = u32::try_from(key >> 3).map_err(|_| Refused::Malformed)?;
        let payload = match key & 7 {
            0 => varint(&mut message).map(|_| &[][..])?,
            1 => take(&mut message, 8)?,
            2 => {
                let length = varint(&mut message)?;
                take(&mut message, usize::try_from(length).map_err(|_| Refused::Malformed)?)?
            }
            5 => take(&mut message, 4)?,
            // Groups do not exist in proto3.
            _ => return Err(Refused::Malformed),
        };
        let Some(field) = shape.fields.iter().find(|field| field.number == number) else { continue };
        if field.repeated {
            *budget = budget.checked_sub(1).ok_or(Refused::TooManyElements)?;
        }
        if let Some(nested) = field.message {
            spend(payload, nested, depth.checked_sub(1).ok_or(Refused::Malformed)?, budget)?;
        }
    }
    Ok(())
}

fn varint(message: &mut &[u8]) -> Result<u64, Refused> {
    let mut value = 0;
    for shift in 0..10 {
        let (&byte, rest) = message.split_first().ok_or(Refused::Malformed)?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << (7 * shift);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Refused::Malformed)
}

fn take<'a>(message: &mut &'a [u8], length: usize) -> Result<&'a [u8], Refused> {
    let (payload, rest) = message.split_at_checked(length).ok_or(Refused::Malformed)?;
    *message = rest;
    Ok(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{ChatMessage, ChatRequest, ContentPart, ContentParts, CreateChatCompletionRequest, chat_message};

    fn count(request: &CreateChatCompletionRequest) -> Result<u32, Refused> {
        let mut budget = MAX_ELEMENTS;
        spend(&request.encode_to_vec(), CreateChatCompletionRequest::shape(), MAX_DEPTH, &mut budget)?;
        Ok(MAX_ELEMENTS - budget)
    }

    fn request(messages: Vec<ChatMessage>) -> CreateChatCompletionRequest {
        CreateChatCompletionRequest { chat: Some(ChatRequest { messages, ..ChatRequest::default() }) }
    }

    #[test]
    fn nested_elements_are_counted() {
        let parts = ContentParts { parts: vec![ContentPart::default(); 3] };
        let message = ChatMessage { content: Some(chat_message::Content::Parts(parts)), ..ChatMessage::default() };
        assert!(matches!(count(&request(vec![message; 2])), Ok(8)));
    }

    #[test]
    fn the_limit_is_exact() {
        let limit = MAX_ELEMENTS as usize;
        assert!(matches!(count(&request(vec![ChatMessage::default(); limit])), Ok(MAX_ELEMENTS)));
        let over = request(vec![ChatMessage::default(); limit + 1]);
        assert!(matches!(count(&over), Err(Refused::TooManyElements)));
    }

    #[test]
    fn garbage_is_left_to_prost() {
        for garbage in [&[0xff; 11][..], &[0x0a, 0x7f], &[0x0b], &[0x09, 1]] {
            let mut budget = MAX_ELEMENTS;
            let refused = spend(garbage, CreateChatCompletionRequest::shape(), MAX_DEPTH, &mut budget);
            assert!(matches!(refused, Err(Refused::Malformed)));
        }
    }
}
