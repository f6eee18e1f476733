//! Turns of stored conversations, and chats under a key, go along the same routes.

use http::Method;

use super::*;

#[tokio::test]
async fn a_turn_is_answered_by_the_next_tier_and_its_key_tells_the_same() {
    let (first, second) = (ScriptedServer::answering(429, &[], "").await, well_server("second").await);
    let servers = [("one", &*first.base_url(), ""), ("two", &*second.base_url(), "")];
    let stack = Stack::builder().models(&models(&servers, TWO_TIERS)).start().await;
    for streamed in [false, true] {
        let body = json!({"model": "asked", "message": "x", "stream": streamed}).to_string();
        let (bearer, key) = (format!("Bearer {BEARER}"), format!("key-{streamed}"));
        let headers = [("authorization", &*bearer), ("content-type", "application/json"), ("idempotency-key", &*key)];
        let sent = second.chats().len();
        for _ in 0..2 {
            let answer = stack.send(Method::POST, "/c1/chat", &headers, body.clone()).await;
            assert!(answer.header("x-conversation-id").is_some());
            let outcome = over_http(&answer);
            assert_eq!((outcome.code(), outcome.text.as_str()), (None, "second"), "{outcome:?}");
            assert_eq!(outcome.told("spass-applied"), Some("fallback=asked"));
            assert_eq!((outcome.backend(), outcome.told("spass-resolved-model")), (Some("two"), Some("m2")));
        }
        assert_eq!(second.chats().len(), sent + 1);
    }
    assert_eq!(first.chats().len(), 1, "it rests");
}
