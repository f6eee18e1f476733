//! When the gateway's tools are offered, and when not.

use super::*;

const BUILT_IN: [&str; 4] = ["list_models", "memory_forget", "memory_recall", "memory_remember"];

/// The names of the tools that a model was offered last.
fn offered(server: &ScriptedServer) -> Vec<String> {
    let body = body_of(&server.last_chat());
    let name = |tool: &Value| tool["function"]["name"].as_str().unwrap().to_owned();
    body["tools"].as_array().into_iter().flatten().map(name).collect()
}

async fn send(client: &Client<'_>, path: &str, augment: Option<&str>, more: Value) -> HttpAnswer {
    let mut body = json!({"model": "scripted"});
    match path {
        "/c1/chat" => body["message"] = "hello".into(),
        _ => body["messages"] = json!([{"role": "user", "content": "hello"}]),
    }
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let caller = client.0.clone();
    let caller = match augment {
        Some(augment) => caller.with("spass-augment", augment),
        None => caller,
    };
    caller.send(Method::POST, path, &body).await
}

#[tokio::test]
async fn by_default_on_c1_and_on_v1_when_asked_for() {
    let server = model(vec![text("Hi.")]).await;
    let stack = stack_of(&server).start().await;
    let client = Client::new(&stack);
    for (path, augment, is_offered) in [
        ("/c1/chat", None, true),
        ("/c1/chat", Some("server-tools=off"), false),
        ("/v1/chat/completions", None, false),
        ("/v1/chat/completions", Some("server-tools=on"), true),
    ] {
        let answer = send(&client, path, augment, json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(offered(&server), if is_offered { BUILT_IN.to_vec() } else { vec![] }, "{path} {augment:?}");
        let applied = answer.header("spass-augment-applied").unwrap();
        assert!(applied.contains(if is_offered { "server-tools=on" } else { "server-tools=off" }), "{applied}");
    }
}

#[tokio::test]
async fn never_where_the_request_has_no_room_for_them() {
    let server = model(vec![text("Hi.")]).await;
    let stack = stack_of(&server).start().await;
    let client = Client::new(&stack);
    let own = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    for more in [
        json!({"tools": own, "tool_choice": "none"}),
        json!({"tools": own, "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        json!({"n": 2}),
    ] {
        let answer = send(&client, "/v1/chat/completions", Some("server-tools=on"), more.clone()).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert!(offered(&server).iter().all(|name| name == "f"), "{more}");
    }
    let answer = send(&client, "/v1/chat/completions", Some("server-tools=on"), json!({"tools": own})).await;
    assert_eq!((answer.status.as_u16(), offered(&server).len()), (200, 5));
}

#[tokio::test]
async fn a_forced_choice_holds_for_the_first_call() {
    for choice in [json!("required"), json!({"type": "function", "function": {"name": "memory_recall"}})] {
        let server = model(vec![asks(&[recall("a")]), text("Nothing.")]).await;
        let stack = stack_of(&server).start().await;
        let more = json!({"tool_choice": choice});
        let answer = send(&Client::new(&stack), "/v1/chat/completions", Some("server-tools=on"), more).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        let sent = bodies(&server);
        assert_eq!((&sent[0]["tool_choice"], &sent[1]["tool_choice"]), (&choice, &Value::Null));
        // Without tools there is nothing to force.
        let more = json!({"tool_choice": choice});
        let answer = send(&Client::new(&stack), "/v1/chat/completions", None, more).await;
        assert_eq!(answer.code_and_param().0, "invalid_field");
    }
}

#[tokio::test]
async fn a_model_without_tools_gets_none() {
    let server = model(vec![text("Hi.")]).await;
    let models = format!(
        "upstreams: {{s: {{base_url: \"{}\"}}}}\nmodels: [{{alias: scripted, upstream: s, tools: false}}]\n",
        server.base_url()
    );
    let stack = Stack::builder().models(&models).start().await;
    let answer = send(&Client::new(&stack), "/c1/chat", None, json!({})).await;
    assert_eq!((answer.status.as_u16(), offered(&server).len()), (200, 0));
    let answer = send(&Client::new(&stack), "/c1/chat", None, json!({"tool_choice": "required"})).await;
    assert_eq!(answer.code_and_param(), ("invalid_field".to_owned(), "tool_choice".to_owned()));
}

#[tokio::test]
async fn a_server_that_refuses_tools_is_asked_without_them_and_offered_none_from_then_on() {
    for form in FORMS {
        let server = ScriptedServer::directed(move |request| {
            if body_of(request)["tools"].is_null() {
                return if form == Form::Stream { text("Hi.").streamed() } else { text("Hi.").whole() };
            }
            let body = r#"{"error":{"message":"gemma3 does not support tools"}}"#;
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length";
            vec![Step::Send(format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes())]
        })
        .await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        let own = json!([{"type": "function", "function": {"name": "f"}}]);
        // What a caller brings is the caller's affair, and says nothing of the model to others.
        let refused = client.turn(form, json!({"message": "hello", "tools": own})).await;
        assert_eq!(refused.code_and_param().0, "upstream_error");
        for calls in [3, 4] {
            let answer = client.turn(form, json!({"message": "hello"})).await;
            let applied = answer.header("spass-augment-applied").unwrap().to_owned();
            assert!(applied.ends_with("server-tools=off"), "{applied}");
            assert_eq!(Came::of(answer, form).text, "Hi.");
            assert_eq!(server.chats().len(), calls);
        }
    }
}

#[tokio::test]
async fn a_request_that_is_refused_with_and_without_tools_takes_them_from_nobody() {
    for form in FORMS {
        let server = ScriptedServer::directed(move |request| {
            if !body_of(request)["messages"].to_string().contains("bad") {
                return if form == Form::Stream { text("Hi.").streamed() } else { text("Hi.").whole() };
            }
            let body = r#"{"error":{"message":"messages with role 'tool' must follow tool_calls"}}"#;
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length";
            vec![Step::Send(format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes())]
        })
        .await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        assert_eq!(client.turn(form, json!({"message": "bad"})).await.code_and_param().0, "upstream_error");
        assert_eq!(Came::of(client.turn(form, json!({"message": "good"})).await, form).text, "Hi.");
        assert_eq!(offered(&server), BUILT_IN);
    }
}

#[tokio::test]
async fn a_token_says_which_may_be_offered() {
    const TOKENS: &str = "
tokens:
  - {id: some, bound_tenant: acme, role: user, server_tools: [memory_recall, list_*], secrets: [{value: some-secret-of-more-than-32-characters-x}]}
  - {id: none, bound_tenant: acme, role: user, server_tools: [], secrets: [{value: none-secret-of-more-than-32-characters-x}]}
  - {id: idle, bound_tenant: acme, role: user, deny_scopes: [tools:execute], secrets: [{value: idle-secret-of-more-than-32-characters-x}]}
  - {id: open, bound_tenant: acme, role: user, server_tools_on_v1: true, secrets: [{value: open-secret-of-more-than-32-characters-x}]}
";
    let server = model(vec![text("Hi.")]).await;
    let stack = stack_of(&server).tokens(TOKENS).start().await;
    for (token, path, names) in [
        ("some", "/c1/chat", vec!["list_models", "memory_recall"]),
        ("none", "/c1/chat", vec![]),
        ("idle", "/c1/chat", vec![]),
        ("open", "/v1/chat/completions", BUILT_IN.to_vec()),
    ] {
        let bearer = format!("Bearer {token}-secret-of-more-than-32-characters-x");
        let client = Client::new(&stack).with("authorization", &bearer);
        assert_eq!(send(&client, path, None, json!({})).await.status, 200);
        assert_eq!(offered(&server), names, "{token}");
        let listed = client.send(Method::GET, "/v1/tools", &Value::Null).await.json();
        let listed: Vec<_> = listed["items"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
        let expected: Vec<Value> = match token {
            "idle" => BUILT_IN.iter().map(|name| (*name).into()).collect(),
            _ => names.iter().map(|name| (*name).into()).collect(),
        };
        assert_eq!(listed, expected, "{token}");
        if token == "some" {
            let answer = client.execute("memory_forget", json!({"key": "a", "visibility": "private"})).await;
            assert_eq!(answer.code_and_param(), ("invalid_field".to_owned(), "name".to_owned()));
        }
    }
}
