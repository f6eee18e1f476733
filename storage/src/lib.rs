//! What outlives a process.
//!
//! [`DataFolder`] is the folder of one gateway: it holds the token that the launcher made on its first start, and it
//! is where the database of a gateway on SQLite belongs.
//!
//! This crate knows no gRPC, HTTP or OpenAI, and depends on nothing of ours.

mod data_folder;

pub use data_folder::{DataFolder, DataFolderError};
