//! The contract of the gateway, as Rust.
//!
//! Everything here is made from the `.proto` files beside it or says what they cannot: [`v1`] holds the generated
//! messages, clients and servers; [`ErrorCode`] the error catalog; [`ApiError`] the one form of an error and its one
//! conversion to and from a gRPC status; [`Rpc`] and [`Operation`] the tables of RPCs and HTTP routes; [`json`] the
//! strict reading and writing of the JSON text that `_json` fields hold; [`BoundedCodec`] the codec that counts
//! elements before it decodes; [`TraceContext`] how a trace goes along with a call. With the feature `tls`, [`tls`] holds
//! what both ends of the wire need alike for it to be encrypted.
//!
//! It is the only crate that both processes share, and holds no logic of theirs: nothing here knows a model or a tenant, and
//! but for [`tls`], which reads the files that settings name and makes connections, nothing knows a socket or a setting.

mod error_catalog;
mod route_table;
mod trace_context;

pub mod api_error;
pub mod bounded_codec;
pub mod json;
pub mod metadata;
pub mod openai;
#[cfg(feature = "tls")]
pub mod tls;

pub use api_error::ApiError;
pub use bounded_codec::BoundedCodec;
pub use error_catalog::ErrorFacts;
pub use route_table::{Access, Operation, Rpc};
pub use trace_context::TraceContext;
pub use v1::ErrorCode;

/// Times and field masks, as the messages hold them.
pub use prost_types::{FieldMask, Timestamp};

/// The raw descriptor set of all protos, with the options that a typed set would drop; for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// The generated messages, clients and servers of package `chatgateway.v1`.
pub mod v1 {
    #![expect(clippy::allow_attributes, clippy::allow_attributes_without_reason, reason = "generated")]
    tonic::include_proto!("chatgateway.v1");
    include!(concat!(env!("OUT_DIR"), "/chatgateway.v1.serde.rs"));
}
