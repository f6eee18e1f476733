//! OpenAI's JSON shapes, exactly as on the wire, and the contract's messages that they stand for.

mod answer_parts;
mod chat_completion;
mod chat_completion_chunk;
mod chat_request;
mod models;

pub(crate) use chat_completion::chat_completion;
pub(crate) use chat_completion_chunk::{UsageMember, write_chunk};
pub(crate) use chat_request::{BodyFault, chat_request};
pub(crate) use models::{info, model, model_list};
