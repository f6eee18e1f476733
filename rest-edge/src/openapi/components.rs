//! What operations share: schemas, parameters, headers and examples.
//!
//! They are JSON files beside this one, since JSON is what they are; only what the error catalog knows is made from it.

use gateway_proto::ErrorCode;
use serde_json::{Map, Value, json};

use super::error_examples::error_examples;
use super::route::Route;

const PARAMETERS: &str = include_str!("components/parameters.json");
const HEADERS: &str = include_str!("components/headers.json");
const EXAMPLES: &[&str] = &[
    include_str!("components/examples.json"),
    include_str!("components/examples/conversations.json"),
    include_str!("components/examples/memory.json"),
    include_str!("components/examples/system_prompts.json"),
    include_str!("components/examples/tools.json"),
    include_str!("components/examples/usage.json"),
];
const SCHEMAS: &[&str] = &[
    include_str!("components/schemas/chat_request.json"),
    include_str!("components/schemas/chat_messages.json"),
    include_str!("components/schemas/chat_tools.json"),
    include_str!("components/schemas/chat_completion.json"),
    include_str!("components/schemas/chat_completion_chunk.json"),
    include_str!("components/schemas/conversations.json"),
    include_str!("components/schemas/memory.json"),
    include_str!("components/schemas/models.json"),
    include_str!("components/schemas/system_prompts.json"),
    include_str!("components/schemas/tools.json"),
    include_str!("components/schemas/usage.json"),
    include_str!("components/schemas/errors.json"),
    include_str!("components/schemas/health.json"),
    include_str!("components/schemas/documents.json"),
];

/// The version of the catalog's form, as the core gives it.
const CATALOG_VERSION: u32 = 1;

/// What these routes share. `public_url` is the base of the links in examples.
pub(super) fn components(routes: &[Route], public_url: &str) -> Value {
    let mut schemas = members_of_all(SCHEMAS);
    complete_turn_request(&mut schemas);
    schemas.insert("ErrorCode".to_owned(), error_code());
    schemas.insert("ErrorType".to_owned(), error_type());
    let mut examples = members_of_all(EXAMPLES);
    examples.extend(error_examples(routes, public_url));
    examples.insert("ErrorCatalog".to_owned(), error_catalog(public_url));
    examples.insert(
        "ErrorEntry".to_owned(),
        json!({
            "summary": "One code",
            "value": error_entry(ErrorCode::ModelNotInAllowlist, public_url),
        }),
    );
    json!({
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of the operator's. It belongs to a tenant and holds scopes.",
            },
        },
        "schemas": schemas,
        "parameters": members(PARAMETERS),
        "headers": members(HEADERS),
        "examples": examples,
    })
}

/// A reference to a component.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

/// References to examples, each under its own name.
pub(super) fn examples(names: &[&str]) -> Map<String, Value> {
    names.iter().map(|name| ((*name).to_owned(), reference("examples", name))).collect()
}

/// The files, kind by kind.
#[cfg(test)]
pub(super) fn files() -> [Vec<&'static str>; 4] {
    [vec![PARAMETERS], vec![HEADERS], EXAMPLES.to_vec(), SCHEMAS.to_vec()]
}

/// The members of one of the files. Every file is a JSON object, which a test proves.
pub(super) fn members(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).unwrap_or_default()
}

fn members_of_all(texts: &[&str]) -> Map<String, Value> {
    texts.iter().flat_map(|text| members(text)).collect()
}

/// A turn takes what a chat takes: its schema says what differs, and gets all other properties of a chat.
fn complete_turn_request(schemas: &mut Map<String, Value>) {
    let of_chat = schemas.get("ChatRequest").and_then(|schema| schema["properties"].as_object()).cloned();
    let of_turn = schemas.get_mut("TurnRequest").and_then(|schema| schema["properties"].as_object_mut());
    if let (Some(of_chat), Some(of_turn)) = (of_chat, of_turn) {
        for (name, property) in of_chat {
            of_turn.entry(name).or_insert(property);
        }
    }
}

fn error_code() -> Value {
    let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.facts().code).collect();
    json!({
        "type": "string",
        "enum": codes,
        "description": "What went wrong. A code never changes its meaning; new ones may be added.",
    })
}

fn error_type() -> Value {
    let mut types: Vec<_> = ErrorCode::ALL.iter().map(|code| code.facts().error_type).collect();
    types.sort_unstable();
    types.dedup();
    json!({
        "type": "string",
        "enum": types,
        "description": "What kind of reaction is called for.",
    })
}

fn error_catalog(public_url: &str) -> Value {
    let entries: Vec<_> = ErrorCode::ALL.iter().map(|code| error_entry(*code, public_url)).collect();
    json!({
        "summary": "The whole catalog",
        "value": {"version": CATALOG_VERSION, "count": entries.len(), "entries": entries},
    })
}

/// What the catalog says of a code, as the routes of the catalog answer it.
fn error_entry(code: ErrorCode, public_url: &str) -> Value {
    let facts = code.facts();
    let wires: &[&str] = if facts.http_only { &["http"] } else { &["http", "grpc"] };
    json!({
        "code": facts.code,
        "type": facts.error_type,
        "http_status": facts.http_status,
        "title": facts.title,
        "description": facts.description,
        "remediation": facts.remediation,
        "typical_param": facts.typical_param,
        "grpc_status": facts.grpc_status,
        "retryable": facts.retryable,
        "wires": wires,
        "doc_url": format!("{public_url}/docs/errors#{}", facts.code),
    })
}
