//! The Rust client is `gateway-proto`; its example does what those in other languages do, and prints the same.

use std::path::PathBuf;
use std::process::{Command, Output};

use gateway_tests::{BEARER, Stack};
use tokio::task::spawn_blocking;

const EXPECTED: &str = include_str!("../clients/example.txt");

/// Where cargo puts an example that it builds along with the tests.
fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples/client");
    assert!(path.exists(), "cargo build --package gateway-proto --example client makes {}", path.display());
    path
}

async fn run_example(stack: &Stack) -> Output {
    let mut command = Command::new(example());
    let address = stack.grpc_url().replace("http://", "");
    command.env_clear().env("GATEWAY", address).env("TOKEN", BEARER);
    spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_says_what_every_example_says() {
    let output = run_example(&Stack::demo().await).await;
    let (printed, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((printed.as_ref(), complained.as_ref(), output.status.code()), (EXPECTED, "", Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_tells_its_code_and_when_to_come_back() {
    let stack = Stack::builder().set("--rate-limit-burst", 1).set("--rate-limit-per-second", "1").start().await;
    let output = run_example(&stack).await;
    let complained = String::from_utf8_lossy(&output.stderr);
    let delay = complained.strip_prefix("failed: rate_limit_exceeded retry in ").unwrap_or(&complained);
    let millis: u64 = delay.trim().trim_end_matches(" ms").parse().unwrap();
    assert!((1..=1000).contains(&millis), "{complained}");
    assert_eq!(output.status.code(), Some(1));
}
