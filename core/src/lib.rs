//! The gateway itself: a gRPC server in front of model servers.
//!
//! Read it in the order in which a call walks: [`layers`] let a call in, [`gate`] looks for whom it acts, the adapters
//! in `grpc` convert it, [`chat`] is the use case over the pure rules of [`domain`] and the [`catalog`] of models, and
//! [`upstream`] speaks to model servers. [`augment`] is what is added to a chat: what is kept by [`memory`] and
//! [`system_prompts`], whose changes [`stacks`] tells of. [`usage`] books what calls come to. [`turn`] runs a chat whose
//! answer is kept, and [`conversations`] is what can be done with what was kept. [`server`] puts it all together;
//! [`config`] says of what.
//!
//! [`trace`] tells a collector how long each part of it took.
//!
//! The core speaks OpenAI's JSON only as a client, never as a server, and knows nothing of HTTP routes.

pub mod server;

pub mod call;
pub mod layers;

pub mod gate;
mod grpc;

pub mod augment;
pub mod catalog;
pub mod chat;
pub mod conversations;
pub mod domain;
pub mod memory;
pub mod readiness;
pub mod routing;
pub mod stacks;
pub mod system_prompts;
pub mod tools;
pub mod turn;
pub mod upstream;
pub mod usage;

pub mod commands;
pub mod config;
pub mod process;
pub mod trace;

mod access_log;
mod answer;
mod api_errors;
mod audit;
mod budget;
mod causes;
mod clock;
mod discovery;
mod keeping;
mod measures;
mod reload;
mod shared;
mod tool_loop;
