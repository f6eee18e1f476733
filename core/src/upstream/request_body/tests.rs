use gateway_proto::v1::StreamOptions;

use super::*;

fn request(messages: Vec<Bytes>) -> JsonRequest {
    JsonRequest { messages, ..JsonRequest::default() }
}

#[test]
fn what_the_caller_wrote_is_sent_as_it_was_written() {
    let mut request = request(vec![r#"{"role":"user", "content":"\u00e9","z":1.0}"#.into()]);
    request.tools = vec![r#"{"type":"function","function":{"parameters":{"b":1,"a":1e2}}}"#.into()];
    request.parameters = ChatRequest {
        temperature: Some(0.5),
        seed: Some(9_007_199_254_740_993),
        stop: vec!["\n".to_owned()],
        unknown_members_json: r#" {"top_k": 5, "x": {}} "#.into(),
        ..ChatRequest::default()
    };
    assert_eq!(
        String::from_utf8(RequestBody::unary(&request, "org/m", &RequestRules::default()).concat()).unwrap(),
        concat!(
            r#"{"model":"org/m","messages":[{"role":"user", "content":"\u00e9","z":1.0}],"#,
            r#""tools":[{"type":"function","function":{"parameters":{"b":1,"a":1e2}}}],"#,
            r#""temperature":0.5,"stop":"\n","seed":9007199254740993,"top_k": 5, "x": {}}"#
        )
    );
}

#[test]
fn a_stream_is_asked_for_with_its_usage() {
    let options = |members: &'static str| StreamOptions {
        include_usage: Some(false),
        include_obfuscation: Some(false),
        unknown_members_json: members.into(),
    };
    let mut request = request(vec![]);
    let text = |request: &JsonRequest| {
        String::from_utf8(RequestBody::stream(request, "m", &RequestRules::default()).concat()).unwrap()
    };
    let begin = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true"#;
    assert_eq!(text(&request), format!("{begin}}}}}"));
    request.parameters.stream_options = Some(options(r#"{"x":1}"#));
    assert_eq!(text(&request), format!(r#"{begin},"include_obfuscation":false,"x":1}}}}"#));
}

#[test]
fn large_pieces_are_not_copied() {
    let large = Bytes::from(format!(r#"{{"role":"user","content":"{}"}}"#, "x".repeat(COPIED_BYTES)));
    let small = Bytes::from_static(br#"{"role":"user","content":"y"}"#);
    let body = RequestBody::unary(
        &request(vec![small.clone(), large.clone(), large.clone(), small]),
        "m",
        &RequestRules::default(),
    );
    let shared = body.pieces.iter().filter(|piece| piece.as_ptr() == large.as_ptr()).count();
    assert_eq!(shared, 2);
    let whole: serde_json::Value = serde_json::from_slice(&body.concat()).unwrap();
    assert_eq!(whole["messages"].as_array().unwrap().len(), 4);
    assert_eq!(body.size_hint().exact(), Some(body.concat().len() as u64));
}

fn sent(request: &JsonRequest, rules: &RequestRules) -> String {
    String::from_utf8(RequestBody::unary(request, "m", rules).concat()).unwrap()
}

#[test]
fn dropped_parameters_are_not_sent_known_or_not() {
    let mut request = request(vec![]);
    request.tools = vec!["{}".into()];
    request.parameters = ChatRequest {
        temperature: Some(0.5),
        seed: Some(1),
        stop: vec!["a".to_owned()],
        unknown_members_json: r#"{"top_k": 5, "\u0074op_a": {"top_k":1},"min_p":0.10}"#.into(),
        ..ChatRequest::default()
    };
    let drop_params = |names: &[&str]| RequestRules {
        drop_params: names.iter().map(ToString::to_string).collect(),
        ..RequestRules::default()
    };
    let rules = drop_params(&["temperature", "stop", "top_k", "tools", "stream_options"]);
    let expected = r#"{"model":"m","messages":[],"seed":1,"\u0074op_a":{"top_k":1},"min_p":0.10"#;
    assert_eq!(sent(&request, &rules), format!("{expected}}}"));
    let stream = RequestBody::stream(&request, "m", &rules).concat();
    assert_eq!(String::from_utf8(stream).unwrap(), format!(r#"{expected},"stream":true}}"#));
    let rules = drop_params(&["top_k", "top_a", "min_p", "tools"]);
    assert_eq!(sent(&request, &rules), r#"{"model":"m","messages":[],"temperature":0.5,"stop":"a","seed":1}"#);
}

#[test]
fn the_token_limit_has_the_name_that_the_server_knows() {
    for (given, rule, expected) in [
        ((Some(5), None), None, r#""max_tokens":5"#),
        ((Some(5), Some(6)), None, r#""max_tokens":5,"max_completion_tokens":6"#),
        ((Some(5), None), Some(TokenLimitName::MaxCompletionTokens), r#""max_completion_tokens":5"#),
        ((None, Some(6)), Some(TokenLimitName::MaxTokens), r#""max_tokens":6"#),
        ((Some(5), Some(6)), Some(TokenLimitName::MaxCompletionTokens), r#""max_completion_tokens":6"#),
    ] {
        let mut request = request(vec![]);
        (request.parameters.max_tokens, request.parameters.max_completion_tokens) = given;
        let rules = RequestRules { token_limit: rule, ..RequestRules::default() };
        assert_eq!(sent(&request, &rules), format!(r#"{{"model":"m","messages":[],{expected}}}"#));
    }
}

#[test]
fn leading_instructions_become_one_where_the_server_wants_that() {
    const SYSTEM: &str = r#"{"role":"system", "content":"Be \"kind\".","name":"x"}"#;
    const DEVELOPER: &str = r#"{"content":"Be\nbrief.","role":"developer"}"#;
    const PARTS: &str = r#"{"role":"system","content":[{"type":"text","text":"a"},{"type":"text","text":"b"} ]}"#;
    const USER: &str = r#"{"role":"user","content":"Hello","system":1}"#;
    let rules = RequestRules { system_messages: SystemMessages::Merge, ..RequestRules::default() };
    for (messages, expected) in [
        (vec![SYSTEM, DEVELOPER, USER, SYSTEM], format!(r#"{{"role":"system","content":"Be \"kind\".\n\nBe\nbrief."}},{USER},{SYSTEM}"#)),
        (vec![DEVELOPER, PARTS], r#"{"role":"developer","content":[{"type":"text","text":"Be\nbrief."},{"type":"text","text":"a"},{"type":"text","text":"b"} ]}"#.to_owned()),
        (vec![SYSTEM, USER], format!("{SYSTEM},{USER}")),
        (vec![USER, SYSTEM, SYSTEM], format!("{USER},{SYSTEM},{SYSTEM}")),
    ] {
        let request = request(messages.into_iter().map(Bytes::from).collect());
        assert_eq!(sent(&request, &rules), format!(r#"{{"model":"m","messages":[{expected}]}}"#));
    }
}

#[test]
fn large_instructions_are_merged_without_a_copy() {
    let large = Bytes::from(format!(r#"{{"role":"system","content":"{}"}}"#, "x".repeat(COPIED_BYTES + 1)));
    let rules = RequestRules { system_messages: SystemMessages::Merge, ..RequestRules::default() };
    let body = RequestBody::unary(&request(vec![large.clone(), large.clone()]), "m", &rules);
    let within = large.as_ptr_range();
    assert_eq!(body.pieces.iter().filter(|piece| within.contains(&piece.as_ptr())).count(), 2);
    let whole: serde_json::Value = serde_json::from_slice(&body.concat()).unwrap();
    assert_eq!(whole["messages"][0]["content"].as_str().unwrap().len(), 2 * (COPIED_BYTES + 1) + 2);
}
