use gateway_proto::ErrorCode;

use super::*;
use crate::openai::chat_request;

fn read(body: &str) -> TurnBody {
    turn_request(&Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

fn fault(body: &str) -> (bool, ErrorCode, String) {
    let (is_field, error) = match turn_request(&Bytes::copy_from_slice(body.as_bytes())).unwrap_err() {
        BodyFault::Json(error) => (false, error),
        BodyFault::Field(error) => (true, error),
    };
    (is_field, error.code(), error.param().unwrap_or_default().to_owned())
}

#[test]
fn a_turn_is_a_chat_and_what_is_said_of_the_conversation() {
    let body = read(
        r#"{"model":"m","message":"hi","conversation_id":"c","user_id":"ann","provider":"ollama","temperature":0.5,
            "stream":true,"x":1.0}"#,
    );
    let TurnBody { turn, stream } = body;
    assert!(stream);
    assert_eq!((turn.conversation_id.as_str(), turn.user_id.as_str(), turn.provider.as_str()), ("c", "ann", "ollama"));
    assert_eq!(turn.message_json, r#""hi""#);
    let chat = turn.chat.unwrap();
    assert_eq!((chat.model.as_str(), chat.temperature), ("m", Some(0.5)));
    assert_eq!(chat.unknown_members_json, r#"{"x":1.0}"#);
}

#[test]
fn the_message_is_a_slice_of_the_body() {
    let body =
        Bytes::from_static(br#"{"message": [ {"type":"text", "text":"\u00e9 \u0000"} ] ,"messages":[{"a": 1}]}"#);
    let turn = turn_request(&body).unwrap().turn;
    assert_eq!(turn.message_json, r#"[ {"type":"text", "text":"\u00e9 \u0000"} ]"#);
    assert!(body.as_ptr_range().contains(&turn.message_json.as_ptr()));
    let message = &turn.chat.unwrap().messages[0].message_json;
    assert_eq!(message, r#"{"a": 1}"#);
    assert!(body.as_ptr_range().contains(&message.as_ptr()));
}

#[test]
fn null_counts_as_absent() {
    let nulls: Vec<_> = Known::NAMES.iter().map(|name| format!("\"{name}\":null")).collect();
    let body = read(&format!("{{{}}}", nulls.join(",")));
    assert_eq!((body.turn, body.stream), (Turn { chat: Some(Default::default()), ..Turn::default() }, false));
}

#[test]
fn every_known_member_is_told_from_every_other() {
    for (index, name) in Known::NAMES.iter().enumerate() {
        assert_eq!(Known::from_name(name).unwrap().index(), index, "{name}");
    }
}

#[test]
fn a_member_of_the_turn_is_refused_where_it_is_of_the_wrong_kind_or_given_twice() {
    for name in ["conversation_id", "user_id", "provider"] {
        assert_eq!(fault(&format!(r#"{{"{name}":7}}"#)), (true, ErrorCode::InvalidField, name.to_owned()));
    }
    assert_eq!(fault(r#"{"user_id":""}"#), (true, ErrorCode::InvalidField, "user_id".to_owned()));
    for name in TurnMember::NAMES {
        let (is_field, code, _) = fault(&format!(r#"{{"{name}":"a","{name}":"a"}}"#));
        assert_eq!((is_field, code), (false, ErrorCode::InvalidJson), "{name}");
    }
}

#[test]
fn members_of_a_turn_are_unknown_members_of_a_chat() {
    let written =
        r#"{"message":{"a" : 1},"conversation_id":7,"user_id":"","provider":{"order":["x"]},"provider":null}"#;
    let chat = chat_request(&Bytes::from_static(written.as_bytes())).unwrap().chat;
    assert_eq!(chat.unknown_members_json, written);
}
