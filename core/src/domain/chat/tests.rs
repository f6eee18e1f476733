use gateway_proto::ErrorCode;
use serde_json::{Value, json};

use super::*;

/// A request in its JSON form, of the members that are caller JSON; the rest is set by the test.
fn request(body: &Value) -> JsonRequest {
    let texts = |name: &str| -> Vec<Bytes> {
        body[name].as_array().into_iter().flatten().map(|value| value.to_string().into()).collect()
    };
    let text = |name: &str| body.get(name).map(|value| Bytes::from(value.to_string())).unwrap_or_default();
    JsonRequest {
        messages: texts("messages"),
        tools: texts("tools"),
        tool_choice: text("tool_choice"),
        response_format: text("response_format"),
        parameters: ChatRequest {
            model: "demo".to_owned(),
            logit_bias_json: text("logit_bias"),
            metadata_json: text("metadata"),
            audio_json: text("audio"),
            prediction_json: text("prediction"),
            web_search_options_json: text("web_search_options"),
            functions_json: text("functions"),
            function_call_json: text("function_call"),
            ..ChatRequest::default()
        },
    }
}

/// A request of one good message and the members of `more`.
fn chat(more: Value) -> JsonRequest {
    let mut body = json!({"messages": [{"role": "user", "content": "x"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request(&body)
}

fn param_of(request: &JsonRequest) -> (ErrorCode, String) {
    let error = check_request(request, OtherTools::NONE).expect_err(&format!("{request:?}"));
    (error.code(), error.param().unwrap_or_default().to_owned())
}

fn invalid(param: &str) -> (ErrorCode, String) {
    (ErrorCode::InvalidField, param.to_owned())
}

fn missing(param: &str) -> (ErrorCode, String) {
    (ErrorCode::MissingField, param.to_owned())
}

fn function(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

#[test]
fn model_and_messages_are_required() {
    assert_eq!(param_of(&JsonRequest::default()), missing("model"));
    assert_eq!(param_of(&request(&json!({}))), missing("messages"));
    let mut spaced = chat(json!({}));
    spaced.parameters.model = "a b".to_owned();
    assert_eq!(param_of(&spaced), invalid("model"));
    let two = request(&json!({"messages": [{"role": "user", "content": "x"}, {"role": "user"}]}));
    assert_eq!(param_of(&two), missing("messages[1].content"));
}

#[test]
fn good_tools_and_choices_are_taken() {
    for more in [
        json!({"tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true, "x": 1}}]}),
        json!({"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "text"}}}, {"type": "web_search", "function": 7}]}),
        json!({"tools": [function("f")], "tool_choice": "required"}),
        json!({"tools": [function("f")], "tool_choice": function("f")}),
        json!({"tools": [function("f")], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}}),
        json!({"tool_choice": "auto"}),
        json!({"response_format": {"type": "text"}}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": null}}}),
        json!({"response_format": {"type": "grammar", "grammar": "root"}}),
    ] {
        assert!(
            check_request(&chat(more.clone()), OtherTools::NONE).is_ok(),
            "{more}: {:?}",
            check_request(&chat(more.clone()), OtherTools::NONE)
        );
    }
}

#[test]
fn bad_tools_and_choices_are_named() {
    for (more, expected) in [
        (json!({"tools": [{"function": {"name": "f"}}]}), missing("tools[0].type")),
        (json!({"tools": [{"type": "function"}]}), missing("tools[0].function")),
        (json!({"tools": [{"type": "function", "function": {}}]}), missing("tools[0].function.name")),
        (json!({"tools": [function("f"), function("a b")]}), invalid("tools[1].function.name")),
        (json!({"tools": [function(&"x".repeat(65))]}), invalid("tools[0].function.name")),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]}),
            invalid("tools[0].function.parameters"),
        ),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f", "strict": 1}}]}),
            invalid("tools[0].function.strict"),
        ),
        (json!({"tools": [{"type": "custom", "custom": {}}]}), missing("tools[0].custom.name")),
        (json!({"tools": vec![function("f"); 129]}), invalid("tools")),
        (json!({"tool_choice": "required"}), invalid("tool_choice")),
        (json!({"tool_choice": "some"}), invalid("tool_choice")),
        (json!({"tool_choice": 7}), invalid("tool_choice")),
        (json!({"tool_choice": {"type": "function"}}), missing("tool_choice.function")),
        (json!({"tools": [function("f")], "tool_choice": function("g")}), invalid("tool_choice.function.name")),
        (json!({"response_format": "json"}), invalid("response_format")),
        (json!({"response_format": {}}), missing("response_format.type")),
        (json!({"response_format": {"type": "json_schema"}}), missing("response_format.json_schema")),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
            missing("response_format.json_schema.name"),
        ),
        (
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": 1}}}),
            invalid("response_format.json_schema.schema"),
        ),
    ] {
        assert_eq!(param_of(&chat(more.clone())), expected, "{more}");
    }
}

#[test]
fn json_options_are_judged() {
    let labels: serde_json::Map<_, _> = (0..17).map(|number| (number.to_string(), json!("x"))).collect();
    for (more, expected) in [
        (json!({"logit_bias": {"50256": -101}}), invalid("logit_bias.50256")),
        (json!({"logit_bias": {"50256": "x"}}), invalid("logit_bias.50256")),
        (json!({"logit_bias": []}), invalid("logit_bias")),
        (json!({"metadata": labels}), invalid("metadata")),
        (json!({"metadata": {"k": 1}}), invalid("metadata.k")),
        (json!({"metadata": {"k": "x".repeat(513)}}), invalid("metadata.k")),
        (json!({"metadata": {"k".repeat(65): "x"}}), invalid(&format!("metadata.{}", "k".repeat(65)))),
        (json!({"audio": {"voice": "alloy"}}), missing("audio.format")),
        (json!({"audio": {"voice": {}, "format": "wav"}}), missing("audio.voice.id")),
        (json!({"audio": {"voice": "alloy", "format": "midi"}}), invalid("audio.format")),
        (json!({"prediction": {"type": "content"}}), missing("prediction.content")),
        (json!({"prediction": {"type": "other", "content": "x"}}), invalid("prediction.type")),
        (
            json!({"web_search_options": {"search_context_size": "huge"}}),
            invalid("web_search_options.search_context_size"),
        ),
        (json!({"functions": [{}]}), missing("functions[0].name")),
        (json!({"function_call": "some"}), invalid("function_call")),
    ] {
        assert_eq!(param_of(&chat(more.clone())), expected, "{more}");
    }
    let good = json!({
        "logit_bias": {"1": -100, "2": 100.0}, "metadata": {"k": "ä".repeat(512)}, "prediction": {"type": "content", "content": "x"},
        "audio": {"voice": {"id": "v"}, "format": "mp3"}, "web_search_options": {}, "functions": [{"name": "f"}], "function_call": "auto",
    });
    assert!(check_request(&chat(good), OtherTools::NONE).is_ok());
}

#[test]
fn parameters_are_judged() {
    let judge = |set: fn(&mut ChatRequest)| {
        let mut request = chat(json!({}));
        set(&mut request.parameters);
        param_of(&request)
    };
    assert_eq!(judge(|request| request.temperature = Some(2.1)), invalid("temperature"));
    assert_eq!(judge(|request| request.temperature = Some(f64::NAN)), invalid("temperature"));
    assert_eq!(judge(|request| request.top_p = Some(-0.1)), invalid("top_p"));
    assert_eq!(judge(|request| request.frequency_penalty = Some(3.0)), invalid("frequency_penalty"));
    assert_eq!(judge(|request| request.presence_penalty = Some(-3.0)), invalid("presence_penalty"));
    assert_eq!(judge(|request| request.n = Some(0)), invalid("n"));
    assert_eq!(judge(|request| request.n = Some(129)), invalid("n"));
    assert_eq!(judge(|request| request.top_logprobs = Some(2)), invalid("top_logprobs"));
    assert_eq!(judge(|request| request.stop = vec!["x".to_owned(); 5]), invalid("stop"));
    assert_eq!(judge(|request| request.reasoning_effort = Some("extreme".to_owned())), invalid("reasoning_effort"));
    assert_eq!(judge(|request| request.verbosity = Some("loud".to_owned())), invalid("verbosity"));
    assert_eq!(judge(|request| request.service_tier = Some("gold".to_owned())), invalid("service_tier"));
    assert_eq!(
        judge(|request| request.prompt_cache_retention = Some("1h".to_owned())),
        invalid("prompt_cache_retention")
    );
    assert_eq!(
        judge(|request| request.modalities = vec!["text".to_owned(), "smell".to_owned()]),
        invalid("modalities[1]")
    );
    assert_eq!(judge(|request| request.modalities = vec!["audio".to_owned()]), missing("audio"));
    let below = |param: &str| (ErrorCode::MaxTokensBelowMinimum, param.to_owned());
    assert_eq!(judge(|request| request.max_tokens = Some(0)), below("max_tokens"));
    assert_eq!(judge(|request| request.max_completion_tokens = Some(-1)), below("max_completion_tokens"));
    assert_eq!(
        judge(|request| (request.max_tokens, request.max_completion_tokens) = (Some(1), Some(1))),
        invalid("max_tokens")
    );
}

#[test]
fn no_known_member_hides_among_the_unknown_ones() {
    let mut request = chat(json!({}));
    request.parameters.unknown_members_json = r#"{"top_k":5,"mod\u0065l":"other"}"#.into();
    assert_eq!(param_of(&request), invalid("unknown_members_json.model"));
    request.parameters.unknown_members_json = r#"{"top_k":5}"#.into();
    assert!(check_request(&request, OtherTools::NONE).is_ok());
    request.parameters.unknown_members_json = "[1]".into();
    assert_eq!(param_of(&request), invalid("unknown_members_json"));
}
