use gateway_proto::v1::{ChatCompletion, FinishReason, assistant_message};

use super::super::completion;
use super::*;

async fn ask(request: Value) -> Result<ChatCompletion, UpstreamError> {
    let context = CallContext { request_id: "r", trace: None, deadline: None };
    completion::read(&complete(request.to_string().as_bytes(), context).await?, "demo")
}

async fn say(text: &str) -> Result<ChatCompletion, UpstreamError> {
    ask(json!({"messages": [{"role": "user", "content": text}]})).await
}

fn text(completion: &ChatCompletion) -> &str {
    match &completion.choices[0].message.as_ref().unwrap().content {
        Some(assistant_message::Content::Text(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn it_repeats_and_says_what_it_is() {
    let completion = say("Hello there").await.unwrap();
    assert!(text(&completion).contains("not a language model") && text(&completion).ends_with("You said: Hello there"));
    assert_eq!(text(&say("Hello there").await.unwrap()), text(&completion));
    assert_eq!(completion.choices[0].finish_reason(), FinishReason::Stop);
    assert_eq!(completion.usage.unwrap().prompt_tokens, 2);
}

#[tokio::test]
async fn help_names_every_command() {
    let help = say("/help").await.unwrap();
    for command in ["/think", "/tool", "/tools", "/image", "/long", "/slow", "/refuse", "/error", "/floor", "/help"] {
        assert!(text(&help).contains(&format!("\n{command} ")), "{command}");
        // Whatever a command does, it does not fall through to the echo.
        if let Ok(completion) = say(&format!("{command} 0")).await {
            assert!(!format!("{completion:?}").contains("You said"), "{command}");
        }
    }
}

#[tokio::test]
async fn the_token_limit_cuts() {
    let request = json!({"messages": [{"role": "user", "content": "/long 10"}], "max_tokens": 3});
    let completion = ask(request).await.unwrap();
    assert_eq!((text(&completion), completion.choices[0].finish_reason()), ("word1 word2 word3", FinishReason::Length));
}

#[tokio::test]
async fn tools_are_asked_for_with_arguments_that_fit() {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}});
    let tools = json!([{"type": "function", "function": {"name": "weather", "parameters": parameters}},
        {"type": "function", "function": {"name": "time"}}]);
    for (message, expected) in [
        ("/tool", vec![("weather", r#"{"city":"demo","days":1}"#)]),
        ("/tool time", vec![("time", "{}")]),
        (r#"/tool time {"zone": 1}"#, vec![("time", r#"{"zone": 1}"#)]),
        ("/tools", vec![("weather", r#"{"city":"demo","days":1}"#), ("time", "{}")]),
    ] {
        let completion =
            ask(json!({"messages": [{"role": "user", "content": message}], "tools": tools})).await.unwrap();
        let calls = &completion.choices[0].message.as_ref().unwrap().tool_calls;
        let found: Vec<_> = calls.iter().map(|call| format!("{:?}", call.call)).collect();
        assert_eq!(found.len(), expected.len());
        for (found, (name, arguments)) in found.iter().zip(expected) {
            assert!(found.contains(&format!("{name:?}")) && found.contains(&format!("{arguments:?}")), "{found}");
        }
        assert_eq!(completion.choices[0].finish_reason(), FinishReason::ToolCalls);
    }
    let answer = ask(json!({"messages": [{"role": "tool", "content": "sunny"}]})).await.unwrap();
    assert_eq!(text(&answer), "The tool answered: sunny");
}

#[tokio::test]
async fn structured_answers_fit_their_schema() {
    let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}, "of": {"enum": ["a", "b"]}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "schema": schema}});
    let request = json!({"messages": [{"role": "user", "content": "x"}], "response_format": format});
    let answer: Value = serde_json::from_str(text(&ask(request).await.unwrap())).unwrap();
    assert_eq!(answer, json!({"ok": true, "of": "a"}));
}

#[tokio::test]
async fn every_kind_of_failure_can_be_had() {
    use UpstreamError::{Malformed, Refused, TimedOut, Unreachable};
    assert!(matches!(say("/error upstream_error").await, Err(Refused { status: 500, message: Some(_), .. })));
    assert!(matches!(say("/error bad_request").await, Err(Refused { status: 400, .. })));
    assert!(matches!(say("/error unauthorized").await, Err(Refused { status: 401, message: None, .. })));
    let quota = say("/error model_quota_exhausted").await;
    assert!(matches!(quota, Err(Refused { status: 429, retry_after: Some(wait), .. }) if wait.as_secs() == 7));
    assert!(matches!(say("/error upstream_timeout").await, Err(TimedOut(Phase::FirstByte))));
    assert!(matches!(say("/error upstream_unavailable").await, Err(Unreachable(_))));
    assert!(matches!(say("/error garbage").await, Err(Malformed(_))));
    assert!(matches!(say("/floor").await, Err(Refused { status: 400, about_token_limit: true, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_ends_at_the_deadline() {
    let body = json!({"messages": [{"role": "user", "content": "/slow 60"}]}).to_string();
    let deadline = Some(tokio::time::Instant::now() + std::time::Duration::from_secs(2));
    let answer = complete(body.as_bytes(), CallContext { request_id: "r", trace: None, deadline }).await;
    assert!(matches!(answer, Err(UpstreamError::TimedOut(Phase::Total))));
    assert!(say("/slow 60").await.is_ok());
}

mod tools;
