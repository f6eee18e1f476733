//! Makes Rust of the protos, without protoc: types and services, canonical JSON for the plain resource messages, the
//! error catalog, the route table, and the wire shapes that the codec counts by.

#[path = "build/error_catalog.rs"]
mod error_catalog;
#[path = "build/route_table.rs"]
mod route_table;
#[path = "build/text.rs"]
mod text;
#[path = "build/wire_shapes.rs"]
mod wire_shapes;

use std::error::Error;
use std::path::{Path, PathBuf};

/// Messages whose JSON is protobuf's own: no nulls, no enums, no caller JSON. The edge writes all others by hand.
const CANONICAL_JSON: [&str; 2] = [".chatgateway.v1.GetReadinessResponse", ".chatgateway.v1.ReadinessPart"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=chatgateway");
    println!("cargo:rerun-if-changed=google");
    println!("cargo:rerun-if-changed=build");
    #[expect(clippy::disallowed_methods, reason = "this is how cargo speaks to a build script")]
    let out_dir = std::env::var_os("OUT_DIR").map(PathBuf::from).ok_or("OUT_DIR is not set")?;

    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).include_source_info(true).open_files(proto_files()?)?;

    // The raw bytes: extension options do not survive a round trip through the typed set.
    let descriptor_bytes = compiler.encode_file_descriptor_set();
    std::fs::write(out_dir.join("descriptor.bin"), &descriptor_bytes)?;
    let pool = compiler.descriptor_pool();
    std::fs::write(out_dir.join("error_catalog.rs"), error_catalog::generate(&pool)?)?;
    std::fs::write(out_dir.join("route_table.rs"), route_table::generate(&pool)?)?;
    std::fs::write(out_dir.join("wire_shapes.rs"), wire_shapes::generate(&pool))?;

    tonic_prost_build::configure()
        .build_transport(false)
        .bytes(".")
        .codec_path("crate::bounded_codec::BoundedCodec")
        .generate_default_stubs(false)
        .compile_fds(without_options_files(compiler.file_descriptor_set()))?;
    pbjson_build::Builder::new()
        .register_descriptors(&descriptor_bytes)?
        .preserve_proto_field_names()
        .emit_fields()
        .build(&CANONICAL_JSON)?;
    Ok(())
}

/// Every proto file of ours, so that a new one cannot be forgotten.
fn proto_files() -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new("chatgateway/v1"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    Ok(files)
}

/// Leaves out the files that only declare options: nothing uses their types at run time.
fn without_options_files(mut set: prost_types::FileDescriptorSet) -> prost_types::FileDescriptorSet {
    set.file.retain(|file| !matches!(file.package(), "google.api" | "google.rpc"));
    set.file.retain(|file| file.name() != "google/protobuf/descriptor.proto");
    set.file.retain(|file| !matches!(file.name(), "chatgateway/v1/error_spec.proto" | "chatgateway/v1/access.proto"));
    for file in &mut set.file {
        let is_left_out = |name: &str| name.starts_with("google/api/") || name == "google/protobuf/descriptor.proto";
        file.dependency.retain(|name| !is_left_out(name));
    }
    set
}
