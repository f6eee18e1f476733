//! A loop that does not end by itself.

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, CreateChatCompletionRequest, StreamChatCompletionRequest, chunk_notice,
};

use super::*;

/// Whether a request offers tools.
fn has_tools(body: &Value) -> bool {
    !body["tools"].is_null()
}

/// Asks for another key each time it may, and answers when it may not.
async fn insatiable() -> ScriptedServer {
    let count = AtomicUsize::new(0);
    model_by(move |body| match has_tools(body) {
        true => asks(&[recall(&format!("key-{}", count.fetch_add(1, Ordering::Relaxed)))]).after("Looking."),
        false => text("That is all I found."),
    })
    .await
}

#[tokio::test]
async fn ten_steps_and_one_answer_made_of_them() {
    for form in FORMS {
        let server = insatiable().await;
        let stack = stack_of(&server).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({})).await, form);
        assert!(came.text.ends_with("\n\nThat is all I found."), "{}", came.text);
        assert_eq!(came.notice(), ("tool_loop_max_iterations", 10));
        assert_eq!((came.finish_reason.as_str(), came.calls.len()), (Some("stop"), 0));
        let sent = bodies(&server);
        assert_eq!(sent.len(), 11);
        assert!(sent[..10].iter().all(has_tools));
        let last = &sent[10];
        assert!(last["tools"].is_null() && last["tool_choice"].is_null(), "{last}");
        let messages = last["messages"].as_array().unwrap();
        assert!(messages.iter().all(|message| message["role"] != "tool" && message["tool_calls"].is_null()));
        let told = messages[messages.len() - 2]["content"].as_str().unwrap();
        assert!(told.contains("Called memory_recall with {\"key\":\"key-9\"}") && told.contains("Result: {"), "{told}");
        match form {
            Form::Whole => {
                let applied = came.answer.header("spass-applied").unwrap();
                assert_eq!(applied, "tool_loop_max_iterations=10");
                assert_eq!(came.answer.header("x-rust-api-applied"), Some(applied));
            }
            Form::Stream => assert_eq!(came.events, ["spass.tool-cap"]),
        }
    }
}

#[tokio::test]
async fn over_grpc_they_are_notices_of_an_answer_that_is_no_failure() {
    fn with_tools<M>(message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
        request.metadata_mut().insert("spass-augment", "server-tools=on".parse().unwrap());
        request
    }
    for (is_repeating, code) in [(false, "tool_loop_max_iterations"), (true, "tool_loop_anti_loop_synthesised")] {
        let server = if is_repeating { model(vec![asks(&[recall("a")])]).await } else { insatiable().await };
        let stack = stack_of(&server).start().await;
        let message = json!({"role": "user", "content": "x"}).to_string().into();
        let messages = vec![ChatMessage { message_json: message, ..ChatMessage::default() }];
        let chat = Some(ChatRequest { model: "scripted".to_owned(), messages, ..ChatRequest::default() });
        let mut client = ChatServiceClient::new(stack.grpc());
        let whole = client.create_chat_completion(with_tools(CreateChatCompletionRequest { chat: chat.clone() })).await;
        let whole = whole.unwrap();
        let applied = whole.metadata().get("spass-applied").unwrap().to_str().unwrap().to_owned();
        assert!(applied.starts_with(code), "{applied}");
        let completion = whole.into_inner().completion.unwrap();
        assert_eq!(completion.notices.iter().map(|notice| notice.code.as_str()).collect::<Vec<_>>(), [code]);
        let stream = client.stream_chat_completion(with_tools(StreamChatCompletionRequest { chat })).await;
        let mut stream = stream.unwrap().into_inner();
        let mut notices = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            notices.extend(message.chunks.into_iter().filter_map(|chunk| chunk.notice?.notice));
        }
        let told = match (is_repeating, notices.as_slice()) {
            (false, [chunk_notice::Notice::ToolCap(notice)]) | (true, [chunk_notice::Notice::ToolAntiLoop(notice)]) => {
                notice
            }
            (_, other) => panic!("{other:?}"),
        };
        assert_eq!(told, &completion.notices[0]);
    }
}

#[tokio::test]
async fn the_cap_is_a_setting() {
    let server = insatiable().await;
    let stack = stack_of(&server).set("--max-tool-iterations", 3).start().await;
    let came = Came::of(Client::new(&stack).chat(Form::Whole, json!({})).await, Form::Whole);
    assert_eq!((came.notice(), server.chats().len()), (("tool_loop_max_iterations", 3), 4));
}

