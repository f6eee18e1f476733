//! How often one server sees a call: at most 1.1 times, whatever it does.

use super::*;

const ONE: &str = "  - {alias: asked, upstream: one}\n";

#[tokio::test]
async fn a_safe_server_sees_at_most_a_tenth_more_than_was_asked() {
    for (what, script) in [
        ("error", vec![http_answer(500, "", "")]),
        ("reset", vec![Step::Reset]),
        ("garbage", vec![http_answer(200, "", "<html>")]),
        ("busy", vec![http_answer(503, "retry-after: 1\r\n", "")]),
        ("quota", vec![http_answer(429, "", "")]),
    ] {
        let server = ScriptedServer::start(script).await;
        let more = ", retry: safe, breaker: {failures: 0}";
        let stack = Stack::builder().models(&models(&[("one", &server.base_url(), more)], ONE)).start().await;
        for call in 1..=40 {
            let outcome = ask(&stack, Way::ALL[call % 4], "asked", "x").await;
            assert!(outcome.code.is_some(), "{what}: {outcome:?}");
            assert!(server.chats().len() * 10 <= call * 11, "{what}: {} of {call}", server.chats().len());
        }
        let is_repeated = !matches!(what, "busy" | "quota");
        assert_eq!(server.chats().len(), if is_repeated { 44 } else { 40 }, "{what}");
    }
}

#[tokio::test]
async fn a_repetition_that_is_answered_is_an_answer() {
    let failed = std::sync::atomic::AtomicBool::new(false);
    let server = ScriptedServer::directed(move |request| {
        let is_to_fail = String::from_utf8_lossy(&request.body).contains("fail once");
        if is_to_fail && !failed.fetch_xor(true, std::sync::atomic::Ordering::Relaxed) {
            return vec![Step::Reset];
        }
        well("well", request)
    })
    .await;
    let text = models(&[("one", &server.base_url(), ", retry: safe")], ONE);
    let stack = Stack::builder().models(&text).start().await;
    for way in Way::ALL {
        // Ten calls bring in one repetition.
        for _ in 0..10 {
            assert_eq!(ask(&stack, way, "asked", "x").await.code(), None);
        }
        let outcome = ask(&stack, way, "asked", "fail once").await;
        assert_eq!((outcome.code(), outcome.text.as_str(), outcome.told("spass-applied")), (None, "well", None));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_looked_for_again() {
    let text = models(&[("one", &nobody().await, ", breaker: {failures: 2, open_secs: 60}")], ONE);
    let stack = Stack::builder().models(&text).start().await;
    for way in [Way::HttpWhole, Way::GrpcStream] {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!((outcome.code(), outcome.retryable), (Some("upstream_unavailable"), true));
        assert!(outcome.message.contains("No connection"), "{outcome:?}");
    }
    // A call is one failure, however often it looked.
    assert!(ask(&stack, Way::HttpWhole, "asked", "x").await.message.contains("left alone"));
}
