//! The REST edge: a gRPC client that speaks OpenAI JSON.
//!
//! Read it in the order in which a request walks: [`server`] accepts connections, `router` is the table of contents of
//! all routes, a handler in `routes` has its body read by `body`, its JSON by `openai`, `conversation`, `memory`
//! and `system_prompts` and what is behind the question mark by `query`, asks the core through [`core_client`], and writes JSON; `error` turns every
//! failure into the one envelope. `openapi` describes it all, and `pages` is what people read.
//!
//! The edge is built from the core's address and nothing else: it has no database, and it never decides who may do
//! what. Before it answers an error of its own it asks the core, whose error wins: `admission`.

pub mod server;

mod router;
mod routes;

mod access_log;
mod admission;
mod body;
mod conversation;
mod error;
mod events;
mod measures;
mod memory;
mod openai;
mod pages;
mod query;
mod resources;
mod system_prompts;
mod tools;
mod usage;

pub mod core_client;

pub mod openapi;

pub mod config;
pub mod healthcheck;
pub mod process;
pub mod trace;

mod state;
