//! Between the contract's messages and what the core works with.

mod conversation;
mod json_form;
mod model;
mod stacks;
mod turn;

pub(super) use conversation::{conversation, conversation_message, now, timestamp};
pub(super) use json_form::json_request;
pub(super) use model::model;
pub(super) use stacks::{memory_entry, memory_usage, system_prompt};
pub(super) use turn::kept_turn;
