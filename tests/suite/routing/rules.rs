//! What each server wants written differently.

use super::*;

#[tokio::test]
async fn each_server_is_sent_what_it_takes() {
    let first = ScriptedServer::answering(429, &[], "").await;
    let second = well_server("second").await;
    let servers = [
        ("one", &*first.base_url(), ", drop_params: [seed, top_k], token_limit: max_tokens"),
        ("two", &*second.base_url(), ", token_limit: max_completion_tokens, system_messages: merge"),
    ];
    let stack = Stack::builder().models(&models(&servers, TWO_TIERS)).start().await;
    let system = |text: &str| json!({"role": "system", "content": text});
    let messages = json!([system("a"), system("b"), {"role": "user", "content": "x"}, system("c")]);
    let body = json!({"model": "asked", "messages": messages, "max_completion_tokens": 50, "seed": 1, "top_k": 5, "min_p": 0.1});
    assert_eq!(stack.chat(body).await.status, 200);

    let sent = body_of(&first.last_chat());
    assert_eq!((&sent["messages"], &sent["max_tokens"], &sent["min_p"]), (&messages, &json!(50), &json!(0.1)));
    assert!(["seed", "top_k", "max_completion_tokens"].iter().all(|name| sent.get(name).is_none()), "{sent}");

    let sent = body_of(&second.last_chat());
    let merged = json!([system("a\n\nb"), {"role": "user", "content": "x"}, system("c")]);
    assert_eq!((&sent["messages"], &sent["max_completion_tokens"], &sent["seed"]), (&merged, &json!(50), &json!(1)));
    assert_eq!((&sent["top_k"], sent.get("max_tokens")), (&json!(5), None));
}

#[tokio::test]
async fn a_server_of_which_nothing_is_known_is_spared_a_second_system_message() {
    let server = well_server("well").await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let messages = json!([{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "user", "content": "x"}]);
    assert_eq!(stack.chat(json!({"model": "scripted", "messages": messages})).await.status, 200);
    let sent = body_of(&server.last_chat())["messages"].take();
    assert_eq!(sent, json!([{"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "x"}]));
}

#[tokio::test]
async fn a_server_is_sent_the_operators_headers_with_every_request() {
    let server = well_server("well").await;
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "canary\n").unwrap();
    let more = format!(", headers: {{x-title: The gateway, x-secret: {{file: '{}'}}}}", secret.path().display());
    let text = models(&[("one", &server.base_url(), &more)], "  - {alias: asked, upstream: one}\n");
    let stack = Stack::builder().models(&text).start().await;
    for way in Way::ALL {
        let outcome = ask(&stack, way, "asked", "x").await;
        assert_eq!(outcome.text, "well");
        let sent = server.last_chat();
        assert_eq!((sent.header("x-title"), sent.header("x-secret")), (Some("The gateway"), Some("canary")));
        assert!(!format!("{outcome:?}").contains("canary"));
    }
}
