//! OpenAI's JSON shapes, exactly as on the wire, and the contract's messages that they stand for.

mod answer_parts;
mod chat_completion;
mod chat_completion_chunk;
mod chat_request;
mod models;
mod turn_request;

pub(crate) use answer_parts::write_tool_calls;
pub(crate) use chat_completion::chat_completion;
pub(crate) use chat_completion_chunk::{UsageMember, write_chunk};
pub(crate) use chat_request::chat_request;
pub(crate) use models::{info, model, model_list};
#[cfg(test)]
pub(crate) use turn_request::TurnMember;
pub(crate) use turn_request::turn_request;