#[tokio::test]
async fn a_model_that_repeats_itself_is_asked_for_an_answer() {
    for form in FORMS {
        // The same arguments, however they are written.
        let written =
            ["{\"key\":\"a\",\"visibility\":\"private\"}", "{ \"visibility\" : \"private\", \"key\":\"\\u0061\" }"];
        let count = AtomicUsize::new(0);
        let server = model_by(move |body| match has_tools(body) {
            true => asks(&[("memory_recall", written[count.fetch_add(1, Ordering::Relaxed) % 2].into())])
                .after("Once more."),
            false => text("I do not know."),
        })
        .await;
        let stack = stack_of(&server).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({})).await, form);
        assert_eq!(came.text, "Once more.\n\nOnce more.\n\nI do not know.");
        assert_eq!(came.notice(), ("tool_loop_anti_loop_synthesised", 2));
        assert_eq!(server.chats().len(), 3);
        match form {
            Form::Whole => {
                assert_eq!(came.answer.header("spass-applied"), Some("tool_loop_anti_loop_synthesised=2"));
            }
            Form::Stream => assert_eq!(came.events, ["spass.tool-anti-loop"]),
        }
    }
}

#[tokio::test]
async fn to_recall_again_after_a_write_is_no_repetition() {
    for form in FORMS {
        let server =
            model(vec![asks(&[recall("a")]), asks(&[remember("a", "1")]), asks(&[recall("a")]), text("It is 1.")])
                .await;
        let stack = stack_of(&server).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({})).await, form);
        assert_eq!((came.text.as_str(), came.notices.len()), ("It is 1.", 0));
    }
}

#[tokio::test]
async fn it_ends_in_words_even_with_a_model_that_only_calls() {
    for form in FORMS {
        // Whatever it is offered, it asks for the same.
        let server = model(vec![asks(&[recall("a")])]).await;
        let stack = stack_of(&server).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({})).await, form);
        assert!(came.text.starts_with("The tools were called"), "{}", came.text);
        assert_eq!((came.finish_reason.as_str(), came.calls.len()), (Some("stop"), 0));
        assert_eq!(server.chats().len(), 3);
    }
}

#[tokio::test]
async fn after_a_write_no_error_invites_to_send_the_request_again() {
    for (step, retry) in [(asks(&[recall("a")]), "true"), (asks(&[remember("a", "1")]), "false")] {
        let count = AtomicUsize::new(0);
        let server = ScriptedServer::directed(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            0 => step.whole(),
            _ => {
                let body = r#"{"error":{"message":"slow down"}}"#;
                let head = "HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length";
                vec![Step::Send(format!("{head}: {}\r\n\r\n{body}", body.len()).into_bytes())]
            }
        })
        .await;
        let stack = stack_of(&server).start().await;
        let answer = Client::new(&stack).chat(Form::Whole, json!({})).await;
        assert_eq!(answer.code_and_param().0, "model_quota_exhausted");
        assert_eq!(answer.header("x-should-retry"), Some(retry));
    }
}

#[tokio::test]
async fn cost_is_the_sum_of_all_calls_of_the_model() {
    for form in FORMS {
        let server = model(vec![asks(&[recall("a")]), text("Nothing.")]).await;
        let models = format!(
            "upstreams: {{s: {{base_url: \"{}\"}}}}\nmodels: [{{alias: scripted, upstream: s, tools: true, prices: \
             {{input_per_million_usd: 1.0, output_per_million_usd: 2.0}}}}]\n",
            server.base_url()
        );
        let stack = Stack::builder().models(&models).start().await;
        let came = Came::of(Client::new(&stack).chat(form, json!({})).await, form);
        // Twice ten tokens at 1 and three at 2 US dollars per million.
        match form {
            Form::Whole => assert_eq!(came.answer.header("spass-cost-usd"), Some("0.000032")),
            Form::Stream => {
                assert_eq!(came.events, ["spass.cost"]);
                let text = String::from_utf8(came.answer.body.to_vec()).unwrap();
                assert!(text.contains(r#""spass":{"cost_usd":0.000032,"#), "{text}");
            }
        }
    }
}
