//! Idempotency keys: what is sent again is done once.

use super::*;

#[tokio::test]
async fn the_same_request_is_answered_once() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack).with("idempotency-key", "k");
    for stream in [false, true] {
        for path in ["/c1/chat", "/v1/chat/completions"] {
            let client = Client::new(&stack).with("idempotency-key", &format!("k{stream}"));
            let messages = json!([{"role": "user", "content": "x"}]);
            let body = json!({"model": "scripted", "messages": messages, "stream": stream});
            let before = server.chats().len();
            let (first, second) =
                (client.send(Method::POST, path, &body).await, client.send(Method::POST, path, &body).await);
            assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{}", first.json());
            assert_eq!(first.header("x-conversation-id"), second.header("x-conversation-id"));
            assert_eq!(first.header("spass-resolved-model"), second.header("spass-resolved-model"));
            assert_eq!(first.body, second.body);
            assert_eq!(server.chats().len(), before + 1, "{path}");
        }
    }
    assert_eq!(client.get("/c1/conversations").await.json()["total"], 2);
    let first = client.turn(say(None, "a")).await;
    assert_eq!(first.status, 200);
    let other = client.turn(say(None, "b")).await;
    assert_eq!(other.code_and_param(), ("invalid_field".to_owned(), "headers.idempotency-key".to_owned()));
    let ann = Client::new(&stack).with("idempotency-key", "k").with("spass-user-id", "ann");
    assert_eq!(ann.turn(say(None, "b")).await.status, 200);
    let bad = Client::new(&stack).with("idempotency-key", "a b").turn(say(None, "b")).await;
    assert_eq!(bad.code_and_param(), ("invalid_field".to_owned(), "headers.idempotency-key".to_owned()));
    let path = format!("/c1/conversations/{}", first.header("x-conversation-id").unwrap());
    for _ in 0..2 {
        assert_eq!(client.send(Method::DELETE, &path, &Value::Null).await.status, 204);
    }
    // With the conversation went the answer under its key.
    assert_eq!(client.turn(say(None, "b")).await.status, 200);
}

#[tokio::test]
async fn a_keyed_chat_outlives_its_client_and_conflicts_meanwhile() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    for path in ["/c1/chat", "/v1/chat/completions"] {
        let client = Client::new(&stack).with("idempotency-key", "k");
        let body = json!({"model": "scripted", "messages": [{"role": "user", "content": "x"}]});
        let came = server.chats().len() + 1;
        server.play(vec![Step::Pause(std::time::Duration::from_millis(300)), Step::Send(whole("late"))]);
        tokio::select! {
            answer = client.send(Method::POST, path, &body) => panic!("{}", answer.json()),
            () = server.chats_came(came) => {}
        }
        // The first client is gone, and its chat still runs.
        let conflict = client.send(Method::POST, path, &body).await;
        assert_eq!((conflict.status.as_u16(), conflict.code_and_param().0.as_str()), (409, "idempotency_conflict"));
        assert_eq!((conflict.header("retry-after"), conflict.header("x-should-retry")), (Some("1"), Some("true")));
        let answer = loop {
            let answer = client.send(Method::POST, path, &body).await;
            if answer.status != 409 {
                break answer;
            }
        };
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "late");
        assert_eq!(server.chats().len(), came);
    }
}

#[tokio::test]
async fn what_failed_or_was_cut_is_superseded() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack).with("idempotency-key", "k");
    server.answer(500, &[], "{}");
    let mut body = say(None, "x");
    body["stream"] = true.into();
    assert_eq!(client.turn(body.clone()).await.code_and_param().0, "upstream_error");
    server.play(vec![Step::Send(format!("{STREAM_HEAD}{}", piece("half")).into_bytes()), Step::Reset]);
    let cut = client.turn(body.clone()).await;
    let id = cut.header("x-conversation-id").unwrap().to_owned();
    Client::new(&stack).get(&format!("/c1/conversations/{id}")).await;
    assert_eq!(client.told(&id).await, ["user: x", "assistant: half"]);
    server.play(streamed("all"));
    let again = client.turn(body).await;
    assert_eq!(again.header("x-conversation-id"), Some(id.as_str()));
    assert_eq!(client.told(&id).await, ["user: x", "assistant: all"]);
    assert_eq!(client.get("/c1/conversations").await.json()["total"], 1);
}
