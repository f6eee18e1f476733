//! What a stream says.

use gateway_tests::{Joined, ScriptedServer, Stack};
use serde_json::{Value, json};

use super::{Streamed, closed, request};

/// A server that streams these events, as they stand here.
async fn streaming(events: &str) -> (ScriptedServer, Stack) {
    let server = ScriptedServer::start(closed(events)).await;
    let stack = Stack::builder().upstream(&server.base_url()).start().await;
    (server, stack)
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

#[tokio::test]
async fn chunks_are_handed_on_with_all_that_they_hold() {
    let chunk = |choices: Value| {
        json!({
            "id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 1_760_000_000, "model": "theirs",
            "choices": choices, "system_fingerprint": "fp", "service_tier": "default", "obfuscation": "zz",
            "provider": {"b": 1, "a": [1e2, 9_007_199_254_740_993_u64]},
        })
    };
    let sent = [
        chunk(json!([{"index": 0, "delta": {"role": "assistant", "content": "", "x": null}, "finish_reason": null}])),
        chunk(
            json!([{"index": 0, "delta": {"content": "h\u{2028}\u{85}é\u{1f600}\n"}, "finish_reason": null, "y": 1.50}]),
        ),
        chunk(json!([{"index": 0, "delta": {"reasoning_content": "so"}, "finish_reason": null}])),
        chunk(json!([{"index": 1, "delta": {"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {
            "name": "f", "arguments": "{\"a\":"}, "z": {}}]}, "finish_reason": null}])),
        chunk(json!([{"index": 0, "delta": {"audio": {"data": "AA=="}, "images": [{"type": "image_url"}]},
            "logprobs": {"content": [{"token": "h", "logprob": -0.25, "bytes": [104], "top_logprobs": []}], "refusal": null},
            "finish_reason": "stop", "native_finish_reason": "STOP"}])),
    ];
    let events: String = sent.iter().map(event).collect();
    let (_server, stack) = streaming(&format!("{events}data: [DONE]\n\n")).await;
    let streamed = Streamed::of(&stack.chat(request("x", json!({}))).await);
    assert_eq!(streamed.code(), None);
    assert_eq!(streamed.chunks.len(), sent.len());
    for (chunk, mut expected) in streamed.chunks.into_iter().zip(sent) {
        expected["model"] = json!("scripted");
        assert_eq!(chunk, expected);
    }
}

