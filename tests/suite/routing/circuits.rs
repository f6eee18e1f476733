//! Circuits: a model of a server that fails several times in a row is left alone, then tried.

use std::time::Duration;

use super::*;

const ONE: &str = "
  - {alias: asked, upstream: one, upstream_model: m1}
  - {alias: other, upstream: one, upstream_model: m2}
";

fn failing(status: u16) -> Vec<Step> {
    vec![http_answer(status, "", r#"{"error":{"message":"Out of order."}}"#)]
}

/// A stack of one server whose circuits open after three failures.
async fn stack(server: &ScriptedServer, open_secs: f64, models_text: &str) -> Stack {
    let more = format!(", breaker: {{failures: 3, open_secs: {open_secs}}}");
    Stack::builder().models(&models(&[("one", &server.base_url(), &more)], models_text)).start().await
}

async fn open_circuit(stack: &Stack, way: Way) {
    for _ in 0..3 {
        assert_eq!(ask(stack, way, "asked", "x").await.code(), Some("upstream_error"));
    }
}

/// What `/readyz` says is wrong with a server.
async fn fault_of(stack: &Stack, upstream: &str) -> String {
    let parts = stack.get("/readyz").await.json()["parts"].take();
    let part = parts.as_array().unwrap().iter().find(|part| part["name"] == upstream).unwrap().clone();
    assert_eq!(part["ok"].as_bool().unwrap(), part["error"] == "");
    part["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_open_circuit_is_unavailable_and_the_server_is_left_alone() {
    for way in Way::ALL {
        let server = ScriptedServer::start(failing(500)).await;
        let stack = stack(&server, 60.0, ONE).await;
        assert_eq!(fault_of(&stack, "one").await, "");
        open_circuit(&stack, way).await;
        for way in Way::ALL {
            let outcome = ask(&stack, way, "asked", "x").await;
            assert_eq!((outcome.code(), outcome.retry_after), (Some("upstream_unavailable"), Some(1)), "{outcome:?}");
            assert!(outcome.retryable && outcome.message.contains("/readyz"), "{outcome:?}");
        }
        assert_eq!(server.chats().len(), 3);
        assert!(fault_of(&stack, "one").await.contains("one of its models"));
        // Another model of the same server has a circuit of its own.
        assert_eq!(ask(&stack, way, "other", "x").await.code(), Some("upstream_error"));
    }
}

#[tokio::test]
async fn a_server_that_is_well_again_is_found_out() {
    for way in Way::ALL {
        let server = ScriptedServer::start(failing(502)).await;
        let stack = stack(&server, 0.05, ONE).await;
        open_circuit(&stack, way).await;
        let seen = server.chats().len();
        let whole = http_answer(200, "", &completion_body("well"));
        let events =
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"well\"},\"finish_reason\":\"stop\"}]}\n\n";
        let streamed = matches!(way, Way::HttpStream | Way::GrpcStream);
        server.play(if streamed { vec![send(stream_head()), send(events), Step::Close] } else { vec![whole] });
        let found_out = async {
            while ask(&stack, way, "asked", "x").await.code().is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found_out).await.expect("it stays open");
        assert_eq!(server.chats().len(), seen + 1, "{way:?}: one call is tried, and it is answered");
        assert_eq!(fault_of(&stack, "one").await, "");
    }
}

#[tokio::test]
async fn a_failed_trial_opens_it_again() {
    let server = ScriptedServer::start(failing(500)).await;
    let stack = stack(&server, 60.0, ONE).await;
    open_circuit(&stack, Way::HttpWhole).await;
    let tried = async {
        while server.chats().len() < 4 {
            let outcome = ask(&stack, Way::HttpWhole, "asked", "x").await;
            assert!(matches!(outcome.code(), Some("upstream_error" | "upstream_unavailable")), "{outcome:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), tried).await.expect("it is not tried again");
    // For twice as long as the first time.
    let outcome = ask(&stack, Way::HttpWhole, "asked", "x").await;
    assert_eq!((outcome.code(), outcome.retry_after), (Some("upstream_unavailable"), Some(2)));
}

#[tokio::test]
async fn what_says_nothing_about_the_server_opens_no_circuit() {
    for status in [400, 401, 404, 422, 429] {
        let server = ScriptedServer::start(failing(status)).await;
        let stack = stack(&server, 60.0, ONE).await;
        for _ in 0..10 {
            let code = ask(&stack, Way::HttpWhole, "asked", "x").await.code;
            assert_ne!(code.as_deref(), Some("upstream_unavailable"), "{status}");
        }
        assert_eq!(server.chats().len(), 10, "{status}");
    }
}

#[tokio::test]
async fn a_breaker_can_be_off() {
    let server = ScriptedServer::start(failing(500)).await;
    let text = models(&[("one", &server.base_url(), ", breaker: {failures: 0}")], ONE);
    let stack = Stack::builder().models(&text).start().await;
    for _ in 0..20 {
        assert_eq!(ask(&stack, Way::HttpWhole, "asked", "x").await.code(), Some("upstream_error"));
    }
    assert_eq!(server.chats().len(), 20);
}

#[tokio::test]
async fn streams_that_break_off_open_it_too() {
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun\"}}]}\n\n";
    let server = ScriptedServer::start(vec![send(stream_head()), send(event), Step::Close]).await;
    let stack = stack(&server, 60.0, ONE).await;
    open_circuit(&stack, Way::HttpStream).await;
    assert_eq!(ask(&stack, Way::GrpcStream, "asked", "x").await.code(), Some("upstream_unavailable"));
    assert_eq!(server.chats().len(), 3);
}

#[tokio::test]
async fn an_open_circuit_leads_to_the_next_tier() {
    let (first, second) = (ScriptedServer::start(failing(500)).await, well_server("second").await);
    let servers =
        [("one", &*first.base_url(), ", breaker: {failures: 3, open_secs: 60}"), ("two", &*second.base_url(), "")];
    let stack = Stack::builder().models(&models(&servers, TWO_TIERS)).start().await;
    open_circuit(&stack, Way::HttpWhole).await;
    for way in Way::ALL {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!((outcome.text.as_str(), outcome.told("spass-applied")), ("second", Some("fallback=asked")));
    }
    assert_eq!((first.chats().len(), second.chats().len()), (3, 4));
    let names: Vec<_> = stack.get("/readyz").await.json()["parts"].as_array().unwrap().to_vec();
    let names: Vec<_> = names.iter().map(|part| part["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["core", "storage", "one", "two"]);
}
