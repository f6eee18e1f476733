//! Quotas of a server: for a while, and for the day.

use super::*;

const MODELS: &str = "
  - {alias: asked, upstream: one, fallbacks: [spare, 'org/other:v1']}
  - {alias: spare, upstream: two}
  - {alias: 'org/other:v1', upstream: two}
  - {alias: lonely, upstream: one, upstream_model: asked}
  - {alias: rescued, tiers: [[{upstream: one, upstream_model: asked}], [{upstream: two}]]}
";
const DAILY: &str = "openrouter_daily_quota_exhausted";
const DAY_SECS: u64 = 86_400;

async fn stack(first: &ScriptedServer, more: &str) -> Stack {
    let second = nobody().await;
    let servers = [("one", &*first.base_url(), more), ("two", &second, "")];
    Stack::builder().models(&models(&servers, MODELS)).start().await
}

/// How long it is until 00:00 UTC, in seconds.
fn until_midnight() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    DAY_SECS - now % DAY_SECS
}

#[tokio::test]
async fn requests_beyond_the_days_number_are_not_sent() {
    for way in Way::ALL {
        let server = well_server("well").await;
        let stack = stack(&server, ", daily_limit: {requests: 2}").await;
        for _ in 0..2 {
            assert_eq!(ask(&stack, way, "asked", "x").await.text, "well");
        }
        let before = until_midnight();
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!(outcome.code(), Some(DAILY), "{outcome:?}");
        assert_eq!(outcome.fallbacks, json!(["spare", "org/other:v1"]));
        let wait = outcome.retry_after.unwrap();
        assert!(wait <= before + 1 && wait + 60 > before, "{wait} instead of {before}");
        assert_eq!(outcome.retryable, wait <= 60);
        // All models of the server share its allowance.
        let lonely = ask(&stack, way, "lonely", "x").await;
        assert_eq!((lonely.code(), &lonely.fallbacks), (Some(DAILY), &json!([])));
        assert_eq!(server.chats().len(), 2);
    }
}

#[tokio::test]
async fn a_servers_429_is_for_the_day_by_its_words_or_its_length() {
    let per_day = r#"{"error":{"message":"Rate limit exceeded: free-models-per-day of Acme","code":429}}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let reset = format!("x-ratelimit-reset: {}\r\n", now.as_millis() + 7_200_000);
    for (headers, body, code, wait) in [
        ("", per_day, DAILY, None),
        ("retry-after: 30\r\n", per_day, DAILY, Some(30)),
        ("retry-after: 3601\r\n", "", DAILY, Some(3601)),
        (&reset, "", DAILY, Some(7200)),
        ("retry-after: 3600\r\n", "", "model_quota_exhausted", Some(3600)),
        ("", "", "model_quota_exhausted", Some(60)),
    ] {
        let server = ScriptedServer::start(vec![http_answer(429, headers, body)]).await;
        let stack = stack(&server, ", daily_limit: {}").await;
        for way in Way::ALL {
            let before = until_midnight();
            let outcome = ask(&stack, way, "asked", "x").await;
            assert_eq!(outcome.code(), Some(code), "{headers}{body} {way:?}: {outcome:?}");
            let (told, expected) = (outcome.retry_after.unwrap(), wait.unwrap_or(before));
            assert!(told <= expected + 1 && told + 60 > expected, "{told} instead of {expected}");
            assert_eq!(outcome.retryable, told <= 60, "{headers}{body}");
            assert!(!outcome.message.contains("Acme"), "{}", outcome.message);
        }
    }
}

#[tokio::test]
async fn without_the_mark_a_429_is_a_quota_of_the_model() {
    let body = r#"{"error":{"message":"Too many requests per day"}}"#;
    let server = ScriptedServer::start(vec![http_answer(429, "retry-after: 7200\r\n", body)]).await;
    let stack = stack(&server, "").await;
    for way in Way::ALL {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!((outcome.code(), outcome.retry_after), (Some("model_quota_exhausted"), Some(7200)));
    }
}

#[tokio::test]
async fn the_same_is_told_over_both_wires() {
    let server = ScriptedServer::start(vec![http_answer(429, "retry-after: 7200\r\n", "")]).await;
    let stack = stack(&server, ", daily_limit: {}").await;
    let mut told = Vec::new();
    for way in Way::ALL {
        let outcome = ask(&stack, way, "asked", "x").await;
        told.push((outcome.code, outcome.message, outcome.retry_after, outcome.retryable, outcome.fallbacks));
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    let http = stack.chat(json!({"model": "asked", "messages": [{"role": "user", "content": "x"}]})).await;
    assert_eq!((http.status.as_u16(), http.code_and_param()), (429, (DAILY.to_owned(), "model".to_owned())));
    assert_eq!(http.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn a_used_allowance_leads_to_the_next_tier() {
    let (first, second) = (well_server("first").await, well_server("second").await);
    let servers = [("one", &*first.base_url(), ", daily_limit: {requests: 1}"), ("two", &*second.base_url(), "")];
    let stack = Stack::builder().models(&models(&servers, MODELS)).start().await;
    assert_eq!(ask(&stack, Way::HttpWhole, "rescued", "x").await.text, "first");
    for way in Way::ALL {
        let outcome = ask(&stack, way, "rescued", "x").await;
        assert_eq!((outcome.text.as_str(), outcome.told("spass-applied")), ("second", Some("fallback=rescued")));
    }
    assert_eq!(first.chats().len(), 1);
}
