//! The rules of the house that a machine can hold: the edges between crates, what may come from outside, and what a
//! source file may hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

mod sources;

/// Who may depend on whom. An arrow here is a design decision; there are no others.
const ALLOWED_EDGES: [(&str, &[&str]); 7] = [
    ("gateway-proto", &[]),
    ("gateway-auth", &[]),
    ("gateway-storage", &[]),
    ("gateway-core", &["gateway-proto", "gateway-auth", "gateway-storage"]),
    ("gateway-edge", &["gateway-proto"]),
    ("chat-gateway", &["gateway-core", "gateway-edge"]),
    ("gateway-tests", &["gateway-proto", "gateway-auth", "gateway-core", "gateway-edge", "gateway-storage"]),
];

/// Licences that a server may be shipped under without further duties than naming them.
const ALLOWED_LICENCES: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Crates that must not come in, and what to use instead.
const BANNED: [(&str, &str); 9] = [
    ("aws-lc-sys", "ring, which builds in a tenth of the time"),
    ("mime_guess", "the media types are few and named where they are used"),
    ("native-tls", "rustls"),
    ("openssl", "rustls"),
    ("openssl-sys", "rustls"),
    ("protobuf", "prost"),
    ("serde_yaml", "serde-saphyr; serde_yaml is deprecated"),
    ("serde_yml", "serde-saphyr; serde_yml is archived"),
    ("simd-json", "the reader in gateway-proto"),
];

/// Crates of which two versions would mean two worlds.
const ONE_VERSION: [&str; 12] =
    ["axum", "bytes", "h2", "http", "http-body", "hyper", "prost", "ring", "rustls", "tokio", "tonic", "tracing"];

/// Versions below which a known fault reaches this product.
const FLOORS: [(&str, &str, &str); 3] = [
    ("h2", "0.4.20", "RUSTSEC-2026-0258, and refused streams are counted"),
    ("bytes", "1.11.1", "RUSTSEC-2026-0007"),
    ("tonic", "0.12.3", "RUSTSEC-2024-0376"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).other_options(vec!["--locked".to_owned()]);
    command.exec().unwrap()
}

#[test]
fn only_the_allowed_edges_join_the_crates() {
    let metadata = metadata();
    let ours: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    assert_eq!(ours, ALLOWED_EDGES.iter().map(|(name, _)| *name).collect());
    for package in metadata.workspace_packages() {
        let allowed: BTreeMap<_, _> = ALLOWED_EDGES.into_iter().collect();
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(dependency.name.as_str())) {
            assert!(
                allowed[package.name.as_str()].contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn every_version_is_written_once() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        for line in manifest.lines().skip_while(|line| !line.contains("dependencies]")) {
            let names_version = line.contains(" = \"") || line.contains("version = ");
            assert!(!names_version, "{}: '{line}' belongs into the workspace's table", package.name);
        }
    }
}

#[test]
fn every_licence_is_allowed() {
    let allowed = |requirement: &spdx::LicenseReq| ALLOWED_LICENCES.contains(&requirement.to_string().as_str());
    for package in metadata().packages {
        let licence = package.license.as_deref().unwrap_or_else(|| panic!("{} names no licence", package.name));
        let expression = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX).unwrap();
        assert!(expression.evaluate(allowed), "{} is under {licence}", package.name);
    }
}

#[test]
fn nothing_banned_and_nothing_from_elsewhere_comes_in() {
    let metadata = metadata();
    for package in &metadata.packages {
        if let Some((_, instead)) = BANNED.iter().find(|(name, _)| *name == package.name.as_str()) {
            panic!("{} is banned: use {instead}", package.name);
        }
        let from_elsewhere = package.source.as_ref().is_some_and(|source| !source.is_crates_io());
        assert!(!from_elsewhere, "{} does not come from the default registry", package.name);
    }
    for name in ONE_VERSION {
        let versions: Vec<_> = metadata.packages.iter().filter(|package| package.name.as_str() == name).collect();
        assert!(versions.len() <= 1, "{} versions of {name}", versions.len());
    }
    for (name, floor, reason) in FLOORS {
        let floor: semver::Version = floor.parse().unwrap();
        for package in metadata.packages.iter().filter(|package| package.name.as_str() == name) {
            assert!(package.version >= floor, "{name} {}: {reason}", package.version);
        }
    }
}

#[test]
fn build_tools_stay_out_of_the_programs() {
    let build_only: Vec<_> = metadata()
        .workspace_packages()
        .iter()
        .flat_map(|package| package.dependencies.clone())
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .filter(|dependency| {
            ["protox", "prost-reflect", "tonic-build", "pbjson-build"].contains(&dependency.name.as_str())
        })
        .collect();
    assert!(build_only.is_empty(), "{build_only:?}");
}
