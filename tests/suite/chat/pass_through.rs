//! What the caller wrote reaches the model server byte for byte, and what the model server adds reaches the caller.

use gateway_tests::{ScriptedServer, Stack};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// JSON text in spellings that a parser and printer would change: key order, number spelling, escapes, white space.
fn json_text() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,17})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,6}",
        "-?[1-9](\\.[0-9]{1,3})?[eE][+-]?[0-9]{1,2}",
        Just("9007199254740993".to_owned()),
    ];
    let character = prop_oneof![
        4 => "[a-zA-Z0-9 é日\u{2028}\u{85}/]",
        1 => prop_oneof![
            Just("\\u00e9".to_owned()), Just("\\ud83d\\ude00".to_owned()), Just("\\/".to_owned()), Just("\\n".to_owned()),
            Just("\\\"".to_owned()), Just("\\u0000".to_owned()), Just("\\\\".to_owned()),
        ],
    ];
    let string = prop::collection::vec(character, 0..8).prop_map(|parts| format!("\"{}\"", parts.concat()));
    let leaf =
        prop_oneof![number, string.clone(), Just("null".to_owned()), Just("true".to_owned()), Just("false".to_owned())];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let space = prop_oneof![Just(""), Just(" "), Just("\n\t")];
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), space.clone())
                .prop_map(|(elements, space)| format!("[{space}{}{space}]", elements.join(&format!("{space},")))),
            (prop::collection::vec((string.clone(), inner), 0..4), space).prop_map(|(members, space)| {
                let members: Vec<_> =
                    members.into_iter().map(|(name, value)| format!("{name}{space}:{value}")).collect();
                format!("{{{space}{}{space}}}", members.join(","))
            }),
        ]
    })
}

fn object_text() -> impl Strategy<Value = String> {
    json_text().prop_filter("an object", |text| text.starts_with('{'))
}

/// Runs an async check over random inputs, on one stack and one server.
fn check<S: Strategy>(strategy: S, run: impl AsyncFn(&Stack, &ScriptedServer, S::Value) -> Result<(), TestCaseError>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (stack, server) = runtime.block_on(async {
        let server = ScriptedServer::answering(200, &[], &gateway_tests::completion_body("ok")).await;
        (Stack::builder().upstream(&server.base_url()).start().await, server)
    });
    let mut runner = TestRunner::new(Config::with_cases(64));
    runner.run(&strategy, |value| runtime.block_on(run(&stack, &server, value))).unwrap();
}

#[test]
fn what_the_caller_wrote_reaches_the_model_server_byte_for_byte() {
    let texts = (json_text(), json_text(), json_text(), object_text(), object_text(), json_text());
    check(texts, async |stack, server, (top, in_message, in_part, schema, format_schema, in_tool)| {
        let message = format!(
            r#"{{"x_m":{in_message},"role":"user", "content":[{{"type":"text","text":"\u00e9\/","x_p":{in_part}}},{{"type":"x_kind","x":{in_part}}}]}}"#
        );
        let tool = format!(
            r#"{{"function":{{"parameters":{schema},"name":"f","x_f":{in_tool}}},"type":"function","x_t":{in_tool}}}"#
        );
        let format = format!(r#"{{"json_schema":{{"schema":{format_schema},"name":"n"}},"type":"json_schema"}}"#);
        let unknown = format!(r#""x_top":{top}"#);
        let body = format!(
            r#"{{"model":"scripted",{unknown},"messages":[{message}],"tools":[{tool}],"response_format":{format},"seed":9007199254740993,"logit_bias":{{"50256": -1.50}},"metadata":{{"b":"1","a":"\u00e9"}}}}"#
        );
        let answer = stack.chat(&body).await;
        prop_assert_eq!(answer.status, 200, "{} {}", answer.json(), body);
        let sent = String::from_utf8(server.last_chat().body).unwrap();
        for piece in [
            message,
            tool,
            format,
            unknown,
            r#"{"50256": -1.50}"#.to_owned(),
            r#"{"b":"1","a":"\u00e9"}"#.to_owned(),
            r#""seed":9007199254740993"#.to_owned(),
        ] {
            prop_assert!(sent.contains(&piece), "{} is not in {}", piece, sent);
        }
        Ok(())
    });
}

#[test]
fn what_the_model_server_adds_reaches_the_caller_at_every_depth() {
    let texts = (json_text(), json_text(), json_text(), json_text());
    check(texts, async |stack, server, (top, in_choice, in_message, in_usage)| {
        let answer = format!(
            r#"{{"id":"c","object":"chat.completion","created":1,"model":"m","x_top":{top},"choices":[{{"index":0,"x_c":{in_choice},"finish_reason":"stop",
            "message":{{"role":"assistant","content":"\u00e9","x_m":{in_message},"tool_calls":[{{"id":"1","type":"function","x_t":{in_choice},"function":{{"name":"f","arguments":"{{\"b\": 1.0}}","x_f":{in_message}}}}}]}}}}],
            "usage":{{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"x_u":{in_usage},"prompt_tokens_details":{{"cached_tokens":0,"x_d":{in_usage}}}}}}}"#
        );
        server.answer(200, &[], &answer);
        let found = stack.chat(r#"{"model":"scripted","messages":[{"role":"user","content":"x"}]}"#).await;
        prop_assert_eq!(found.status, 200, "{} {}", found.json(), answer);
        let text = String::from_utf8(found.body.to_vec()).unwrap();
        for (name, value) in [
            ("x_top", &top),
            ("x_c", &in_choice),
            ("x_m", &in_message),
            ("x_t", &in_choice),
            ("x_f", &in_message),
            ("x_u", &in_usage),
            ("x_d", &in_usage),
        ] {
            let piece = format!("\"{name}\":{value}");
            prop_assert!(text.contains(&piece), "{} is not in {}", piece, text);
        }
        let value: Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&value["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"], "{\"b\": 1.0}");
        prop_assert_eq!(&value["choices"][0]["message"]["content"], "é");
        Ok(())
    });
}
