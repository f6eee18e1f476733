//! The core as a gRPC server.

mod bombs;
mod calls;
mod identity;
