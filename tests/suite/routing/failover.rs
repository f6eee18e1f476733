//! Where a chat goes after a failure: to the next tier, or nowhere.

use std::time::Duration;

use super::*;

/// What leaves nothing answered: the next is always asked.
const UNANSWERED: [(&str, u16, &str); 2] = [("quota", 429, ""), ("busy", 503, "retry-after: 3\r\n")];

/// What may have been answered, each with its code.
fn answered() -> Vec<(&'static str, Vec<Step>, &'static str)> {
    vec![
        ("error", vec![http_answer(500, "", r#"{"error":{"message":"x"}}"#)], "upstream_error"),
        ("busy without a time", vec![http_answer(503, "", "")], "upstream_error"),
        ("key refused", vec![http_answer(401, "", "")], "upstream_error"),
        ("web page", vec![send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")], "upstream_error"),
        ("reset", vec![Step::Reset], "upstream_error"),
        ("closed", vec![Step::Close], "upstream_error"),
        ("cut", vec![send("HTTP/1.1 200 OK\r\ncontent-length: 60\r\n\r\n{"), Step::Close], "upstream_error"),
        ("silent", vec![Step::Hang], "upstream_timeout"),
        ("silent after its head", vec![send("HTTP/1.1 200 OK\r\n\r\n"), Step::Hang], "upstream_timeout"),
        ("redirect", vec![http_answer(307, "location: http://127.0.0.1:1/\r\n", "")], "upstream_error"),
    ]
}

async fn stack(first: &str, more: &str, second: &ScriptedServer) -> Stack {
    let servers = [("one", first, more), ("two", &second.base_url(), "")];
    let builder = Stack::builder().models(&models(&servers, TWO_TIERS)).set("--upstream-breaker-failures", 0);
    builder.set("--upstream-first-byte-timeout-secs", 0.4).set("--upstream-idle-timeout-secs", 0.4).start().await
}

fn assert_second(outcome: &Outcome, what: &str) {
    assert_eq!((outcome.code(), outcome.text.as_str()), (None, "second"), "{what}: {outcome:?}");
    assert_eq!(outcome.backend(), Some("two"), "{what}");
    assert_eq!(outcome.told("spass-resolved-model"), Some("m2"), "{what}");
    assert_eq!(outcome.told("spass-applied"), Some("fallback=asked"), "{what}");
}

#[tokio::test]
async fn a_server_that_is_well_is_the_only_one_asked() {
    let (first, second) = (well_server("first").await, well_server("second").await);
    let stack = stack(&first.base_url(), "", &second).await;
    for way in Way::ALL {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!((outcome.text.as_str(), outcome.backend()), ("first", Some("one")));
        assert_eq!((outcome.told("spass-resolved-model"), outcome.told("spass-applied")), (Some("m1"), None));
    }
    assert_eq!((first.chats().len(), second.chats().len()), (4, 0));
    assert_eq!(body_of(&first.last_chat())["model"], "m1");
}

#[tokio::test]
async fn what_no_server_can_have_answered_goes_to_the_next_tier() {
    let second = well_server("second").await;
    let stack = stack(&nobody().await, "", &second).await;
    for way in Way::ALL {
        assert_second(&ask(&stack, way, "asked", "x").await, "no connection");
    }
    for (what, status, headers) in UNANSWERED {
        for way in Way::ALL {
            let first = ScriptedServer::start(vec![http_answer(status, headers, "")]).await;
            let before = second.chats().len();
            let stack = super::failover::stack(&first.base_url(), "", &second).await;
            assert_second(&ask(&stack, way, "asked", "x").await, what);
            assert_eq!((first.chats().len(), second.chats().len()), (1, before + 1), "{what}");
            // It rests for as long as it asked, or for a while.
            assert_second(&ask(&stack, way, "asked", "x").await, what);
            assert_eq!((first.chats().len(), second.chats().len()), (1, before + 2), "{what}");
        }
    }
    assert_eq!(body_of(&second.last_chat())["model"], "m2");
}

#[tokio::test]
async fn what_may_have_been_answered_is_not_sent_again() {
    let (first, second) = (ScriptedServer::start(vec![]).await, well_server("second").await);
    let stack = stack(&first.base_url(), "", &second).await;
    let mut calls = 0;
    for (what, script, code) in answered() {
        first.play(script);
        for way in Way::ALL {
            let outcome = ask(&stack, way, "asked", "x").await;
            assert_eq!(outcome.code(), Some(code), "{what} {way:?}: {outcome:?}");
            assert!(!outcome.retryable, "{what} {way:?}");
            calls += 1;
            assert_eq!(first.chats().len(), calls, "{what} {way:?}");
        }
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn after_a_safe_server_the_next_is_asked_whatever_failed() {
    let (first, second) = (ScriptedServer::start(vec![]).await, well_server("second").await);
    let stack = stack(&first.base_url(), ", retry: safe", &second).await;
    let mut calls = 0;
    for (what, script, _) in answered() {
        first.play(script);
        for way in Way::ALL {
            assert_second(&ask(&stack, way, "asked", "x").await, what);
            calls += 1;
            assert_eq!((first.chats().len(), second.chats().len()), (calls, calls), "{what} {way:?}");
        }
    }
    // What is wrong with the request is wrong with it everywhere.
    first.answer(400, &[], r#"{"error":{"message":"Too long."}}"#);
    for way in Way::ALL {
        assert_eq!(ask(&stack, way, "asked", "x").await.code(), Some("upstream_error"));
    }
    assert_eq!(second.chats().len(), calls);
}

#[tokio::test]
async fn nothing_is_sent_again_once_an_event_was_handed_on() {
    let second = well_server("second").await;
    let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begun\"}}]}\n\n";
    for end in [Step::Close, Step::Reset, Step::Hang] {
        // The other side has the event before the end comes.
        let script = vec![send(stream_head()), send(event), Step::Pause(Duration::from_millis(50)), end];
        let first = ScriptedServer::start(script).await;
        let stack = stack(&first.base_url(), ", retry: safe", &second).await;
        for way in [Way::HttpStream, Way::GrpcStream] {
            let outcome = ask(&stack, way, "asked", "x").await;
            assert_eq!((outcome.text.as_str(), outcome.backend()), ("begun", Some("one")));
            assert!(matches!(outcome.code(), Some("upstream_error" | "upstream_timeout")), "{outcome:?}");
        }
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn nothing_is_sent_again_once_the_head_went_out() {
    let (first, second) = (ScriptedServer::start(vec![Step::Hang]).await, well_server("second").await);
    let servers = [("one", &*first.base_url(), ", retry: safe"), ("two", &*second.base_url(), "")];
    let builder = Stack::builder().models(&models(&servers, TWO_TIERS)).set("--stream-head-wait-secs", 0.1);
    let stack = builder.set("--upstream-first-byte-timeout-secs", 0.4).start().await;
    for way in [Way::HttpStream, Way::GrpcStream] {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!((outcome.code(), outcome.backend()), (Some("upstream_timeout"), Some("one")), "{outcome:?}");
    }
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_followed_by_nobody() {
    let (trap, second) = (well_server("trapped").await, well_server("second").await);
    let script = vec![http_answer(307, &format!("location: {}/chat/completions\r\n", trap.base_url()), "")];
    let first = ScriptedServer::start(script).await;
    let stack = stack(&first.base_url(), ", retry: safe", &second).await;
    for way in Way::ALL {
        assert_second(&ask(&stack, way, "asked", "x").await, "redirect");
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn where_all_fail_the_last_failure_is_told_alike_over_both_wires() {
    let second = ScriptedServer::start(vec![http_answer(429, "retry-after: 7\r\n", "")]).await;
    let stack = stack(&nobody().await, "", &second).await;
    let mut messages = Vec::new();
    for way in Way::ALL {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!((outcome.code(), outcome.retry_after), (Some("model_quota_exhausted"), Some(7)), "{outcome:?}");
        assert!(outcome.retryable);
        messages.push(outcome.message);
    }
    assert!(messages.windows(2).all(|pair| pair[0] == pair[1]), "{messages:?}");
    assert_eq!(second.chats().len(), 4);
}
