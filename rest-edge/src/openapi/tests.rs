use std::collections::BTreeSet;
use std::fs;

use gateway_proto::json::Members;
use gateway_proto::openai::ChatRequestMember;
use gateway_proto::{Access, ErrorCode, Operation};

use super::routes::{self, CALLER};
use super::*;
use crate::openai::TurnMember;

mod components;
mod shapes;

/// The committed document.
const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
/// Rewrites the committed document instead of comparing it. It is read when this file is compiled, which cargo does again
/// when the variable changes: only config modules read the environment of a process.
const UPDATE_SNAPSHOTS: Option<&str> = option_env!("UPDATE_SNAPSHOTS");

fn local_document() -> Value {
    document("http://localhost:8080")
}

/// What a reference leads to.
fn follow<'a>(document: &'a Value, reference: &str) -> Option<&'a Value> {
    document.pointer(reference.strip_prefix('#')?)
}

/// The operation object of a route.
fn operation_of<'a>(document: &'a Value, route: &Route) -> &'a Value {
    &document["paths"][openapi_path(route.path_template)][route.method.to_ascii_lowercase()]
}

#[test]
fn the_committed_document_is_this_one() {
    let text = format!("{:#}\n", local_document());
    if UPDATE_SNAPSHOTS == Some("1") {
        fs::write(SNAPSHOT, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(SNAPSHOT).unwrap_or_default();
    assert!(committed == text, "openapi.json is not what the code makes; UPDATE_SNAPSHOTS=1 cargo test rewrites it");
}

#[test]
fn every_route_of_the_table_is_described() {
    let document = local_document();
    for operation in Operation::ALL {
        let path = operation.path().replace("=**", "");
        let described = &document["paths"][&path][operation.method().to_ascii_lowercase()];
        assert_eq!(described["operationId"], operation.id(), "{path}");
        assert!(described["description"].as_str().unwrap().starts_with(operation.description()), "{path}");
    }
    let ids: BTreeSet<_> = routes::all().iter().map(|route| route.id).collect();
    let paths = document["paths"].as_object().unwrap().values();
    assert_eq!(paths.map(|path| path.as_object().unwrap().len()).sum::<usize>(), ids.len());
    assert!(ids.len() > Operation::ALL.len());
}

#[test]
fn only_public_routes_need_no_token() {
    let document = local_document();
    for route in routes::all() {
        let operation = operation_of(&document, &route);
        let answered: BTreeSet<_> = route.errors().map(|code| code.facts().code).collect();
        let of_caller = CALLER.iter().filter(|code| answered.contains(code.facts().code)).count();
        if route.access == Access::Public {
            assert_eq!((operation["security"].clone(), of_caller), (json!([]), 0), "{}", route.id);
        } else {
            assert_eq!((operation.get("security"), of_caller), (None, CALLER.len()), "{}", route.id);
        }
    }
    assert_eq!(document["paths"]["/v1/chat/completions"]["post"]["x-required-scopes"][0], "chat:write");
}

#[test]
fn the_requests_have_the_members_that_are_known() {
    let of_chat: BTreeSet<_> = ChatRequestMember::NAMES.iter().copied().collect();
    assert_eq!(described_members("ChatRequest"), of_chat.iter().map(|name| (*name).to_owned()).collect());
    let of_turn = of_chat.iter().chain(TurnMember::NAMES).map(|name| (*name).to_owned()).collect();
    assert_eq!(described_members("TurnRequest"), of_turn);
}

fn described_members(schema: &str) -> BTreeSet<String> {
    let document = local_document();
    document["components"]["schemas"][schema]["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_turn_has_one_answer_and_needs_no_messages() {
    let schema = &local_document()["components"]["schemas"]["TurnRequest"];
    assert_eq!((&schema["required"], &schema["properties"]["n"]["maximum"]), (&json!(["model"]), &json!(1)));
    assert_eq!(schema["properties"]["temperature"]["maximum"], 2);
}

#[test]
fn a_deletion_has_no_body() {
    let document = local_document();
    let responses = &document["paths"]["/c1/conversations/{conversation_id}"]["delete"]["responses"];
    assert_eq!((responses["204"].get("content"), responses.get("200")), (None, None));
}

#[test]
fn a_route_that_takes_an_idempotency_key_tells_what_can_be_wrong_with_it() {
    let document = local_document();
    let mut keyed = Vec::new();
    for route in routes::all().iter().filter(|route| route.facts.parameters.contains(&"Idempotency-Key")) {
        let responses = &operation_of(&document, route)["responses"];
        let example = &responses["400"]["content"]["application/json"]["examples"]["invalid_field.idempotency_key"];
        let example = follow(&document, example["$ref"].as_str().unwrap()).unwrap();
        assert_eq!(example["value"]["error"]["param"], "headers.idempotency-key", "{}", route.id);
        assert!(responses["409"]["headers"].get("Retry-After").is_some(), "{}", route.id);
        keyed.push(route.id);
    }
    assert_eq!(
        keyed,
        [
            "createChatCompletion",
            "createTurn",
            "createTurnCompletions",
            "updateConversation",
            "deleteConversation",
            "putMemory",
            "deleteMemory",
            "deleteMemoryByOrigin",
            "putSystemPrompt",
            "unsetSystemPrompt",
            "setCurrentSystemPromptVersion",
            "deleteSystemPromptVersion",
            "executeTool",
        ]
    );
}

#[test]
fn every_error_that_a_route_can_answer_stands_under_its_status() {
    let document = local_document();
    for route in routes::all() {
        let responses = &operation_of(&document, &route)["responses"];
        let mut listed = 0;
        for code in route.errors() {
            let facts = code.facts();
            let response = &responses[facts.http_status.to_string()];
            assert!(facts.http_status >= 400, "{}: {} is a notice", route.id, facts.code);
            assert!(response["content"]["application/json"]["examples"].get(facts.code).is_some(), "{}", facts.code);
            assert!(response["description"].as_str().unwrap().contains(&format!("`{}`", facts.code)), "{}", facts.code);
            assert!(response["headers"].get("x-error-code").is_some(), "{}", facts.code);
            listed += 1;
        }
        let groups: BTreeSet<_> = route.facts.errors.iter().flat_map(|group| group.iter()).copied().collect();
        assert_eq!(listed, groups.len(), "{}", route.id);
    }
}

#[test]
fn every_error_example_is_what_the_catalog_says() {
    let document = local_document();
    let mut examples = 0;
    for route in routes::all() {
        let responses = &operation_of(&document, &route)["responses"];
        for code in route.errors() {
            let facts = code.facts();
            let example =
                &responses[facts.http_status.to_string()]["content"]["application/json"]["examples"][facts.code];
            let error = &follow(&document, example["$ref"].as_str().unwrap()).unwrap()["value"]["error"];
            assert_eq!((&error["code"], &error["type"]), (&json!(facts.code), &json!(facts.error_type)));
            assert_eq!(error["doc_url"], format!("http://localhost:8080/docs/errors#{}", facts.code));
            assert_eq!(error.get("param").is_some(), facts.typical_param.is_some(), "{}", facts.code);
            examples += 1;
        }
    }
    assert!(examples > 50);
}

#[test]
fn the_address_of_the_edge_is_the_server() {
    let document = document("https://chat.example/gateway");
    assert_eq!(document["servers"], json!([{"url": "https://chat.example/gateway"}]));
    assert!(!document.to_string().contains("localhost"));
}
