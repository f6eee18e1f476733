//! A loop that ends by itself.

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, CreateChatCompletionRequest, StreamChatCompletionRequest, StreamOptions,
    assistant_message, message_delta,
};

use super::*;

#[tokio::test]
async fn what_is_remembered_in_one_chat_is_recalled_in_another() {
    for form in FORMS {
        let server = model(vec![
            asks(&[remember("cat", "Mia")]),
            text("Noted."),
            asks(&[recall("cat")]),
            text("Your cat is called Mia."),
            asks(&[("memory_forget", json!({"key": "cat", "visibility": "private"}))]),
            text("Gone."),
        ])
        .await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack).with("spass-user-id", "ann");
        let noted = Came::of(client.chat(form, json!({})).await, form);
        assert_eq!((noted.text.as_str(), noted.finish_reason.as_str()), ("Noted.", Some("stop")));
        assert!(noted.calls.is_empty() && noted.notices.is_empty(), "{noted:?}");
        assert_eq!(client.memory("private").await, ["cat=Mia"]);
        let recalled = Came::of(client.chat(form, json!({})).await, form);
        assert_eq!(recalled.text, "Your cat is called Mia.");
        let sent = bodies(&server);
        let result: Value = serde_json::from_str(results(&sent[3])[0]).unwrap();
        assert_eq!(result, json!({"entries": [{"key": "cat", "value": "Mia", "visibility": "private"}]}));
        Came::of(client.chat(form, json!({})).await, form);
        assert_eq!(client.memory("private").await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_answer_of_several_calls_is_one_answer() {
    for form in FORMS {
        let server = model(vec![
            asks(&[recall("a")]).after("Let me look."),
            asks(&[recall("b")]).after("And once more."),
            text("Nothing."),
        ])
        .await;
        let stack = stack_of(&server).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({})).await, form);
        assert_eq!(came.text, "Let me look.\n\nAnd once more.\n\nNothing.");
        assert_eq!((came.ids.len(), came.roles), (1, 1));
        // The sum over three calls of the model.
        assert_eq!(came.usage, json!({"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39}));
        let sent = bodies(&server);
        assert_eq!(sent.len(), 3);
        // What the model said goes back to it, with its calls and what they gave.
        let roles: Vec<_> = sent[2]["messages"].as_array().unwrap().iter().map(|message| &message["role"]).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "assistant", "tool"]);
        assert_eq!(sent[2]["messages"][1]["content"], "Let me look.");
        assert_eq!(sent[2]["messages"][1]["tool_calls"][0]["id"], "call-0");
        assert_eq!(sent[2]["messages"][2]["tool_call_id"], "call-0");
        // The prefix stays as it was, byte for byte.
        let (second, third) = (sent[1]["messages"].as_array().unwrap(), sent[2]["messages"].as_array().unwrap());
        assert_eq!(second[..], third[..second.len()]);
        assert_eq!(sent[0]["tools"], sent[2]["tools"]);
    }
}

#[tokio::test]
async fn text_comes_before_the_tools_run() {
    let (first, rest) = (text("Wait.").streamed(), text("Done.").streamed());
    let calls = AtomicUsize::new(0);
    let server = ScriptedServer::directed(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        // Its first piece, and then nothing for as long as somebody listens.
        0 => {
            let Step::Send(bytes) = &first[0] else { unreachable!() };
            let text = String::from_utf8(bytes.clone()).unwrap();
            let piece = text.find("data: {\"choices\":[{\"delta\":{}").unwrap_or(text.len() / 2);
            vec![Step::Send(text.as_bytes()[..piece].to_vec()), Step::Hang]
        }
        _ => rest.clone(),
    })
    .await;
    let stack = stack_of(&server).start().await;
    let body = json!({"model": "scripted", "stream": true, "messages": [{"role": "user", "content": "x"}]}).to_string();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/v1/chat/completions", stack.http_url())).bearer_auth(BEARER);
    let request = request.header("content-type", "application/json").header("spass-augment", "server-tools=on");
    let mut answer = request.body(body).send().await.unwrap();
    let mut came = String::new();
    while !came.contains("\"Wa\"") {
        came.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    // Who leaves now ends the call of the model.
    drop(answer);
    server.was_abandoned().await;
}

#[tokio::test]
async fn five_calls_of_one_step_run_and_come_back_in_order() {
    for form in FORMS {
        let keys = ["a", "b", "c", "d", "e"];
        let calls: Vec<_> = keys.iter().map(|key| remember(key, "x")).collect();
        let server = model(vec![asks(&calls), text("Done.")]).await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        assert_eq!(Came::of(client.chat(form, json!({})).await, form).text, "Done.");
        assert_eq!(client.memory("private").await, ["a=x", "b=x", "c=x", "d=x", "e=x"]);
        let sent = bodies(&server);
        let answered =
            sent[1]["messages"].as_array().unwrap().iter().filter_map(|message| message["tool_call_id"].as_str());
        assert_eq!(answered.collect::<Vec<_>>(), ["call-0", "call-1", "call-2", "call-3", "call-4"]);
    }
}

#[tokio::test]
async fn over_grpc_as_over_http() {
    let server = model(vec![asks(&[recall("a")]).after("Let me look."), text("Nothing.")]).await;
    let more = || asks(&[recall("a")]).after("Let me look.");
    let stack = stack_of(&server).start().await;
    let chat = |stream: bool| ChatRequest {
        model: "scripted".to_owned(),
        messages: vec![ChatMessage {
            message_json: json!({"role": "user", "content": "x"}).to_string().into(),
            ..ChatMessage::default()
        }],
        stream_options: stream.then(|| StreamOptions { include_usage: Some(true), ..StreamOptions::default() }),
        ..ChatRequest::default()
    };
    fn with_tools<M>(message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
        request.metadata_mut().insert("spass-augment", "server-tools=on".parse().unwrap());
        request
    }
    let mut client = ChatServiceClient::new(stack.grpc());
    let whole =
        client.create_chat_completion(with_tools(CreateChatCompletionRequest { chat: Some(chat(false)) })).await;
    let whole = whole.unwrap().into_inner().completion.unwrap();
    let said = whole.choices[0].message.clone().unwrap().content;
    assert_eq!(said, Some(assistant_message::Content::Text("Let me look.\n\nNothing.".to_owned())));
    assert_eq!(whole.usage.unwrap().total_tokens, 26);

    let server_of_stream = model(vec![more(), text("Nothing.")]).await;
    let stack = stack_of(&server_of_stream).start().await;
    let mut client = ChatServiceClient::new(stack.grpc());
    let request = with_tools(StreamChatCompletionRequest { chat: Some(chat(true)) });
    let mut answer = client.stream_chat_completion(request).await.unwrap().into_inner();
    let (mut said, mut tokens) = (String::new(), 0);
    while let Some(message) = answer.message().await.unwrap() {
        for chunk in message.chunks {
            tokens += chunk.usage.map_or(0, |usage| usage.total_tokens);
            for delta in chunk.choices.into_iter().filter_map(|choice| choice.delta) {
                assert!(delta.tool_calls.is_empty());
                if let Some(message_delta::Content::Text(text)) = delta.content {
                    said.push_str(&text);
                }
            }
        }
    }
    assert_eq!((said.as_str(), tokens), ("Let me look.\n\nNothing.", 26));
}

#[tokio::test]
async fn unknown_members_of_messages_and_calls_go_back_as_they_were() {
    let call = json!({
        "id": "c", "type": "function", "function": {"name": "memory_recall", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    });
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call], "reasoning_content": "hm"});
    let first = completion_of(&message);
    let calls = AtomicUsize::new(0);
    let server = ScriptedServer::directed(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => first.clone(),
        _ => text("Done.").whole(),
    })
    .await;
    let stack = stack_of(&server).start().await;
    Came::of(Client::new(&stack).chat(Form::Whole, json!({})).await, Form::Whole);
    let back = &bodies(&server)[1]["messages"][1];
    assert_eq!(back["reasoning_content"], "hm");
    assert_eq!(back["tool_calls"][0]["extra_content"], json!({"google": {"thought_signature": "c2ln"}}));
}

fn completion_of(message: &Value) -> Vec<Step> {
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    let body =
        json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length";
    vec![Step::Send(format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes())]
}
