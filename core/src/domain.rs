//! What a chat request must be, whichever way it came: pure rules over the contract's nouns, without transport,
//! storage or time.
//!
//! The rules read a request in its JSON form, in which every message and tool is the caller's own text; the adapters
//! bring the typed form of a gRPC caller into it first, so that both are judged by the same lines.

pub mod chat;

pub mod alias;
pub(crate) mod fields;
pub mod image;
pub mod limits;
pub mod message;
pub mod model;
pub mod outline;
mod parameters;
pub mod price;
pub mod tokens;
pub mod tools;
pub mod turn;
