//! Makes, for each message, the list of its fields that hold elements or messages: what the codec must know to count
//! elements before it decodes.

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use std::fmt::Write;

/// Messages of protobuf itself that ours hold.
const USED_OF_PROTOBUF: [&str; 2] = ["google.protobuf.FieldMask", "google.protobuf.Timestamp"];

pub(crate) fn generate(pool: &DescriptorPool) -> String {
    let mut out = String::new();
    // The files that only declare options have no Rust types.
    let is_ours = |message: &MessageDescriptor| {
        message.package_name() == "chatgateway.v1" && !matches!(message.name(), "ErrorSpec" | "Access")
    };
    let is_used = |message: &MessageDescriptor| is_ours(message) || USED_OF_PROTOBUF.contains(&message.full_name());
    for message in pool.all_messages().filter(is_used) {
        let mut fields = String::new();
        for field in message
            .fields()
            .filter(|field| field.is_list() || field.is_map() || matches!(field.kind(), Kind::Message(_)))
        {
            let shape = match field.kind() {
                Kind::Message(kind) => format!("Some(&{})", shape_name(&kind)),
                _ => "None".to_owned(),
            };
            let _ = write!(
                fields,
                "WireField {{ number: {}, repeated: {}, message: {shape} }},",
                field.number(),
                field.is_list() || field.is_map(),
            );
        }
        let shape = shape_name(&message);
        let _ = writeln!(out, "static {shape}: WireShape = WireShape {{ fields: &[{fields}] }};");
        if is_ours(&message) {
            let name = message.name();
            let _ = writeln!(
                out,
                "impl WireMessage for crate::v1::{name} {{ fn shape() -> &'static WireShape {{ &{shape} }} }}"
            );
        }
    }
    out
}

fn shape_name(message: &MessageDescriptor) -> String {
    format!("{}_SHAPE", message.name().to_uppercase())
}
