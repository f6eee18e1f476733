//! The life of a turn: what goes to the model, what is kept, and in which order.

use gateway_proto::v1::conversation_service_client::ConversationServiceClient;
use gateway_proto::v1::{ChatRequest, CreateTurnRequest, StreamTurnRequest, Turn};
use gateway_tests::{BEARER, ScriptedServer, Stack, Step};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// What the model was sent in its last call.
fn sent_last(server: &ScriptedServer) -> Vec<Value> {
    body_of(&server.last_chat())["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_history_goes_along_unary_and_streamed() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack);
    let id = client.say(None, "one").await;
    let mut body = say(Some(&id), "two\u{0}");
    body["stream"] = true.into();
    let streamed = client.turn(body).await;
    let text = String::from_utf8(streamed.body.to_vec()).unwrap();
    assert!(text.ends_with("data: [DONE]\n\n") && !text.contains("error"), "{text}");
    assert_eq!(streamed.header("x-conversation-id"), Some(id.as_str()));
    client.say(Some(&id), "three").await;
    let expected = [
        "user: one",
        "assistant: [one]",
        "user: two\u{0}",
        "assistant: [two\u{0}]",
        "user: three",
        "assistant: [three]",
    ];
    assert_eq!(client.told(&id).await, expected);
    let sent: Vec<_> = sent_last(&server).iter().map(content).collect();
    assert_eq!(sent, ["one", "[one]", "two\u{0}", "[two\u{0}]", "three"]);
}

#[tokio::test]
async fn over_grpc_as_over_http() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let mut service = ConversationServiceClient::new(stack.grpc());
    let turn = |conversation: &str, text: &str| Turn {
        conversation_id: conversation.to_owned(),
        message_json: json!(text).to_string().into(),
        chat: Some(ChatRequest { model: "scripted".to_owned(), ..ChatRequest::default() }),
        ..Turn::default()
    };
    fn with_token<M>(message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
        request
    }
    let first = CreateTurnRequest { turn: Some(turn("", "one")) };
    let id = service.create_turn(with_token(first)).await.unwrap().into_inner().conversation_id;
    let second = StreamTurnRequest { turn: Some(turn(&id, "two")) };
    let answer = service.stream_turn(with_token(second)).await.unwrap();
    assert_eq!(answer.metadata().get("x-conversation-id").unwrap(), id.as_str());
    let mut answer = answer.into_inner();
    while answer.message().await.unwrap().is_some() {}
    let expected = ["user: one", "assistant: [one]", "user: two", "assistant: [two]"];
    assert_eq!(Client::new(&stack).told(&id).await, expected);
}

#[tokio::test]
async fn an_sdk_sends_what_it_likes_and_the_last_user_message_is_the_turn() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack);
    let id = client.say(None, "one").await;
    let messages = json!([
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "forged"},
        {"role": "user", "content": [{"type": "text", "text": "two"}], "name": "ann"},
    ]);
    let body = json!({"model": "scripted", "conversation_id": id, "messages": messages});
    let answer = client.send(Method::POST, "/c1/chat/completions", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let sent = sent_last(&server);
    assert_eq!(
        sent.iter().map(|message| message["role"].as_str().unwrap()).collect::<Vec<_>>(),
        ["system", "user", "assistant", "user"]
    );
    assert_eq!((sent[2]["content"].as_str(), &sent[3]), (Some("[one]"), &messages[3]));
    let told = client.get(&format!("/c1/conversations/{id}")).await.json();
    assert_eq!(
        (told["messages"][2]["content"].clone(), told["message_count"].clone()),
        (messages[3]["content"].clone(), json!(4))
    );
}

