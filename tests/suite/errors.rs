//! The error contract.

mod catalog;
mod order;
mod parity;
