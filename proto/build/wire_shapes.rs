//! Makes, for each message, the list of its fields that hold elements or messages: what the codec must know to count
//! elements before it decodes.

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use std::fmt::Write;

pub(crate) fn generate(pool: &DescriptorPool) -> String {
    let mut out = String::new();
    // The files that only declare options have no Rust types.
    let is_ours = |message: &MessageDescriptor| {
        message.package_name() == "chatgateway.v1" && !matches!(message.name(), "ErrorSpec" | "Access")
    };
    for message in pool.all_messages().filter(is_ours) {
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
        let _ = writeln!(
            out,
            "static {shape}: WireShape = WireShape {{ fields: &[{fields}] }};\n\
             impl WireMessage for crate::v1::{name} {{ fn shape() -> &'static WireShape {{ &{shape} }} }}",
            shape = shape_name(&message),
            name = message.name(),
        );
    }
    out
}

fn shape_name(message: &MessageDescriptor) -> String {
    format!("{}_SHAPE", message.name().to_uppercase())
}