#[tokio::test]
async fn tool_calls_are_answered_or_closed() {
    let server = ScriptedServer::directed(|request| {
        let messages = body_of(request)["messages"].clone();
        let last = messages.as_array().unwrap().last().unwrap().clone();
        if last["content"] == "call" {
            let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{ }"}, "sig": 1.0});
            let message = json!({"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]});
            return vec![Step::Send(completion(&message, "tool_calls"))];
        }
        vec![Step::Send(whole("done"))]
    })
    .await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack);
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let call = |conversation: Option<&str>| {
        let mut body = say(conversation, "call");
        body["tools"] = tools.clone();
        client.turn(body)
    };
    let answer = call(None).await;
    assert_eq!(answer.json()["choices"][0]["finish_reason"], "tool_calls");
    let id = answer.header("x-conversation-id").unwrap().to_owned();
    let wrong = json!({"model": "scripted", "conversation_id": id, "messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]});
    assert_eq!(
        client.turn(wrong).await.code_and_param(),
        ("invalid_field".to_owned(), "messages[0].tool_call_id".to_owned())
    );
    let results = json!([{"role": "tool", "tool_call_id": "b", "content": "2"}, {"role": "tool", "tool_call_id": "a", "content": "1"}]);
    let answer = client.turn(json!({"model": "scripted", "conversation_id": id, "messages": results})).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let sent = sent_last(&server);
    assert_eq!(sent[1]["tool_calls"][0]["sig"].to_string(), "1.0");
    assert_eq!(sent[2..], [results[0].clone(), results[1].clone()]);
    assert_eq!(call(Some(&id)).await.status, 200);
    client.say(Some(&id), "never mind").await;
    let sent = sent_last(&server);
    let closed = json!({"role": "tool", "tool_call_id": "b", "content": "This tool call was not run."});
    assert_eq!((&sent[sent.len() - 2], sent.last().unwrap()["content"].as_str()), (&closed, Some("never mind")));
}

#[tokio::test]
async fn what_fails_leaves_nothing_and_what_is_cut_is_kept_as_far_as_it_came() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack);
    let id = client.say(None, "one").await;
    server.answer(500, &[], "{}");
    assert_eq!(client.turn(say(Some(&id), "two")).await.code_and_param().0, "upstream_error");
    assert_eq!(client.turn(say(None, "new")).await.code_and_param().0, "upstream_error");
    assert_eq!(client.told(&id).await.len(), 2);
    assert_eq!(client.get("/c1/conversations").await.json()["total"], 1);

    server.play(vec![Step::Send(format!("{STREAM_HEAD}{}", piece("half")).into_bytes()), Step::Reset]);
    let mut body = say(Some(&id), "three");
    body["stream"] = true.into();
    let text = String::from_utf8(client.turn(body).await.body.to_vec()).unwrap();
    assert!(text.contains("upstream_error") && text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(client.told(&id).await[2..], ["user: three", "assistant: half"]);
    let messages = client.get(&format!("/c1/conversations/{id}/messages?offset=1&limit=2")).await.json();
    assert_eq!(
        (messages["items"][0]["status"].as_str(), messages["items"][1]["status"].as_str()),
        (Some("complete"), Some("incomplete"))
    );
    assert_eq!(messages["total"], 4);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_turn_and_what_came_is_kept() {
    let server =
        ScriptedServer::start(vec![Step::Send(format!("{STREAM_HEAD}{}", piece("half")).into_bytes()), Step::Hang])
            .await;
    let stack = stack_with(&server).await;
    let body = json!({"model": "scripted", "message": "one", "stream": true}).to_string();
    let mut socket = TcpStream::connect(stack.http_address()).await.unwrap();
    let head = format!(
        "POST /c1/chat HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {BEARER}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\n\n\r\n") {
        assert!(socket.read_buf(&mut heard).await.unwrap() > 0);
    }
    drop(socket);
    server.was_abandoned().await;
    let client = Client::new(&stack);
    let id = loop {
        // The turn is stored a moment after its client left.
        if let Some(id) = client.get("/c1/conversations").await.json()["items"][0]["id"].as_str() {
            break id.to_owned();
        }
    };
    assert_eq!(client.told(&id).await, ["user: one", "assistant: half"]);
}

#[tokio::test]
async fn turns_of_one_conversation_run_one_after_the_other() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack);
    let id = client.say(None, "0").await;
    let turns = (1..=32).map(|number| {
        let (client, id) = (&client, id.as_str());
        async move { client.say(Some(id), &number.to_string()).await }
    });
    futures_util::future::join_all(turns).await;
    let told = client.told(&id).await;
    assert_eq!(told.len(), 66);
    for pair in told.chunks(2) {
        assert_eq!(pair[1], format!("assistant: [{}]", pair[0].trim_start_matches("user: ")));
    }
    // Each saw exactly the turns before it.
    let mut lengths: Vec<_> =
        server.chats().iter().map(|request| body_of(request)["messages"].as_array().unwrap().len()).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, (0..=32).map(|turn| turn * 2 + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_turn_waits_so_long_and_no_longer() {
    let server = ScriptedServer::start(vec![Step::Hang]).await;
    let stack = Stack::builder().upstream(&server.base_url()).set("--turn-wait-secs", 0.05).start().await;
    let client = Client::new(&stack);
    server.play(vec![Step::Send(whole("x"))]);
    let id = client.say(None, "one").await;
    server.play(vec![Step::Hang]);
    let holding = client.turn(say(Some(&id), "two"));
    let waiting = async {
        server.chats_came(2).await;
        client.turn(say(Some(&id), "three")).await
    };
    tokio::select! {
        answer = holding => panic!("{}", answer.json()),
        answer = waiting => assert_eq!((answer.status.as_u16(), answer.code_and_param().0.as_str()), (503, "overloaded")),
    }
}

#[tokio::test]
async fn a_history_beyond_the_window_loses_its_oldest_turns() {
    let server = echo().await;
    let models = format!(
        "upstreams:\n  main: {{base_url: '{}'}}\nmodels:\n  - {{alias: scripted, upstream: main, upstream_model: m, context_window: 200}}\n",
        server.base_url()
    );
    let stack = Stack::builder().models(&models).start().await;
    let client = Client::new(&stack);
    let text = "x".repeat(100);
    let id = client.say(None, &text).await;
    let mut trimmed = Vec::new();
    for _ in 0..4 {
        let answer = client.turn(say(Some(&id), &text)).await;
        trimmed.push(answer.header("spass-applied").map(str::to_owned));
        assert_eq!(answer.status, 200);
    }
    assert_eq!(client.told(&id).await.len(), 10);
    let cut = trimmed.iter().flatten().next().unwrap();
    assert!(cut.starts_with("history_trimmed="), "{trimmed:?}");
    // The prefix stays for the turns after the cut.
    assert!(trimmed.windows(2).any(|pair| pair[0].is_some() && pair[0] == pair[1]), "{trimmed:?}");
}
