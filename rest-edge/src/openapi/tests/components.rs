//! The components fit together.

use super::super::components::{files, members};
use super::*;

/// Calls `visit` with every object in a document.
fn for_each_object(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| for_each_object(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| for_each_object(value, visit)),
        _ => {}
    }
}

#[test]
fn every_file_is_an_object_and_no_name_is_given_twice() {
    for kind in files() {
        let mut names = BTreeSet::new();
        for text in kind {
            let parsed: Map<String, Value> = serde_json::from_str(text).unwrap();
            assert!(!parsed.is_empty());
            assert_eq!(parsed, members(text));
            for name in parsed.into_iter().map(|(name, _)| name) {
                assert!(names.insert(name.clone()), "{name} is there twice");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = local_document();
    let mut references = BTreeSet::new();
    for_each_object(&document, &mut |object| {
        let of_mapping = object.get("mapping").and_then(Value::as_object).into_iter().flat_map(Map::values);
        let found = object.get("$ref").into_iter().chain(of_mapping).filter_map(Value::as_str);
        references.extend(found.map(str::to_owned));
    });
    assert!(references.len() > 50);
    for reference in references {
        assert!(follow(&document, &reference).is_some(), "{reference}");
    }
}

#[test]
fn every_component_is_used() {
    let document = local_document();
    let text = document.to_string();
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            assert!(text.contains(&format!("\"#/components/{kind}/{name}\"")), "{kind} {name} is not used");
        }
    }
}

#[test]
fn every_required_member_is_described() {
    for_each_object(&local_document()["components"]["schemas"], &mut |object| {
        let Some(required) = object.get("required").and_then(Value::as_array) else { return };
        for name in required {
            assert!(object["properties"].get(name.as_str().unwrap()).is_some(), "{name} of {object:?}");
        }
    });
}

#[test]
fn errors_have_every_code_and_seven_types() {
    let document = local_document();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["ErrorCode"]["enum"].as_array().unwrap().len(), ErrorCode::ALL.len());
    assert_eq!(schemas["ErrorType"]["enum"].as_array().unwrap().len(), 7);
}
