//! The harness: a whole gateway on ports of its own, and model servers that do as they are told.
//!
//! [`Stack`] starts core and edge in this process, joined as the launcher joins them or over a socket, from the same
//! settings that the programs read. [`ScriptedServer`] plays a model server byte by byte, since a real one does not fail
//! on demand. Nothing here waits for time to pass: tests wait for what they want to see.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod postgres;
mod raw_codec;
mod scripted_server;
mod stack;

pub use postgres::Postgres;
pub use raw_codec::RawCodec;
pub use scripted_server::{Recorded, Script, ScriptedServer, Step, completion_body};
pub use stack::{BEARER, HttpAnswer, Joined, Stack, StackBuilder};
