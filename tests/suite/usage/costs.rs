//! What an answer cost is told with it, and booked.

use gateway_proto::v1::chat_service_client::ChatServiceClient;
use gateway_proto::v1::usage_service_client::UsageServiceClient;
use gateway_proto::v1::{
    ChatMessage, ChatRequest, CreateChatCompletionRequest, GetUsageRequest, StreamChatCompletionRequest,
    UsageGranularity, chunk_notice,
};
use gateway_proto::{ApiError, ErrorCode};
use tonic::Request;

use super::*;

/// Events by their names and data; the last one is `[DONE]`.
fn read_events(answer: &HttpAnswer) -> Vec<(Option<String>, Value)> {
    assert_eq!(answer.status, 200, "{}", answer.json());
    let text = std::str::from_utf8(&answer.body).unwrap();
    let text = text.strip_suffix("data: [DONE]\n\n").unwrap_or_else(|| panic!("no end in {text}"));
    let event = |event: &str| {
        let (name, data) = event.split_once("data: ").unwrap();
        let name = name.strip_prefix("event: ").map(|name| name.trim_end().to_owned());
        (name, serde_json::from_str(data).unwrap())
    };
    text.split_terminator("\n\n").map(event).collect()
}

#[tokio::test]
async fn a_whole_answer_tells_its_cost_in_a_header() {
    let usage = json!({"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
        "prompt_tokens_details": {"cached_tokens": 400}});
    let server = ScriptedServer::start(whole("x", Some(usage))).await;
    let stack = stack_of(&server).start().await;
    let answer = stack.chat(body("priced", json!({}))).await;
    assert_eq!(answer.header("spass-cost-usd"), Some("0.000126"));
    assert_eq!(stack.chat(body("free", json!({}))).await.header("spass-cost-usd"), None);
    let row = booked(&stack, "priced", 1).await;
    assert_eq!(
        (&row["estimated_requests"], &row["prompt_tokens"], &row["cached_prompt_tokens"], &row["completion_tokens"]),
        (&json!(0), &json!(1000), &json!(400), &json!(10))
    );
    assert_eq!((&row["cost_usd"], &row["priced_requests"]), (&json!(COST), &json!(1)));
    let row = booked(&stack, "free", 1).await;
    assert_eq!((&row["cost_usd"], &row["priced_requests"]), (&Value::Null, &json!(0)));
}

#[tokio::test]
async fn a_stream_tells_its_cost_in_an_event_before_the_usage() {
    let server = ScriptedServer::start(events(&[PIECE, END, USAGE])).await;
    let stack = stack_of(&server).start().await;
    for asks in [false, true] {
        let options = if asks { json!({"include_usage": true}) } else { Value::Null };
        let answer = stack.chat(body("priced", json!({"stream": true, "stream_options": options}))).await;
        assert_eq!(answer.header("spass-cost-usd"), None);
        let found = read_events(&answer);
        let at = found.iter().position(|(name, _)| name.as_deref() == Some("spass.cost")).unwrap();
        assert_eq!(found.iter().filter(|(name, _)| name.is_some()).count(), 1);
        let (_, cost) = &found[at];
        assert_eq!(cost["spass"], json!({"cost_usd": COST, "estimated": false}));
        assert_eq!(cost["choices"], json!([{"index": 0, "delta": {}, "finish_reason": null}]));
        assert_eq!(
            (&cost["id"], &cost["object"], &cost["created"], &cost["model"]),
            (&json!("c"), &json!("chat.completion.chunk"), &json!(7), &json!("priced"))
        );
        // With usage asked for, its chunk is the last one.
        assert_eq!(at + 1 + usize::from(asks), found.len());
        assert_eq!(found.last().unwrap().1["usage"]["total_tokens"] == 1010, asks);
        let free = read_events(&stack.chat(body("free", json!({"stream": true}))).await);
        assert!(free.iter().all(|(name, _)| name.is_none()));
    }
    assert_eq!(booked(&stack, "priced", 2).await["cost_usd"], json!(2.0 * COST));
}

#[tokio::test]
async fn what_the_server_does_not_tell_is_estimated_and_marked() {
    let server = ScriptedServer::directed(|request| {
        if body_of(request)["stream"] == true { events(&[PIECE, PIECE, END]) } else { whole("abcdefghijklmnop", None) }
    })
    .await;
    let stack = stack_of(&server).start().await;
    let answer = stack.chat(body("priced", json!({}))).await;
    assert!(answer.header("spass-cost-usd").is_some());
    let row = booked(&stack, "priced", 1).await;
    // Sixteen letters are four tokens.
    assert_eq!((&row["estimated_requests"], &row["completion_tokens"]), (&json!(1), &json!(4)));
    let prompt = row["prompt_tokens"].as_u64().unwrap();
    assert!((5..30).contains(&prompt), "{prompt}");
    let found = read_events(&stack.chat(body("priced", json!({"stream": true}))).await);
    let (name, last) = found.last().unwrap();
    assert_eq!((name.as_deref(), &last["spass"]["estimated"]), (Some("spass.cost"), &json!(true)));
    let row = booked(&stack, "priced", 2).await;
    assert_eq!((&row["estimated_requests"], &row["completion_tokens"]), (&json!(2), &json!(8)));
    assert_eq!(row["prompt_tokens"], 2 * prompt);
}

