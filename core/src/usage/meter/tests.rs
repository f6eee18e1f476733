use gateway_proto::v1::ChatRequest;

use super::*;
use crate::domain::model::Constraints;

fn facts(reserve: Option<u32>, most: Option<u32>, window: Option<u32>) -> ModelFacts {
    ModelFacts {
        alias: ModelAlias::parse("m").unwrap(),
        family: None,
        context_window: window,
        max_output_tokens: most,
        reserve_output_tokens: reserve,
        tools: None,
        reasoning: None,
        modalities: None,
        constraints: Constraints::default(),
        prices: None,
    }
}

#[test]
fn the_longest_answer_that_is_asked_for_is_reserved() {
    let completion = |max_tokens, n, facts: &ModelFacts| {
        let parameters = ChatRequest { max_tokens, n, ..ChatRequest::default() };
        let request = JsonRequest { messages: vec!["12345678".into()], parameters, ..JsonRequest::default() };
        let reserved = reservation(&request, facts);
        assert_eq!(reserved.prompt, 6);
        reserved.completion
    };
    let unknown = facts(None, None, None);
    assert_eq!(completion(Some(100), None, &unknown), 100);
    assert_eq!(completion(Some(100), Some(3), &unknown), 300);
    assert_eq!(completion(None, None, &unknown), 4096);
    assert_eq!(completion(None, None, &facts(None, Some(500), None)), 500);
    assert_eq!(completion(None, Some(2), &facts(Some(200), Some(500), None)), 400);
    // Nobody may book more than a model can answer with.
    assert_eq!(completion(Some(i64::MAX), None, &facts(Some(200), Some(500), None)), 500);
    assert_eq!(completion(Some(i64::MAX), None, &facts(None, None, Some(8000))), 8000);
    assert_eq!(completion(Some(i64::MAX), Some(128), &unknown), 128 << 20);
}

#[test]
fn a_server_that_tells_nothing_in_figures_tells_nothing() {
    let usage = |prompt_tokens, completion_tokens, total_tokens| Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens,
        ..Usage::default()
    };
    assert_eq!(told(None), None);
    assert_eq!(told(Some(&usage(0, 0, 0))), None);
    assert_eq!(told(Some(&usage(0, 0, 9))).unwrap().prompt, 9);
    assert_eq!(told(Some(&usage(3, 4, 100))).unwrap().total(), 7);
}
