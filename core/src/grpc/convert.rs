//! Between the contract's messages and what the core works with.

mod conversation;
mod json_form;
mod model;
mod turn;

pub(super) use conversation::{conversation, conversation_message, now, timestamp};
pub(super) use json_form::json_request;
pub(super) use model::model;
pub(super) use turn::kept_turn;
