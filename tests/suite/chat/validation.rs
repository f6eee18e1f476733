//! Bad input gets an error that names the field, before the model server hears of it.

use gateway_tests::{ScriptedServer, Stack, completion_body};
use serde_json::{Value, json};

/// A good chat with some members replaced or added.
fn chat(more: Value) -> Value {
    let mut body = json!({"model": "scripted", "messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn every_field_is_judged_and_named() {
    let server = ScriptedServer::answering(200, &[], &completion_body("ok")).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let invalid = "invalid_field";
    for (more, code, param) in [
        (json!({"model": 7}), invalid, "model"),
        (json!({"model": ""}), "missing_field", "model"),
        (json!({"model": null}), "missing_field", "model"),
        (json!({"model": "a b"}), invalid, "model"),
        (json!({"model": "unknown"}), "model_not_in_allowlist", "model"),
        (json!({"messages": null}), "missing_field", "messages"),
        (json!({"messages": []}), "missing_field", "messages"),
        (json!({"messages": "hi"}), invalid, "messages"),
        (json!({"messages": [{"role": "boss", "content": "x"}]}), invalid, "messages[0].role"),
        (
            json!({"messages": [{"role": "user", "content": "x"}, {"content": "x"}]}),
            "missing_field",
            "messages[1].role",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]}),
            invalid,
            "messages[0].content[0].text",
        ),
        (json!({"temperature": 2.5}), invalid, "temperature"),
        (json!({"temperature": "hot"}), invalid, "temperature"),
        (json!({"top_p": -1}), invalid, "top_p"),
        (json!({"frequency_penalty": 2.1}), invalid, "frequency_penalty"),
        (json!({"presence_penalty": -2.1}), invalid, "presence_penalty"),
        (json!({"n": 0}), invalid, "n"),
        (json!({"n": 1.5}), invalid, "n"),
        (json!({"max_tokens": 0}), "max_tokens_below_minimum", "max_tokens"),
        (json!({"max_completion_tokens": -5}), "max_tokens_below_minimum", "max_completion_tokens"),
        (json!({"max_tokens": "many"}), invalid, "max_tokens"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), invalid, "stop"),
        (json!({"stop": [1]}), invalid, "stop[0]"),
        (json!({"seed": 1e30}), invalid, "seed"),
        (json!({"logprobs": 1}), invalid, "logprobs"),
        (json!({"logprobs": true, "top_logprobs": 21}), invalid, "top_logprobs"),
        (json!({"top_logprobs": 2}), invalid, "top_logprobs"),
        (json!({"logit_bias": {"1": 101}}), invalid, "logit_bias.1"),
        (json!({"tools": [{"type": "function", "function": {"name": "a b"}}]}), invalid, "tools[0].function.name"),
        (json!({"tool_choice": "sometimes"}), invalid, "tool_choice"),
        (json!({"parallel_tool_calls": "yes"}), invalid, "parallel_tool_calls"),
        (json!({"response_format": {"type": "json_schema"}}), "missing_field", "response_format.json_schema"),
        (json!({"reasoning_effort": "extreme"}), invalid, "reasoning_effort"),
        (json!({"verbosity": "loud"}), invalid, "verbosity"),
        (json!({"modalities": ["smell"]}), invalid, "modalities[0]"),
        (json!({"modalities": ["audio"]}), "missing_field", "audio"),
        (json!({"audio": {"voice": "alloy", "format": "midi"}}), invalid, "audio.format"),
        (json!({"prediction": {"type": "content"}}), "missing_field", "prediction.content"),
        (json!({"service_tier": "gold"}), invalid, "service_tier"),
        (json!({"store": "yes"}), invalid, "store"),
        (json!({"metadata": {"k": 1}}), invalid, "metadata.k"),
        (json!({"user": 1}), invalid, "user"),
        (json!({"safety_identifier": 1}), invalid, "safety_identifier"),
        (json!({"prompt_cache_key": {}}), invalid, "prompt_cache_key"),
        (json!({"prompt_cache_retention": "forever"}), invalid, "prompt_cache_retention"),
        (
            json!({"web_search_options": {"search_context_size": "huge"}}),
            invalid,
            "web_search_options.search_context_size",
        ),
        (json!({"stream": "yes"}), invalid, "stream"),
        (json!({"stream_options": {"include_usage": true}}), invalid, "stream_options"),
        (json!({"functions": [{}]}), "missing_field", "functions[0].name"),
        (json!({"function_call": 1}), invalid, "function_call"),
    ] {
        let answer = stack.chat(chat(more.clone())).await;
        assert_eq!(answer.code_and_param(), (code.to_owned(), param.to_owned()), "{more}");
        assert_eq!((answer.status.as_u16(), answer.header("x-should-retry")), (400, Some("false")), "{more}");
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.len() > 15 && message.ends_with('.'), "{message}");
    }
    assert_eq!(server.chats().len(), 0);
}

