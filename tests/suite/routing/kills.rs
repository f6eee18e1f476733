//! Servers that are killed, and connections that they close.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use tokio::task::JoinSet;

const TIER: &str = "  - {alias: asked, tiers: [[{upstream: one}, {upstream: two}]]}\n";
/// How many ask at once.
const ASKERS: usize = 16;

async fn stack(first: &ScriptedServer, second: &ScriptedServer, more: &str) -> Arc<Stack> {
    let servers = [("one", &*first.base_url(), more), ("two", &*second.base_url(), more)];
    Arc::new(Stack::builder().models(&models(&servers, TIER)).start().await)
}

/// Asks so often, many at once and in every way; gives the failures, and how often each server answered.
async fn ask_often(stack: &Arc<Stack>, calls: usize) -> (Vec<Outcome>, HashMap<String, usize>) {
    let mut askers = JoinSet::new();
    for asker in 0..ASKERS {
        let stack = Arc::clone(stack);
        askers.spawn(async move {
            let mut outcomes = Vec::new();
            for call in 0..calls / ASKERS {
                outcomes.push(ask(&stack, Way::ALL[(asker + call) % 4], "asked", "x").await);
            }
            outcomes
        });
    }
    let outcomes: Vec<_> = askers.join_all().await.into_iter().flatten().collect();
    let mut served = HashMap::new();
    let (answered, failures): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.code.is_none());
    for outcome in answered {
        *served.entry(outcome.backend().unwrap().to_owned()).or_default() += 1;
    }
    (failures, served)
}

/// A server that takes a moment for its answer.
async fn slow_server() -> ScriptedServer {
    ScriptedServer::directed(|request| {
        let mut script = vec![Step::Pause(Duration::from_millis(5))];
        script.extend(well("x", request));
        script
    })
    .await
}

#[tokio::test]
async fn of_two_servers_that_are_well_both_serve() {
    let (first, second) = (well_server("x").await, well_server("x").await);
    let stack = stack(&first, &second, "").await;
    let (failures, served) = ask_often(&stack, 320).await;
    assert!(failures.is_empty(), "{failures:?}");
    assert!(served["one"] > 40 && served["two"] > 40, "{served:?}");
}

#[tokio::test]
async fn when_one_of_two_was_killed_nothing_fails_that_was_not_sent() {
    let (first, second) = (well_server("x").await, well_server("x").await);
    let stack = stack(&first, &second, "").await;
    assert!(ask_often(&stack, 64).await.0.is_empty());
    drop(first);
    // Once it is known to be gone: what was sent before is another matter.
    let is_gone = async {
        loop {
            let parts = stack.get("/readyz").await.json()["parts"].take();
            if parts.as_array().unwrap().iter().any(|part| part["name"] == "one" && part["ok"] == json!(false)) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), is_gone).await.expect("it goes on");
    let (failures, served) = ask_often(&stack, 320).await;
    assert!(failures.is_empty(), "{failures:?}");
    assert_eq!(served, HashMap::from([("two".to_owned(), 320)]));
}

#[tokio::test]
async fn when_one_of_two_safe_servers_is_killed_nothing_fails_at_all() {
    let (first, second) = (slow_server().await, slow_server().await);
    let stack = stack(&first, &second, ", retry: safe").await;
    let asking = {
        let stack = Arc::clone(&stack);
        tokio::spawn(async move { ask_often(&stack, 800).await })
    };
    first.chats_came(100).await;
    drop(first);
    let (failures, served) = asking.await.unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    assert!(served["two"] > 400, "{served:?}");
}

#[tokio::test]
async fn connections_that_the_server_closes_are_no_ones_trouble() {
    for way in Way::ALL {
        let server = ScriptedServer::directed(|request| {
            let mut script = well("x", request);
            script.push(Step::Close);
            script
        })
        .await;
        let text = models(&[("one", &server.base_url(), "")], "  - {alias: asked, upstream: one}\n");
        let stack = Stack::builder().models(&text).start().await;
        for _ in 0..100 {
            let outcome = ask(&stack, way, "asked", "x").await;
            assert_eq!(outcome.code(), None, "{way:?}: {outcome:?}");
        }
        assert_eq!(server.chats().len(), 100);
    }
}
