//! Tools of the caller beside those of the gateway.

use super::*;

fn own_tool() -> Value {
    json!([{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}])
}

fn weather() -> (&'static str, Value) {
    ("get_weather", json!({"city": "Rome"}))
}

#[tokio::test]
async fn on_v1_a_step_with_a_call_of_the_callers_runs_none_of_the_gateways() {
    for form in FORMS {
        let server = model(vec![asks(&[remember("a", "1"), weather(), remember("b", "1"), weather()])]).await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        let came = Came::of(client.chat(form, json!({"tools": own_tool()})).await, form);
        assert_eq!(came.names(), ["get_weather", "get_weather"]);
        assert_eq!(
            came.calls.iter().map(|call| call["id"].as_str().unwrap()).collect::<Vec<_>>(),
            ["call-1", "call-3"]
        );
        assert_eq!(came.calls[0]["function"]["arguments"], r#"{"city":"Rome"}"#);
        assert_eq!(came.finish_reason, "tool_calls");
        assert_eq!(client.memory("private").await, Vec::<String>::new());
        assert_eq!(server.chats().len(), 1);
    }
}

#[tokio::test]
async fn on_c1_the_gateways_calls_run_and_the_turn_goes_on_with_the_callers_results() {
    for form in FORMS {
        let server = model(vec![asks(&[remember("a", "1"), weather()]).after("One moment."), text("Sunny.")]).await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        let turn = client.turn(form, json!({"message": "weather?", "tools": own_tool()})).await;
        let id = turn.header("x-conversation-id").unwrap().to_owned();
        let came = Came::of(turn, form);
        assert_eq!((came.names(), came.text.as_str()), (vec!["get_weather"], "One moment."));
        assert_eq!(client.memory("private").await, ["a=1"]);
        let result = json!([{"role": "tool", "tool_call_id": "call-1", "content": "sunny"}]);
        let more = json!({"messages": result, "conversation_id": id, "tools": own_tool()});
        assert_eq!(Came::of(client.turn(form, more).await, form).text, "Sunny.");
        let mut messages = bodies(&server)[1]["messages"].as_array().unwrap().clone();
        // What was remembered meanwhile stands before it.
        assert_eq!(messages.remove(0)["role"], "system");
        let of: Vec<_> = messages.iter().map(|message| message["role"].as_str().unwrap()).collect();
        assert_eq!(of, ["user", "assistant", "tool", "tool"]);
        assert_eq!(messages[1]["tool_calls"].as_array().unwrap().len(), 2);
        assert_eq!((&messages[2]["tool_call_id"], &messages[3]["tool_call_id"]), (&"call-0".into(), &"call-1".into()));
    }
}

#[tokio::test]
async fn a_new_message_closes_the_calls_that_wait() {
    let server = model(vec![asks(&[remember("a", "1"), weather()]), text("As you like.")]).await;
    let stack = stack_of(&server).start().await;
    let client = Client::new(&stack);
    let turn = client.turn(Form::Whole, json!({"message": "weather?", "tools": own_tool()})).await;
    let id = turn.header("x-conversation-id").unwrap().to_owned();
    let more = json!({"message": "never mind", "conversation_id": id, "tools": own_tool()});
    assert_eq!(Came::of(client.turn(Form::Whole, more).await, Form::Whole).text, "As you like.");
    let sent = bodies(&server);
    assert!(results(&sent[1])[0].contains("stored"), "{:?}", results(&sent[1]));
    assert_eq!(results(&sent[1])[1], "This tool call was not run.");
}

#[tokio::test]
async fn a_callers_tool_of_the_same_name_wins() {
    let own = json!([{"type": "function", "function": {"name": "memory_recall", "parameters": {"type": "object"}}}]);
    for form in FORMS {
        let server = model(vec![asks(&[recall("a")])]).await;
        let stack = stack_of(&server).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({"tools": own})).await, form);
        assert_eq!(came.names(), ["memory_recall"]);
        let offered = bodies(&server)[0]["tools"].clone();
        let names: Vec<_> = offered.as_array().unwrap().iter().map(|tool| tool["function"]["name"].clone()).collect();
        assert_eq!(names, ["memory_recall", "list_models", "memory_forget", "memory_remember"]);
    }
}
