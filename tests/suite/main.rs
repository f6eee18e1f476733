//! One binary for all suites; a module for each part of the house or of the contract.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod access;
mod architecture;
mod augment;
mod caller;
mod chat;
mod conversations;
mod edge;
mod errors;
mod grpc;
mod memory;
mod routing;
mod rust_client;
mod streams;
mod system_prompts;
mod tool_loop;
mod usage;
