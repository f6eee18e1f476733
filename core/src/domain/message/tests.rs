use super::super::fields::json_element;
use super::*;

fn judge(text: &str) -> Result<MessageFacts, ApiError> {
    json_element("messages", 0, text.as_bytes(), check_message)
}

/// Code, param and message of the refusal of one message.
fn refusal(text: &str) -> (&'static str, String, String) {
    let error = judge(text).expect_err(text);
    (error.code().facts().code, error.param().unwrap_or_default().to_owned(), error.message().to_owned())
}

/// The smallest PNG there is: one pixel.
const PNG: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

#[test]
fn messages_of_every_role_are_taken() {
    for text in [
        r#"{"role":"system","content":"Be brief."}"#,
        r#"{"role":"developer","content":[{"type":"text","text":"Be brief."}]}"#,
        r#"{"role":"user","content":"","name":"ann","x":{"y":[1]}}"#,
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":""},"extra":1}]}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{"name":"f","input":"x"}}]}"#,
        r#"{"role":"assistant","refusal":"No."}"#,
        r#"{"role":"assistant","audio":{"id":"a"},"content":null}"#,
        r#"{"role":"assistant","function_call":{"name":"f","arguments":"{"}}"#,
        r#"{"role":"assistant","content":"x","tool_calls":null,"refusal":null,"audio":null,"name":null}"#,
        r#"{"role":"tool","tool_call_id":"1","content":"4"}"#,
        r#"{"role":"function","name":"f","content":null}"#,
        r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}}]}"#,
        r#"{"role":"user","content":[{"type":"file","file":{"file_id":"f1"}}]}"#,
        r#"{"role":"user","content":[{"type":"video_url","video_url":{"url":"https://x"},"text":7}]}"#,
        r#"{"role":"assistant","content":[{"type":"refusal","refusal":"No."}]}"#,
    ] {
        assert!(judge(text).is_ok(), "{text}: {:?}", judge(text));
    }
}

#[test]
fn what_is_missing_is_named() {
    for (text, param) in [
        ("{}", "messages[0].role"),
        (r#"{"role":"user"}"#, "messages[0].content"),
        (r#"{"role":"assistant"}"#, "messages[0].content"),
        (r#"{"role":"tool","content":"x"}"#, "messages[0].tool_call_id"),
        (r#"{"role":"function","content":"x"}"#, "messages[0].name"),
        (r#"{"role":"user","content":[{"text":"x"}]}"#, "messages[0].content[0].type"),
        (r#"{"role":"user","content":[{"type":"text"}]}"#, "messages[0].content[0].text"),
        (r#"{"role":"user","content":[{"type":"image_url"}]}"#, "messages[0].content[0].image_url"),
        (r#"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#, "messages[0].content[0].image_url.url"),
        (
            r#"{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"x"}}]}"#,
            "messages[0].content[0].input_audio.format",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":""}}]}"#,
            "messages[0].tool_calls[0].id",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":""}}]}"#,
            "messages[0].tool_calls[0].type",
        ),
        (r#"{"role":"assistant","tool_calls":[{"id":"1","type":"function"}]}"#, "messages[0].tool_calls[0].function"),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f"}}]}"#,
            "messages[0].tool_calls[0].function.arguments",
        ),
    ] {
        assert_eq!(refusal(text), ("missing_field", param.to_owned(), format!("'{param}' is required.")), "{text}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (text, param) in [
        ("[]", "messages[0]"),
        (r#"{"role":"boss","content":"x"}"#, "messages[0].role"),
        (r#"{"role":7,"content":"x"}"#, "messages[0].role"),
        (r#"{"role":"user","content":7}"#, "messages[0].content"),
        (r#"{"role":"user","content":null}"#, "messages[0].content"),
        (r#"{"role":"user","content":[]}"#, "messages[0].content"),
        (r#"{"role":"user","content":["x"]}"#, "messages[0].content[0]"),
        (
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"text":7,"type":"text"}]}"#,
            "messages[0].content[1].text",
        ),
        (r#"{"role":"user","content":"x","name":1}"#, "messages[0].name"),
        (
            r#"{"role":"user","content":[{"type":"image_url","image_url":"https://x"}]}"#,
            "messages[0].content[0].image_url",
        ),
        (r#"{"role":"assistant","tool_calls":{}}"#, "messages[0].tool_calls"),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"","type":"function","function":{"name":"f","arguments":""}}]}"#,
            "messages[0].tool_calls[0].id",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":{}}}]}"#,
            "messages[0].tool_calls[0].function.arguments",
        ),
    ] {
        let (code, found, message) = refusal(text);
        assert_eq!((code, found.as_str()), ("invalid_field", param), "{text}");
        assert!(message.starts_with(&format!("'{param}' must ")), "{message}");
    }
    let (_, _, message) = refusal(r#"{"role":"boss","content":"x"}"#);
    assert_eq!(
        message,
        "'messages[0].role' must be 'system', 'developer', 'user', 'assistant', 'tool' or 'function', not 'boss'."
    );
}

#[test]
fn broken_json_is_told_apart_from_wrong_values() {
    let (code, param, message) = refusal(r#"{"role":"user","content":[{"type":"text","text":"\ud800"}]}"#);
    assert_eq!((code, param.as_str()), ("invalid_json", "messages[0].content[0].text"));
    assert!(message.starts_with("'messages[0]' is not valid JSON: a lone surrogate"), "{message}");
    assert_eq!(refusal(r#"{"role":"user","role":"system","content":"x"}"#).0, "invalid_json");
    assert_eq!(refusal(r#"{"role":"user","content":"x"} {}"#).0, "invalid_json");
}

#[test]
fn images_are_found_whatever_the_order_of_members() {
    let image = format!(r#"{{"url":"{PNG}","detail":"low"}}"#);
    for part in [
        format!(r#"{{"type":"image_url","image_url":{image}}}"#),
        format!(r#"{{"image_url":{image},"type":"image_url"}}"#),
        r#"{"type":"image_url","image_url":{"detail":null,"url":"https:\/\/example.com\/a.png"}}"#.to_owned(),
    ] {
        let facts = judge(&format!(r#"{{"role":"user","content":[{{"type":"text","text":"x"}},{part}]}}"#)).unwrap();
        assert_eq!((facts.role, facts.images.len(), facts.images[0].part), (Role::User, 1, 1));
        let source = if part.contains("example") { ImageSource::Remote } else { ImageSource::Inline };
        assert_eq!(facts.images[0].source, source);
    }
}

#[test]
fn a_bad_image_is_named_by_its_url() {
    for part in [
        r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#,
        r#"{"image_url":{"url":"data:image/png;base64,AAAA"},"type":"image_url"}"#,
    ] {
        let (code, param, message) = refusal(&format!(r#"{{"role":"user","content":[{part}]}}"#));
        assert_eq!((code, param.as_str()), ("image_decode_error", "messages[0].content[0].image_url.url"));
        assert_eq!(message, "The image declares image/png and the image has no readable header of that format.");
    }
}

#[test]
fn image_members_of_other_parts_are_not_judged() {
    let text = r#"{"role":"user","content":[{"type":"text","text":"x","image_url":{"url":"no image"}}]}"#;
    assert_eq!(judge(text).unwrap().images, []);
}
