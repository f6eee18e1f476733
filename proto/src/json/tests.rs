use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{ApiError, ErrorCode};

crate::json_members! { enum PartMember { Type = "type", Text = "text" } }

fn whole(text: &[u8]) -> Result<&str, Fault> {
    let mut reader = Reader::new(text)?;
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

fn refusal(text: impl AsRef<[u8]>) -> ApiError {
    let text = text.as_ref();
    whole(text).expect_err(&String::from_utf8_lossy(text)).into_error(text, "The body")
}

#[test]
fn a_value_comes_back_as_it_was_written() {
    for text in [
        r#"{"b":1,"a":[1.0,-0,1e5,12345678901234567890],"é":"\u00e9\/\ud83d\ude00"}"#,
        "[]",
        "{}",
        "[[],{},\"\",null,true,false]",
        "0.10",
        "\"\u{2028}\"",
    ] {
        assert_eq!(whole(text.as_bytes()).unwrap(), text);
        assert_eq!(whole(format!(" \n{text}\t").as_bytes()).unwrap(), text);
    }
}

#[test]
fn what_readers_could_understand_differently_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "\"",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "[1 2]",
        "1 2",
        "nul",
        "tru",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "-",
        "0x1",
        "NaN",
        "Infinity",
        "'a'",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "1e400",
        "-1e999",
        "\u{feff}1",
        "[1}",
        "{\"a\":1]",
        "//",
        "[,1]",
    ] {
        assert_eq!(refusal(text).code(), ErrorCode::InvalidJson, "{text}");
    }
    assert_eq!(refusal(b"\"\xff\"").code(), ErrorCode::InvalidJson);
    assert!(refusal("9".repeat(400)).message().contains("too large for a double"));
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(whole(nested(MAX_DEPTH as usize).as_bytes()).is_ok());
    assert!(refusal(nested(MAX_DEPTH as usize + 1)).message().contains("deeper than 128"));
    assert!(refusal("[".repeat(1_000_000)).message().contains("deeper than 128"));
    assert!(refusal(format!("[{}0]", "0,".repeat(MAX_VALUES as usize))).message().contains("more than 100000"));
}

#[test]
fn a_syntax_fault_names_its_place() {
    let error = refusal("{\n  \"a\": 1,\n  \"b\": }");
    assert_eq!(error.message(), "The body is not valid JSON: a value is expected at line 3, column 8.");
    assert_eq!((error.metadata("line"), error.metadata("column")), (Some("3"), Some("8")));
}

/// Reads `[{"type": string, "text": string}]` and keeps what it does not know.
fn parts(text: &str) -> Result<Vec<u8>, ApiError> {
    let mut unknown = UnknownMembers::default();
    let mut reader = Reader::of_str(text);
    let read = reader.elements(|reader, _| {
        reader.members(|reader, member| {
            match member {
                Member::Known(PartMember::Type | PartMember::Text) => drop(reader.string()?),
                Member::Unknown(name) => unknown.push(name, reader.value()?),
            }
            Ok(())
        })
    });
    read.map(|()| unknown.finish().to_vec()).map_err(|fault| fault.in_member("content").into_error(&[], "The body"))
}

#[test]
fn a_wrong_value_is_named_by_its_path() {
    let error = parts(r#"[{"type":"text"},{"text":7}]"#).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidField);
    assert_eq!(error.param(), Some("content[1].text"));
    assert_eq!(error.message(), "'content[1].text' must be a string, not a number.");
}

#[test]
fn a_known_member_given_twice_is_refused_however_it_is_spelled() {
    let error = parts(r#"[{"type":"a","\u0074ype":"b"}]"#).unwrap_err();
    assert_eq!((error.code(), error.param()), (ErrorCode::InvalidJson, Some("content[0].type")));
    assert!(error.message().contains("the member 'type' is given twice"));
    assert!(parts(r#"[{"type":"a"},{"type":"b"}]"#).is_ok());
}

#[test]
fn unknown_members_are_kept_as_they_were_written() {
    assert_eq!(parts(r#"[{"type":"a","\u0078" : [1.0, 2] ,"y":{}}]"#).unwrap(), br#"{"\u0078":[1.0, 2],"y":{}}"#);
    assert_eq!(parts(r#"[{"type":"a"}]"#).unwrap(), b"");
}

#[test]
fn numbers_are_read_by_what_they_are() {
    assert_eq!(Reader::of_str("9007199254740993").integer().unwrap(), 9_007_199_254_740_993);
    assert_eq!(Reader::of_str("2.0").integer().unwrap(), 2);
    assert!(Reader::of_str("2.5").integer().is_err());
    assert!(Reader::of_str("1e300").integer().is_err());
    assert!((Reader::of_str("-0.5e1").double().unwrap() + 5.0).abs() < f64::EPSILON);
    assert_eq!(Reader::of_str("null").nullable(Reader::boolean).unwrap(), None);
    assert_eq!(Reader::of_str("true").nullable(Reader::boolean).unwrap(), Some(true));
}

#[test]
fn the_writer_puts_commas_where_they_belong() {
    let mut writer = Writer::default();
    writer.begin_object();
    writer.name("a");
    writer.begin_array();
    writer.integer(1);
    writer.double(1.0);
    writer.null();
    writer.begin_object();
    writer.end_object();
    writer.end_array();
    writer.members_of(b" { \"x\" : 1 } ");
    writer.members_of(b"{}");
    writer.members_of(b"");
    writer.optional_string("b", Some("\"\\\n\u{1}é"));
    writer.optional_string("c", None);
    writer.end_object();
    assert_eq!(String::from_utf8(writer.finish()).unwrap(), r#"{"a":[1,1.0,null,{}],"x" : 1,"b":"\"\\\n\u0001é"}"#);
}

/// Any JSON value; numbers as serde_json prints them.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..8).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn every_json_text_is_read_and_returned_unchanged(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(whole(text.as_bytes()).unwrap(), text.as_str());
    }

    #[test]
    fn broken_json_is_judged_as_another_reader_judges_it(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        prop_assert_eq!(whole(&text).is_ok(), serde_json::from_slice::<Value>(&text).is_ok());
    }

    #[test]
    fn strings_survive_writing_and_reading(text in any::<String>()) {
        let mut writer = Writer::default();
        writer.string(&text);
        let written = writer.finish();
        prop_assert_eq!(&serde_json::from_slice::<String>(&written).unwrap(), &text);
        prop_assert_eq!(Reader::new(&written).unwrap().string().unwrap(), text);
    }

    #[test]
    fn escapes_are_taken_away_as_another_reader_does(units in prop::collection::vec(any::<u16>(), 0..8)) {
        let quoted = format!("\"{}\"", units.iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>());
        let expected = serde_json::from_str::<String>(&quoted).ok();
        let found = Reader::of_str(&quoted).string().ok().map(std::borrow::Cow::into_owned);
        prop_assert_eq!(found, expected);
    }
}
