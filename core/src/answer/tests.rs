use gateway_proto::v1::{Choice, ChunkChoice, FunctionCallDelta};

use super::*;

fn delta(delta: MessageDelta) -> ChatCompletionChunk {
    let choice = ChunkChoice { delta: Some(delta), ..ChunkChoice::default() };
    ChatCompletionChunk { choices: vec![choice], ..ChatCompletionChunk::default() }
}

fn text(piece: &str) -> ChatCompletionChunk {
    delta(MessageDelta { content: Some(message_delta::Content::Text(piece.to_owned())), ..MessageDelta::default() })
}

fn unknown(json: &'static str) -> ChatCompletionChunk {
    delta(MessageDelta { unknown_members_json: Bytes::from_static(json.as_bytes()), ..MessageDelta::default() })
}

fn call(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> ChatCompletionChunk {
    let function = FunctionCallDelta {
        name: name.map(str::to_owned),
        arguments: Some(arguments.to_owned()),
        ..FunctionCallDelta::default()
    };
    let call = ToolCallDelta { index, id: id.map(str::to_owned), function: Some(function), ..ToolCallDelta::default() };
    delta(MessageDelta { tool_calls: vec![call], ..MessageDelta::default() })
}

fn fold(chunks: &[ChatCompletionChunk], is_whole: bool) -> String {
    let mut fold = Fold::default();
    chunks.iter().for_each(|chunk| fold.take(std::slice::from_ref(chunk)));
    String::from_utf8(fold.message(is_whole).to_vec()).unwrap()
}

#[test]
fn pieces_become_one_message() {
    assert_eq!(fold(&[text("a"), text("\u{0}b")], true), r#"{"role":"assistant","content":"a\u0000b"}"#);
    assert_eq!(fold(&[], true), r#"{"role":"assistant","content":""}"#);
    let others = [unknown(r#"{"reasoning_content":"x","n":1}"#), unknown(r#"{"reasoning_content":"y","n":{"a":2.0}}"#)];
    let expected = r#"{"role":"assistant","content":"","reasoning_content":"xy","n":{"a":2.0}}"#;
    assert_eq!(fold(&others, true), expected);
}

#[test]
fn calls_are_put_together_and_half_ones_left_out() {
    let chunks =
        [call(0, Some("a"), Some("f"), "{\"x\""), call(0, None, Some("f"), ":1}"), call(1, Some("b"), Some("g"), "")];
    let expected = r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}},{"id":"b","type":"function","function":{"name":"g","arguments":""}}]}"#;
    assert_eq!(fold(&chunks, true), expected);
    assert_eq!(fold(&chunks, false), r#"{"role":"assistant","content":""}"#);
}

#[test]
fn a_whole_answer_and_a_streamed_one_are_the_same_message() {
    let message = AssistantMessage {
        content: Some(assistant_message::Content::Text("ab".to_owned())),
        unknown_members_json: Bytes::from_static(br#"{"reasoning":"r"}"#),
        ..AssistantMessage::default()
    };
    let choice = Choice { message: Some(message), ..Choice::default() };
    let completion = ChatCompletion { choices: vec![choice], ..ChatCompletion::default() };
    let streamed = fold(&[text("a"), unknown(r#"{"reasoning":"r"}"#), text("b")], true);
    assert_eq!(message_of(&completion), streamed.as_bytes());
}
