use gateway_proto::Timestamp;
use gateway_proto::v1::{ChatMessage, FunctionCall, Role, ToolCall, TurnStatus, chat_message, tool_call};
use serde_json::{Value, json};

use super::*;

/// 2026-01-02T03:04:05.678Z
const TIME: Timestamp = Timestamp { seconds: 1_767_323_045, nanos: 678_000_000 };

fn of_json(written: Vec<u8>) -> Value {
    serde_json::from_slice(&written).unwrap()
}

fn stored(said: ChatMessage) -> ConversationMessage {
    ConversationMessage {
        sequence: 3,
        message: Some(said),
        status: TurnStatus::Complete.into(),
        model: "org/m".to_owned(),
        created_at: Some(TIME),
        turn_id: "t".to_owned(),
    }
}

fn written_message(message: ConversationMessage) -> Value {
    let page = ListMessagesResponse { items: vec![message], ..ListMessagesResponse::default() };
    of_json(message_list(&page))["items"][0].take()
}

fn known() -> Conversation {
    Conversation {
        id: "c".to_owned(),
        user_id: Some("ann".to_owned()),
        title: Some("T \"q\"".to_owned()),
        model: "m".to_owned(),
        message_count: 2,
        created_at: Some(TIME),
        last_used_at: Some(Timestamp { seconds: TIME.seconds, nanos: 0 }),
        metadata_json: r#"{"b":"\u00e9" , "a":"x"}"#.into(),
        messages: vec![stored(ChatMessage::default())],
    }
}

#[test]
fn a_row_tells_what_is_known_and_null_for_the_rest() {
    assert_eq!(
        of_json(conversation_row(&known())),
        json!({
            "id": "c", "user_id": "ann", "title": "T \"q\"", "model": "m", "message_count": 2,
            "created_at": "2026-01-02T03:04:05.678Z", "last_used_at": "2026-01-02T03:04:05Z",
            "metadata": {"b": "é", "a": "x"},
        })
    );
    let row = of_json(conversation_row(&Conversation::default()));
    for name in ["user_id", "title", "metadata"] {
        assert_eq!(row.get(name), Some(&Value::Null), "{name}");
    }
}

#[test]
fn labels_are_given_byte_for_byte() {
    let row = String::from_utf8(conversation_row(&known())).unwrap();
    assert!(row.contains(r#""metadata":{"b":"\u00e9" , "a":"x"}}"#), "{row}");
}

#[test]
fn a_conversation_in_full_and_its_export_hold_the_messages() {
    let whole = of_json(conversation_in_full(&known()));
    assert_eq!((&whole["id"], whole["messages"].as_array().unwrap().len()), (&json!("c"), 1));
    let export = ExportConversationResponse { conversation: Some(known()), exported_at: Some(TIME) };
    let export = of_json(conversation_export(&export));
    assert_eq!((&export["version"], &export["exported_at"]), (&json!(1), &json!("2026-01-02T03:04:05.678Z")));
    assert_eq!((&export["conversation"]["id"], export["conversation"].get("messages")), (&json!("c"), None));
    assert_eq!(export["messages"], whole["messages"]);
}

#[test]
fn a_page_tells_where_it_is() {
    let page = ListConversationsResponse { items: vec![known(), known()], total: 7, limit: 2, offset: 4 };
    let page = of_json(conversation_list(&page));
    assert_eq!((&page["total"], &page["limit"], &page["offset"]), (&json!(7), &json!(2), &json!(4)));
    assert_eq!((page["items"].as_array().unwrap().len(), page["items"][1].get("messages")), (2, None));
    let none = ListMessagesResponse { limit: 20, ..ListMessagesResponse::default() };
    assert_eq!(of_json(message_list(&none)), json!({"items": [], "total": 0, "limit": 20, "offset": 0}));
}

#[test]
fn a_message_is_told_with_all_that_it_holds() {
    let call = FunctionCall { name: "f".to_owned(), arguments: "{\"a\": 1}".to_owned(), ..FunctionCall::default() };
    let call = ToolCall { id: "1".to_owned(), call: Some(tool_call::Call::Function(call)), ..ToolCall::default() };
    let said = ChatMessage {
        role: Role::Assistant.into(),
        content: Some(chat_message::Content::ContentJson("[ 1.0 ]".into())),
        name: Some("n".to_owned()),
        tool_calls: vec![call],
        tool_call_id: Some("0".to_owned()),
        refusal: Some("no".to_owned()),
        unknown_members_json: r#"{"reasoning":"r"}"#.into(),
        ..ChatMessage::default()
    };
    assert_eq!(
        written_message(ConversationMessage { status: TurnStatus::Incomplete.into(), ..stored(said) }),
        json!({
            "sequence": 3, "role": "assistant", "content": [1.0], "name": "n",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}],
            "tool_call_id": "0", "refusal": "no", "reasoning": "r", "status": "incomplete", "model": "org/m",
            "created_at": "2026-01-02T03:04:05.678Z", "turn_id": "t",
        })
    );
    let text = Some(chat_message::Content::Text("a\u{0}".to_owned()));
    let plain =
        written_message(stored(ChatMessage { role: Role::User.into(), content: text, ..ChatMessage::default() }));
    assert_eq!((&plain["content"], &plain["status"], plain.get("name")), (&json!("a\u{0}"), &json!("complete"), None));
    let empty = written_message(stored(ChatMessage { role: Role::Tool.into(), ..ChatMessage::default() }));
    assert_eq!((&empty["role"], empty.get("content")), (&json!("tool"), Some(&Value::Null)));
}

#[test]
fn a_member_with_a_name_of_the_gateways_own_is_left_out() {
    let said = ChatMessage {
        unknown_members_json: r#"{"model":"theirs","x":1.50,"\u0073tatus":{"model":1},"y":{"model":2}}"#.into(),
        ..ChatMessage::default()
    };
    let page = ListMessagesResponse { items: vec![stored(said)], ..ListMessagesResponse::default() };
    let text = String::from_utf8(message_list(&page)).unwrap();
    assert!(text.contains(r#""content":null,"x":1.50,"y":{"model":2},"status":"complete","model":"org/m""#), "{text}");
}

#[test]
fn a_message_that_could_not_be_taken_apart_is_told_as_it_is() {
    let said =
        ChatMessage { message_json: r#"{"role":"bot","content":7,"status":"x"}"#.into(), ..ChatMessage::default() };
    let message = written_message(stored(said));
    assert_eq!((&message["role"], &message["content"]), (&json!("bot"), &json!(7)));
    assert_eq!((&message["status"], &message["sequence"]), (&json!("complete"), &json!(3)));
}
