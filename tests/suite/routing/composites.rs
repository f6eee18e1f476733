//! Aliases that are made of others.

use super::*;

const MODELS: &str = "
  - {alias: image-gen, composite: [nano-banana, gpt-image], constraints: {min_max_tokens: 100}}
  - {alias: nano-banana, upstream: one, upstream_model: google/nano, constraints: {min_max_tokens: 500}}
  - {alias: gpt-image, upstream: two, upstream_model: openai/image}
";

async fn stack(first: &ScriptedServer, second: &ScriptedServer) -> Stack {
    let servers = [("one", &*first.base_url(), ""), ("two", &*second.base_url(), "")];
    Stack::builder().models(&models(&servers, MODELS)).start().await
}

#[tokio::test]
async fn the_first_member_answers_under_the_composites_name() {
    let (first, second) = (well_server("nano").await, well_server("gpt").await);
    let stack = stack(&first, &second).await;
    let body = json!({"model": "image-gen", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]});
    let answer = stack.chat(body).await;
    assert_eq!(
        (answer.json()["model"].as_str(), answer.header("spass-resolved-model")),
        (Some("image-gen"), Some("google/nano"))
    );
    // The floor is the composite's own.
    assert_eq!(answer.header("spass-applied"), Some("max_tokens_floored=100"));
    assert_eq!(body_of(&first.last_chat())["max_tokens"], 100);
    assert_eq!(second.connections(), 0);
}

#[tokio::test]
async fn the_next_member_stands_in_and_is_named() {
    let (first, second) = (ScriptedServer::answering(429, &[], "").await, well_server("gpt").await);
    let stack = stack(&first, &second).await;
    for way in Way::ALL {
        let outcome = ask(&stack, way, "image-gen", "x").await;
        assert_eq!((outcome.text.as_str(), outcome.backend()), ("gpt", Some("two")));
        assert_eq!(outcome.told("spass-resolved-model"), Some("openai/image"));
        assert_eq!(outcome.told("spass-applied"), Some("fallback=gpt-image"));
    }
    // The rest of a model is shared by all aliases that lead to it; alone it is asked all the same.
    assert_eq!(first.chats().len(), 1);
    assert_eq!(ask(&stack, Way::HttpWhole, "nano-banana", "x").await.code(), Some("model_quota_exhausted"));
    assert_eq!(first.chats().len(), 2);
}