#[tokio::test]
async fn everything_that_is_documented_is_taken() {
    let server = ScriptedServer::answering(200, &[], &completion_body("ok")).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    let body = chat(json!({
        "temperature": 0, "top_p": 1, "frequency_penalty": -2, "presence_penalty": 2, "n": 2, "max_completion_tokens": 10,
        "stop": ["a", "b"], "seed": -1, "logprobs": true, "top_logprobs": 20, "logit_bias": {"50256": -100},
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}, {"type": "custom", "custom": {"name": "c"}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false,
        "response_format": {"type": "json_object"}, "reasoning_effort": "minimal", "verbosity": "low",
        "modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"},
        "prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}, "service_tier": "flex", "store": false,
        "metadata": {"a": "b"}, "user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
        "web_search_options": {}, "stream": false, "functions": [{"name": "f"}], "function_call": {"name": "f"},
    }));
    let answer = stack.chat(&body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let sent: Value = serde_json::from_slice(&server.last_chat().body).unwrap();
    for (name, value) in body.as_object().unwrap().iter().filter(|(name, _)| *name != "stream") {
        let expected = if name == "temperature" || name == "top_p" { json!(value.as_f64()) } else { value.clone() };
        let found = if sent[name].is_f64() { json!(sent[name].as_f64()) } else { sent[name].clone() };
        assert_eq!(found.to_string().trim_end_matches(".0"), expected.to_string().trim_end_matches(".0"), "{name}");
    }
}

#[tokio::test]
async fn what_is_not_json_says_where() {
    let stack = Stack::demo().await;
    for (body, words) in [
        ("", "line 1, column 1"),
        ("{\n \"model\": \"demo\",\n}", "line 3, column 1"),
        ("[]", "must be an object"),
        ("{\"model\":\"a\",\"model\":\"b\"}", "'model' is given twice"),
        ("{\"a\":1e400}", "too large for a double"),
        ("{\"a\":\"\\udc00\"}", "lone surrogate"),
    ] {
        let answer = stack.chat(body).await;
        assert_eq!((answer.status.as_u16(), answer.code_and_param().0.as_str()), (400, "invalid_json"), "{body}");
        let message = answer.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(words), "{body}: {message}");
    }
    let nested = format!("{{\"model\":\"demo\",\"x\":{}1{}}}", "[".repeat(128), "]".repeat(128));
    assert!(stack.chat(nested).await.error()["message"].as_str().unwrap().contains("nested deeper"));
}

#[tokio::test]
async fn the_body_must_be_json_in_utf8() {
    let stack = Stack::demo().await;
    let body = r#"{"model":"demo","messages":[{"role":"user","content":"x"}]}"#;
    for (content_type, is_taken) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("Application/JSON; charset=\"UTF-8\"", true),
        ("application/vnd.api+json", true),
        ("application/json; charset=latin1", false),
        ("text/plain", false),
        ("application/x-www-form-urlencoded", false),
        ("multipart/form-data; boundary=x", false),
    ] {
        let bearer = format!("Bearer {}", gateway_tests::BEARER);
        let headers = [("authorization", bearer.as_str()), ("content-type", content_type)];
        let answer = stack.send(http::Method::POST, "/v1/chat/completions", &headers, body).await;
        assert_eq!(answer.status == 200, is_taken, "{content_type}: {}", answer.json());
        if !is_taken {
            assert_eq!(answer.code_and_param(), ("invalid_json".to_owned(), "headers.content-type".to_owned()));
        }
    }
}
