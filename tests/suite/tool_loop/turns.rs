//! The loop in turns of stored conversations.

use super::*;

/// Role and content of every message that a conversation keeps.
async fn told(client: &Client<'_>, conversation: &str) -> Vec<String> {
    let found = client.send(Method::GET, &format!("/c1/conversations/{conversation}"), &Value::Null).await.json();
    let line = |message: &Value| {
        let content = message["content"].as_str().unwrap_or("-");
        format!("{}: {content}", message["role"].as_str().unwrap())
    };
    found["messages"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn the_steps_are_kept_and_go_to_the_model_again() {
    for form in FORMS {
        let server =
            model(vec![asks(&[recall("a")]).after("Let me look."), text("Nothing."), text("As I said.")]).await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        let first = client.turn(form, json!({"message": "what is a?"})).await;
        let id = first.header("x-conversation-id").unwrap().to_owned();
        assert_eq!(Came::of(first, form).text, "Let me look.\n\nNothing.");
        assert_eq!(
            told(&client, &id).await,
            ["user: what is a?", "assistant: Let me look.", "tool: {\"entries\":[]}", "assistant: Nothing."]
        );
        let messages = client.send(Method::GET, &format!("/c1/conversations/{id}/messages"), &Value::Null).await.json();
        assert_eq!(messages["total"], 4);
        assert_eq!(messages["items"][1]["tool_calls"][0]["function"]["name"], "memory_recall");
        assert_eq!(messages["items"][2]["tool_call_id"], "call-0");
        Came::of(client.turn(form, json!({"message": "sure?", "conversation_id": id})).await, form);
        let sent = bodies(&server);
        let (second, third) = (sent[1]["messages"].as_array().unwrap(), sent[2]["messages"].as_array().unwrap());
        assert_eq!(second[..], third[..second.len()]);
        assert_eq!(third.len(), 5);
    }
}

#[tokio::test]
async fn what_ends_by_the_cap_or_by_repetition_is_a_history_that_every_model_takes() {
    for form in FORMS {
        let server = model_by(|body| match body["tools"].is_null() {
            true => text("I give up."),
            false => asks(&[recall("a")]).after("Looking."),
        })
        .await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        let answer = client.turn(form, json!({"message": "what is a?"})).await;
        let id = answer.header("x-conversation-id").unwrap().to_owned();
        assert_eq!(Came::of(answer, form).notice(), ("tool_loop_anti_loop_synthesised", 2));
        let kept = told(&client, &id).await;
        assert_eq!(kept[..3], ["user: what is a?", "assistant: Looking.", "tool: {\"entries\":[]}"]);
        // Of the step that was not run, what the model said stands before the answer.
        assert_eq!(kept[3..], ["assistant: Looking.\n\nI give up."]);
    }
}

#[tokio::test]
async fn an_entry_knows_the_turn_that_wrote_it_and_goes_with_it() {
    for form in FORMS {
        let public = json!({"key": "p", "value": "1", "visibility": "public"});
        let server = model_by(move |body| match results(body).len() {
            0 => asks(&[remember("a", "1"), ("memory_remember", public.clone())]),
            2 => {
                let told: Value = serde_json::from_str(results(body)[1]).unwrap();
                let mut confirmed = public.clone();
                confirmed["confirm_token"] = told["confirm_token"].clone();
                asks(&[("memory_remember", confirmed)])
            }
            _ => text("Done."),
        })
        .await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack).with("spass-user-id", "ann");
        let answer = client.turn(form, json!({"message": "remember"})).await;
        let id = answer.header("x-conversation-id").unwrap().to_owned();
        assert_eq!(Came::of(answer, form).text, "Done.");
        client.send(Method::POST, "/v1/memory", &json!({"key": "b", "value": "2", "visibility": "private"})).await;
        let entry = client.send(Method::GET, "/v1/memory/entry?visibility=private&key=a", &Value::Null).await.json();
        assert_eq!((&entry["origin"]["kind"], &entry["origin"]["conversation_id"]), (&"tool".into(), &json!(id)));
        let turn = entry["origin"]["turn_id"].as_str().unwrap().to_owned();
        let messages = client.send(Method::GET, &format!("/c1/conversations/{id}/messages"), &Value::Null).await.json();
        assert_eq!(messages["items"].as_array().unwrap().len(), 7);
        let path = format!("/v1/memory/origin/{id}/{turn}");
        // Nobody else's turn.
        let other = Client::new(&stack).with("spass-user-id", "bob");
        assert_eq!(other.send(Method::DELETE, &path, &Value::Null).await.json(), json!({"deleted": 0}));
        assert_eq!(client.send(Method::DELETE, &path, &Value::Null).await.json(), json!({"deleted": 2}));
        assert_eq!(client.memory("private").await, ["b=2"]);
        assert_eq!(client.memory("public").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_turn_that_is_cut_keeps_the_steps_that_were_whole() {
    let cut = text("Half an answ").streamed();
    let step = asks(&[remember("a", "1")]).after("Wait.").streamed();
    let calls = AtomicUsize::new(0);
    let server = ScriptedServer::directed(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => step.clone(),
        _ => {
            let Step::Send(bytes) = &cut[0] else { unreachable!() };
            let sent = String::from_utf8(bytes.clone()).unwrap();
            let end = sent.find("\"finish_reason\":\"stop\"").unwrap();
            let end = sent[..end].rfind("data:").unwrap();
            vec![Step::Send(sent.as_bytes()[..end].to_vec()), Step::Reset]
        }
    })
    .await;
    let stack = stack_of(&server).start().await;
    let client = Client::new(&stack);
    let answer = client.turn(Form::Stream, json!({"message": "remember"})).await;
    let id = answer.header("x-conversation-id").unwrap().to_owned();
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(text.contains("\"upstream_error\""), "{text}");
    assert_eq!(
        told(&client, &id).await,
        [
            "user: remember",
            "assistant: Wait.",
            "tool: {\"stored\":true,\"key\":\"a\",\"visibility\":\"private\"}",
            "assistant: Half an answ",
        ]
    );
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_and_runs_nothing_again() {
    for form in FORMS {
        let server = model(vec![asks(&[recall("a")]), asks(&[recall("a")]), text("Nothing.")]).await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack).with("idempotency-key", "k1");
        let first = Came::of(client.turn(form, json!({"message": "a?"})).await, form);
        let again = Came::of(client.turn(form, json!({"message": "a?"})).await, form);
        assert_eq!((&first.text, first.notice(), &first.usage), (&again.text, again.notice(), &again.usage));
        assert_eq!(server.chats().len(), 3);
    }
}
