//! What a source file may hold.

use std::fs;
use std::path::PathBuf;

use super::root;

/// Every Rust file of ours, with its path from the root.
fn rust_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = ["proto", "auth", "storage", "core", "rest-edge", "deploy", "tests"]
        .iter()
        .map(|room| root().join(room))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "node_modules" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let relative = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.push((relative, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 20);
    files
}

/// Fails for each file, but those under `allowed`, that holds one of these words outside a comment.
fn only(allowed: &[&str], words: &[&str], rule: &str) {
    for (path, text) in rust_files() {
        if allowed.iter().any(|prefix| path.starts_with(prefix)) || path.starts_with("tests/suite/architecture") {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let found = words.iter().find(|word| line.contains(**word));
            assert!(found.is_none(), "{path}: {rule}\n{line}");
        }
    }
}

#[test]
fn only_one_file_touches_status_details() {
    only(&["proto/src/api_error.rs", "tests/"], &["tonic_types", "grpc-status-details-bin"], "use ApiError");
}

#[test]
fn only_storage_holds_sql() {
    only(&["storage/"], &["sqlx", "SELECT ", "INSERT INTO"], "SQL lives in storage");
}

#[test]
fn only_config_modules_read_the_environment() {
    let allowed = ["core/src/config", "rest-edge/src/config", "proto/build.rs", "proto/examples", "tests/"];
    only(&allowed, &["env::var", "env::vars", "env::args"], "settings are read in config modules");
}

#[test]
fn the_domain_is_pure() {
    for (path, text) in rust_files().iter().filter(|(path, _)| path.starts_with("core/src/domain")) {
        for word in ["serde", "tonic", "sqlx", "reqwest", "tokio"] {
            assert!(!text.contains(&format!("{word}::")), "{path}: the domain has no {word}");
        }
    }
}

#[test]
fn files_stay_small_and_modules_are_named_after_themselves() {
    for (path, text) in rust_files() {
        assert!(!path.ends_with("/mod.rs"), "{path}: use name.rs beside name/");
        let lines = text.lines().count();
        assert!(lines <= 500, "{path}: {lines} lines; split above 500");
    }
}

#[test]
fn no_test_is_switched_off_and_nothing_sleeps_to_synchronise() {
    let words = [concat!("#[", "ignore"), concat!("todo", "!("), concat!("unimplemented", "!("), concat!("FIX", "ME")];
    only(&[], &words, "finish it");
}

/// They share nothing but the contract, so that each has what a process needs for itself.
#[test]
fn what_both_processes_need_is_the_same_in_both() {
    for file in ["config/traces.rs", "process/own_use.rs", "trace/export.rs"] {
        let [core, edge] = ["core/src", "rest-edge/src"].map(|source| root().join(source).join(file));
        assert!(fs::read(core).unwrap() == fs::read(edge).unwrap(), "{file} is not the same in core and edge");
    }
}
