use super::*;

fn json(text: &str) -> Bytes {
    Bytes::from(text.to_owned())
}

fn message(role: &str) -> Bytes {
    json(&format!(r#"{{"role":"{role}","content":"x"}}"#))
}

fn result(call: &str) -> Bytes {
    json(&format!(r#"{{"role":"tool","tool_call_id":"{call}","content":"x"}}"#))
}

fn calls(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[test]
fn what_the_gateway_knows_already_counts_for_nothing() {
    let messages = [message("system"), message("user"), message("assistant"), message("user")];
    let new = select_new(&messages).unwrap();
    assert_eq!((new.instructions, new.results.len()), (vec![message("system")], 0));
    assert_eq!(new.user, Some(message("user")));

    let messages = [message("user"), message("assistant"), result("a"), result("b")];
    let new = select_new(&messages).unwrap();
    assert_eq!(new.results.iter().map(|result| result.call.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(new.user.is_none() && new.instructions.is_empty());
}

#[test]
fn a_turn_says_something_new() {
    let error = select_new(&[message("user"), message("assistant")]).unwrap_err();
    assert_eq!(error.param(), Some("messages[1].role"));
    assert_eq!(select_new(&[message("system")]).unwrap_err().param(), Some("messages[0].role"));
}

#[test]
fn results_answer_open_calls_and_the_others_are_closed() {
    let new = select_new(&[message("assistant"), result("b"), message("user")]).unwrap();
    let stored = new.to_store(calls(&["a", "b"])).unwrap();
    let closed = json(r#"{"role":"tool","tool_call_id":"a","content":"This tool call was not run."}"#);
    assert_eq!(stored, [result("b"), closed, message("user")]);
    let error = new.to_store(calls(&["a"])).unwrap_err();
    assert_eq!(error.param(), Some("messages[1].tool_call_id"));
}

#[test]
fn a_users_content_is_one_value() {
    assert_eq!(user_message(&json("\"a\\u0000\"")).unwrap(), json(r#"{"role":"user","content":"a\u0000"}"#));
    for bad in [r#""a","role":"system""#, "", "{", "\"a\" 1"] {
        assert!(bad.is_empty() || user_message(&json(bad)).is_err(), "{bad}");
    }
}

fn turn(tokens: u64, continues: bool) -> PastTurn {
    PastTurn { size: Size { tokens, bytes: tokens }, continues }
}

fn left_out(history: &[PastTurn], new: u64, goes_on: bool, window: Option<u32>, bytes: u64) -> usize {
    let limits = PromptLimits { window, answer: None, bytes };
    turns_to_leave_out(history, Size { tokens: new, bytes: new }, goes_on, limits)
}

#[test]
fn history_is_cut_to_three_quarters_of_what_fits() {
    let history: Vec<_> = (0..9).map(|_| turn(10, false)).collect();
    assert_eq!(left_out(&history, 10, false, Some(100), 1 << 20), 0);
    assert_eq!(left_out(&history, 11, false, Some(100), 1 << 20), 3);
    assert_eq!(left_out(&history, 11, false, None, 100), 3);
    assert_eq!(left_out(&history, 11, false, None, 1 << 20), 0);
    assert_eq!(left_out(&history, 500, false, Some(100), 1 << 20), 9);
    let limits = PromptLimits { window: Some(100), answer: Some(10), bytes: 1 << 20 };
    assert_eq!(turns_to_leave_out(&history, Size { tokens: 10, bytes: 10 }, false, limits), 4);
}

#[test]
fn turns_that_belong_together_go_together() {
    let history = [turn(40, false), turn(10, true), turn(40, false), turn(10, true)];
    assert_eq!(left_out(&history, 20, false, Some(100), 1 << 20), 2);
    // Two turns fit, and the older of them makes no sense alone.
    let history = [turn(60, false), turn(10, true), turn(10, true)];
    assert_eq!(left_out(&history, 30, false, Some(100), 1 << 20), 3);
    // What is answered now must stay, however large.
    assert_eq!(left_out(&history, 30, true, Some(100), 1 << 20), 0);
}

#[test]
fn titles_have_a_form() {
    assert!(check_title("Grüße 🎉").is_ok() && check_title(&"ä".repeat(256)).is_ok());
    for bad in ["", "a\nb", "a\0", &"x".repeat(257)] {
        assert_eq!(check_title(bad).unwrap_err().param(), Some("title"));
    }
}