#[tokio::test]
async fn an_answer_that_is_given_again_costs_nothing() {
    let server = ScriptedServer::directed(|request| {
        if body_of(request)["stream"] == true { events(&[PIECE, END, USAGE]) } else { whole("x", Some(used(10, 5))) }
    })
    .await;
    let stack = stack_of(&server).start().await;
    for stream in [false, true] {
        let key = format!("k{stream}");
        let body = body("priced", json!({"stream": stream}));
        let first = stack.chat_with(&[("idempotency-key", &key)], &body).await;
        let again = stack.chat_with(&[("idempotency-key", &key)], &body).await;
        assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
        assert_eq!(again.header("spass-cost-usd"), None);
        if stream {
            let (first, again) = (read_events(&first), read_events(&again));
            assert_eq!(first.iter().filter(|(name, _)| name.is_none()).count(), again.len());
            assert!(again.iter().all(|(name, _)| name.is_none()));
        } else {
            assert!(first.header("spass-cost-usd").is_some());
        }
    }
    assert_eq!(booked(&stack, "priced", 2).await["estimated_requests"], 0);
}

#[tokio::test]
async fn what_a_server_did_nothing_for_is_not_booked() {
    let server = ScriptedServer::answering(503, &[], "{}").await;
    let stack = stack_of(&server).start().await;
    for stream in [false, true] {
        assert_ne!(stack.chat(body("priced", json!({"stream": stream}))).await.status, 200);
    }
    server.play(vec![send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\""), Step::Reset]);
    assert_eq!(stack.chat(body("priced", json!({}))).await.code_and_param().0, "upstream_error");
    // The one that broke may have been billed: it is booked at its reservation.
    let row = booked(&stack, "priced", 1).await;
    assert_eq!((&row["estimated_requests"], &row["completion_tokens"]), (&json!(1), &json!(50)));
}

#[tokio::test]
async fn over_grpc_the_same_is_told() {
    let server = ScriptedServer::directed(|request| {
        if body_of(request)["stream"] == true { events(&[PIECE, END, USAGE]) } else { whole("x", Some(used(10, 5))) }
    })
    .await;
    let stack = stack_of(&server).start().await;
    fn authorized<M>(message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
        request
    }
    let message = ChatMessage { message_json: r#"{"role":"user","content":"x"}"#.into(), ..ChatMessage::default() };
    let chat = ChatRequest { model: "priced".to_owned(), messages: vec![message], ..ChatRequest::default() };
    let mut client = ChatServiceClient::new(stack.grpc());
    let whole = authorized(CreateChatCompletionRequest { chat: Some(chat.clone()) });
    let answer = client.create_chat_completion(whole).await.unwrap();
    // 10 x 150 + 5 x 600 billionths.
    assert_eq!(answer.metadata().get("spass-cost-usd").unwrap(), "0.0000045");
    let stream = authorized(StreamChatCompletionRequest { chat: Some(chat) });
    let mut stream = client.stream_chat_completion(stream).await.unwrap().into_inner();
    let mut told = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        told.extend(message.chunks.into_iter().filter_map(|chunk| chunk.notice?.notice));
    }
    let [chunk_notice::Notice::Cost(cost)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((cost.cost_usd.as_str(), cost.estimated), ("0.000126", false));

    booked(&stack, "priced", 2).await;
    let mut usage = UsageServiceClient::new(stack.grpc());
    let found = usage.get_usage(authorized(GetUsageRequest::default())).await.unwrap().into_inner();
    assert_eq!(found.granularity(), UsageGranularity::Day);
    assert_eq!(found.items.iter().map(|row| row.requests).sum::<u64>(), 2);
    let backwards = GetUsageRequest { from: found.to, to: found.from, ..GetUsageRequest::default() };
    let error = ApiError::from_status(&usage.get_usage(authorized(backwards)).await.unwrap_err()).unwrap();
    let path = format!("/v1/usage?from={}&to={}", found.to.unwrap(), found.from.unwrap());
    let http = stack.get(&path).await;
    assert_eq!((error.code(), error.param()), (ErrorCode::InvalidField, Some("query.from")));
    assert_eq!(http.error()["message"], error.message());
}
