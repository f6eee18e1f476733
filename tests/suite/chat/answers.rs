//! What a chat answers when all is well.

use gateway_tests::{Joined, ScriptedServer, Stack, completion_body};
use serde_json::{Value, json};

const HELLO: &str = r#"{"model":"scripted","messages":[{"role":"user","content":"Hello"}]}"#;

#[tokio::test]
async fn an_answer_comes_however_edge_and_core_are_joined() {
    for joined in Joined::ALL {
        let server = ScriptedServer::answering(200, &[], &completion_body("Hi.")).await;
        let stack = Stack::builder().upstream(&server.base_url()).joined(joined).start().await;
        let answer = stack.chat(HELLO).await;
        assert_eq!(answer.status, 200, "{joined:?}: {:?}", answer.json());
        let body = answer.json();
        assert_eq!(body["choices"][0]["message"]["content"], "Hi.");
        assert_eq!(body["usage"]["total_tokens"], 12);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn the_alias_is_told_and_who_served_is_in_headers() {
    let server = ScriptedServer::answering(200, &[], &completion_body("Hi.")).await;
    let models = format!(
        "upstreams: {{rack-7: {{base_url: '{}'}}}}\nmodels: [{{alias: 'org/small:8b', upstream: rack-7, upstream_model: small-8b-q4}}]",
        server.base_url()
    );
    let stack = Stack::builder().models(&models).start().await;
    let answer = stack.chat(HELLO.replace("scripted", "org/small:8b")).await;
    assert_eq!(answer.json()["model"], "org/small:8b");
    assert_eq!(answer.header("spass-resolved-model"), Some("small-8b-q4"));
    assert_eq!(answer.header("spass-resolved-backend"), Some("rack-7"));
    let sent: Value = serde_json::from_slice(&server.last_chat().body).unwrap();
    assert_eq!(sent["model"], "small-8b-q4");
}

#[tokio::test]
async fn the_request_id_is_taken_over_to_the_model_server() {
    let server = ScriptedServer::answering(200, &[], &completion_body("Hi.")).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let answer = stack.chat_with(&[("x-request-id", "req-1.a:b_c")], HELLO).await;
    assert_eq!(answer.header("x-request-id"), Some("req-1.a:b_c"));
    assert_eq!(answer.header("spass-request-id"), Some("req-1.a:b_c"));
    assert_eq!(server.last_chat().header("x-request-id"), Some("req-1.a:b_c"));
    let answer = stack.chat_with(&[("x-request-id", "not allowed")], HELLO).await;
    assert_ne!(answer.header("x-request-id"), Some("not allowed"));
}

#[tokio::test]
async fn the_upstream_gets_its_own_key_and_nothing_of_the_callers() {
    let server = ScriptedServer::answering(200, &[], &completion_body("Hi.")).await;
    let stack =
        Stack::builder().upstream(&server.base_url()).set("--upstream-api-key", "sk-of-the-operator").start().await;
    stack.chat_with(&[("cookie", "a=b"), ("x-forwarded-for", "1.2.3.4"), ("spass-user-id", "ann")], HELLO).await;
    let chat = server.last_chat();
    assert_eq!(chat.header("authorization"), Some("Bearer sk-of-the-operator"));
    for name in ["cookie", "x-forwarded-for", "spass-user-id", "transfer-encoding"] {
        assert_eq!(chat.header(name), None, "{name}");
    }
    assert_eq!(chat.header("content-length").unwrap(), chat.body.len().to_string());
}

#[tokio::test]
async fn a_low_token_limit_is_raised_and_told() {
    let server = ScriptedServer::answering(200, &[], &completion_body("Hi.")).await;
    let models = format!(
        "upstreams: {{up: {{base_url: '{}'}}}}\nmodels: [{{alias: scripted, upstream: up, constraints: {{min_max_tokens: 200}}}}]",
        server.base_url()
    );
    let stack = Stack::builder().models(&models).start().await;
    for name in ["max_tokens", "max_completion_tokens"] {
        for (asked, sent) in
            [(json!(50), json!(200)), (json!(200), json!(200)), (json!(500), json!(500)), (Value::Null, Value::Null)]
        {
            let answer = stack
                .chat(json!({"model": "scripted", "messages": [{"role": "user", "content": "x"}], name: asked}))
                .await;
            let body: Value = serde_json::from_slice(&server.last_chat().body).unwrap();
            assert_eq!(body[name], sent);
            let told = (asked == 50).then_some("max_tokens_floored=200");
            assert_eq!((answer.header("spass-applied"), answer.header("x-rust-api-applied")), (told, told));
        }
    }
}

#[tokio::test]
async fn lists_of_models_are_read_again() {
    let server = ScriptedServer::answering(200, &[], &completion_body("Hi.")).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let list = stack.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(
        (&list["data"][0]["id"], &list["data"][0]["object"], &list["data"][0]["owned_by"]),
        (&json!("scripted"), &json!("model"), &json!("upstream"))
    );
    assert!(list["data"][0]["created"].as_i64().unwrap() > 1_700_000_000);
    let info = stack.get("/v1/info").await.json();
    assert_eq!(
        info["models"][0],
        json!({"alias": "scripted", "family": null, "context_window": null, "max_output_tokens": null, "tools": true,
            "reasoning": null, "modalities": {"input": ["text", "image"], "output": ["text"]},
            "constraints": {"min_max_tokens": null, "accepts_image_url": false, "typical_response_seconds": null}})
    );
}