#[tokio::test]
async fn events_are_read_by_the_rules() {
    let chunk = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
    let events = format!(
        "\u{feff}: hello\r\n\r\nevent: message\r\nid: 1\r\nretry: 5\r\ndata:{}\r\n\r\nevent: ping\n\ndata:\n\n: {}\n\
         data: {{\"choices\":\ndata: [{{\"delta\":{{\"content\":\"b\"}},\"finish_reason\":\"stop\"}}]}}\r\rdata:[DONE]\n\n",
        chunk("a"),
        "comment".repeat(5000),
    );
    let (_server, stack) = streaming(&events).await;
    let answer = stack.chat(request("x", json!({}))).await;
    let streamed = Streamed::of(&answer);
    assert_eq!((streamed.text().as_str(), streamed.code()), ("ab", None), "{streamed:?}");
    // What the server left out is made up, once.
    assert!(streamed.chunks[0]["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert_eq!(streamed.chunks[0]["id"], streamed.chunks[1]["id"]);
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
        ("spass-resolved-model", "scripted"),
        ("spass-resolved-backend", "upstream"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
    assert!(answer.header("x-request-id").is_some() && answer.header("x-ratelimit-remaining-requests").is_some());
}

#[tokio::test]
async fn usage_is_always_asked_for_and_told_to_those_who_asked() {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12});
    let events =
        event(&json!({"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "usage": null}))
            + &event(&json!({"choices": [], "usage": usage}))
            + "data: [DONE]\n\n";
    let (server, stack) = streaming(&events).await;
    let sent = || serde_json::from_slice::<Value>(&server.last_chat().body).unwrap();

    for options in [json!({}), json!({"stream_options": null}), json!({"stream_options": {"include_usage": false}})] {
        let streamed = Streamed::of(&stack.chat(request("x", options.clone())).await);
        assert_eq!(streamed.chunks.len(), 1, "{options}");
        assert!(streamed.chunks[0].get("usage").is_none(), "{options}");
        assert_eq!(
            (sent()["stream"].clone(), sent()["stream_options"].clone()),
            (json!(true), json!({"include_usage": true}))
        );
    }
    let options = json!({"stream_options": {"include_usage": true, "include_obfuscation": false, "their_own": [1]}});
    let streamed = Streamed::of(&stack.chat(request("x", options.clone())).await);
    assert_eq!(sent()["stream_options"], options["stream_options"]);
    assert_eq!(streamed.chunks[0].get("usage"), Some(&Value::Null));
    assert_eq!(streamed.chunks[1]["choices"], json!([]));
    assert_eq!(streamed.chunks[1]["usage"]["total_tokens"], 12);
    assert_eq!(streamed.chunks.len(), 2);

    let refused = stack
        .chat(json!({"model": "scripted", "messages": [{"role": "user", "content": "x"}], "stream_options": {}}))
        .await;
    assert_eq!(refused.code_and_param(), ("invalid_field".to_owned(), "stream_options".to_owned()));
}

#[tokio::test]
async fn a_usage_chunk_with_an_empty_choice_is_one_without() {
    // As LiteLLM sends it.
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let events = event(&end) + &event(&json!({"choices": [{"index": 0, "delta": {}}], "usage": usage}));
    let (_server, stack) = streaming(&(events + "data: [DONE]\n\n")).await;
    assert_eq!(Streamed::of(&stack.chat(request("x", json!({}))).await).chunks.len(), 1);
    let asked = request("x", json!({"stream_options": {"include_usage": true}}));
    let streamed = Streamed::of(&stack.chat(asked).await);
    assert_eq!((&streamed.chunks[1]["choices"], &streamed.chunks[1]["usage"]), (&json!([]), &usage));
}

#[tokio::test]
async fn what_the_demo_streams_is_what_it_answers() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"b": {"type": "number"}}}}});
    for joined in Joined::ALL {
        let stack = Stack::builder().joined(joined).start().await;
        for (content, more) in [
            ("Hello there", json!({})),
            ("Hello there", json!({"n": 3, "logprobs": true, "top_logprobs": 1, "service_tier": "flex"})),
            ("Hello there", json!({"max_tokens": 20, "response_format": format})),
            ("/think about it", json!({})),
            ("/tool", json!({"tools": [tool("f")]})),
            ("/tools", json!({"tools": [tool("f"), tool("g")], "n": 2})),
            ("/image", json!({})),
            ("/refuse", json!({})),
            ("/long 2000", json!({"max_completion_tokens": 1500})),
        ] {
            let mut body = request(content, more);
            body["model"] = json!("demo");
            let streamed = Streamed::of(&stack.chat(&body).await);
            body["stream"] = json!(false);
            let whole = stack.chat(&body).await.json();
            assert_eq!(streamed.code(), None, "{content}");
            let choices = whole["choices"].as_array().unwrap();
            for choice in choices {
                let (message, finish_reason) = joined_message(&streamed.chunks, &choice["index"]);
                assert_eq!(message, choice["message"], "{content}");
                assert_eq!(finish_reason, choice["finish_reason"], "{content}");
            }
        }
    }
}

/// Puts the deltas of an answer together, as a client does.
fn joined_message(chunks: &[Value], index: &Value) -> (Value, Value) {
    let mut message = json!({"content": null, "refusal": null});
    let mut finish_reason = Value::Null;
    let choices = chunks.iter().flat_map(|chunk| chunk["choices"].as_array().unwrap());
    for choice in choices.filter(|choice| choice["index"] == *index) {
        assert!(finish_reason.is_null(), "something comes after the end");
        finish_reason = choice["finish_reason"].clone();
        for (name, value) in choice["delta"].as_object().unwrap() {
            match (name.as_str(), value) {
                ("tool_calls", Value::Array(calls)) => calls.iter().for_each(|call| add_call(&mut message, call)),
                // The first piece is empty, also of an answer that has no content.
                (_, Value::String(piece)) if piece.is_empty() => {}
                (_, Value::String(piece)) => {
                    let text = message[name].as_str().unwrap_or_default().to_owned();
                    message[name] = json!(text + piece);
                }
                (_, Value::Null) => {}
                (_, value) => message[name] = value.clone(),
            }
        }
    }
    (message, finish_reason)
}

fn add_call(message: &mut Value, piece: &Value) {
    let calls =
        message.as_object_mut().unwrap().entry("tool_calls").or_insert_with(|| json!([])).as_array_mut().unwrap();
    let index = usize::try_from(piece["index"].as_u64().unwrap()).unwrap();
    if index == calls.len() {
        let mut call = piece.clone();
        call.as_object_mut().unwrap().remove("index");
        return calls.push(call);
    }
    let text = calls[index]["function"]["arguments"].as_str().unwrap().to_owned();
    calls[index]["function"]["arguments"] = json!(text + piece["function"]["arguments"].as_str().unwrap());
}
