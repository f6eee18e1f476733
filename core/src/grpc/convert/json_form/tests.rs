use gateway_proto::v1::{AudioPart, ContentParts, CustomToolCall, FunctionCall, ImageData, ToolCall, tool_call};
use serde_json::{Value, json};

use super::*;
use crate::domain::chat::check_request;
use crate::domain::tools::OtherTools;

fn messages(messages: Vec<ChatMessage>) -> ChatRequest {
    ChatRequest { model: "demo".to_owned(), messages, ..ChatRequest::default() }
}

fn text(role: Role, text: &str) -> ChatMessage {
    let content = Some(chat_message::Content::Text(text.to_owned()));
    ChatMessage { role: role.into(), content, ..ChatMessage::default() }
}

fn value(json: &Bytes) -> Value {
    serde_json::from_slice(json).unwrap()
}

#[test]
fn typed_messages_become_those_of_openai() {
    let part = |part| ContentPart { part: Some(part) };
    let parts = vec![
        part(content_part::Part::Text("look \"here\"".to_owned())),
        part(content_part::Part::Image(ImagePart {
            source: Some(image_part::Source::Data(ImageData {
                mime_type: "image/gif".to_owned(),
                content: "GIF".into(),
            })),
            detail: Some("low".to_owned()),
        })),
        part(content_part::Part::Audio(AudioPart { format: "wav".to_owned(), content: "RIFF".into() })),
        part(content_part::Part::PartJson(r#"{"type":"x","y":1.0}"#.into())),
    ];
    let calls = vec![
        ToolCall {
            id: "1".to_owned(),
            call: Some(tool_call::Call::Function(FunctionCall {
                name: "f".to_owned(),
                arguments: "{}".to_owned(),
                unknown_members_json: "{\"z\":1}".into(),
            })),
            unknown_members_json: "{\"signature\":\"s\"}".into(),
            ..ToolCall::default()
        },
        ToolCall {
            id: "2".to_owned(),
            call: Some(tool_call::Call::Custom(CustomToolCall {
                name: "c".to_owned(),
                input: "i".to_owned(),
                ..CustomToolCall::default()
            })),
            ..ToolCall::default()
        },
    ];
    let request = messages(vec![
        ChatMessage { content: Some(chat_message::Content::Parts(ContentParts { parts })), ..text(Role::User, "") },
        ChatMessage {
            tool_calls: calls,
            unknown_members_json: "{\"w\":[]}".into(),
            content: None,
            ..text(Role::Assistant, "")
        },
        ChatMessage { tool_call_id: Some("1".to_owned()), ..text(Role::Tool, "4") },
        ChatMessage { content: Some(chat_message::Content::ContentJson("null".into())), ..text(Role::Assistant, "") },
    ]);
    let request = json_request(request).unwrap();
    assert_eq!(
        request.messages.iter().map(value).collect::<Vec<_>>(),
        [
            json!({"role": "user", "content": [
                {"type": "text", "text": "look \"here\""},
                {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lG", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
                {"type": "x", "y": 1.0},
            ]}),
            json!({"role": "assistant", "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}", "z": 1}, "signature": "s"},
                {"id": "2", "type": "custom", "custom": {"name": "c", "input": "i"}},
            ], "w": []}),
            json!({"role": "tool", "content": "4", "tool_call_id": "1"}),
            json!({"role": "assistant", "content": null}),
        ]
    );
}

#[test]
fn json_messages_are_taken_as_they_are() {
    let json = Bytes::from_static(br#"{"role":"user","content":"\u00e9", "x":1.0}"#);
    let message = ChatMessage { message_json: json.clone(), ..ChatMessage::default() };
    let request = json_request(messages(vec![message.clone()])).unwrap();
    assert_eq!(request.messages[0].as_ptr(), json.as_ptr());
    let both = ChatMessage { message_json: json, ..text(Role::User, "x") };
    let error = json_request(messages(vec![message, both])).unwrap_err();
    assert_eq!(error.param(), Some("messages[1]"));
}

#[test]
fn typed_tools_and_formats_become_those_of_openai() {
    let mut request = messages(vec![text(Role::User, "x")]);
    request.tools = vec![
        Tool {
            tool: Some(tool::Tool::Function(FunctionTool {
                name: "f".to_owned(),
                description: Some("d".to_owned()),
                parameters_json: r#"{"b":1,"a":1.0}"#.into(),
                strict: Some(true),
            })),
        },
        Tool { tool: None },
    ];
    request.tool_choice = Some(ToolChoice { choice: Some(tool_choice::Choice::Function("f".to_owned())) });
    let schema = JsonSchemaFormat { name: "n".to_owned(), schema_json: "{}".into(), ..JsonSchemaFormat::default() };
    request.response_format = Some(ResponseFormat { format: Some(response_format::Format::JsonSchema(schema)) });
    let request = json_request(request).unwrap();
    assert_eq!(
        request.tools[0],
        r#"{"type":"function","function":{"name":"f","description":"d","parameters":{"b":1,"a":1.0},"strict":true}}"#
    );
    assert_eq!(request.tools[1], "{}");
    assert_eq!(value(&request.tool_choice), json!({"type": "function", "function": {"name": "f"}}));
    assert_eq!(
        value(&request.response_format),
        json!({"type": "json_schema", "json_schema": {"name": "n", "schema": {}}})
    );

    let mode = ToolChoice { choice: Some(tool_choice::Choice::Mode("auto".to_owned())) };
    assert_eq!(json_tool_choice(mode), "\"auto\"");
    let json_object = ResponseFormat { format: Some(response_format::Format::Type("json_object".to_owned())) };
    assert_eq!(json_response_format(json_object), r#"{"type":"json_object"}"#);
}

#[test]
fn what_is_wrong_in_the_typed_form_is_named_as_in_the_json_form() {
    let param = |message: ChatMessage| {
        let error = json_request(messages(vec![message]))
            .and_then(|request| check_request(&request, OtherTools::NONE))
            .unwrap_err();
        (error.code().facts().code, error.param().unwrap().to_owned())
    };
    assert_eq!(param(text(Role::Unspecified, "x")), ("missing_field", "messages[0].role".to_owned()));
    assert_eq!(param(text(Role::Tool, "x")), ("missing_field", "messages[0].tool_call_id".to_owned()));
    let hidden = ChatMessage { unknown_members_json: r#"{"role":"system"}"#.into(), ..text(Role::User, "x") };
    assert_eq!(param(hidden), ("invalid_json", "messages[0].role".to_owned()));
    let broken = ChatMessage { unknown_members_json: r#"{"a":1},{"b":2}"#.into(), ..text(Role::User, "x") };
    assert_eq!(param(broken).0, "invalid_json");
}
