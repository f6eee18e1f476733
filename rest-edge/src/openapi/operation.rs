//! One operation object.

use gateway_proto::Access;
use serde_json::{Value, json};

use super::components::{examples, reference};
use super::responses::responses;
use super::route::Route;

/// Headers that every route reads.
const REQUEST_ID: &[&str] = &["SPASS-Request-Id", "X-Request-Id"];
/// Headers that say for whom a call acts.
const IDENTITY: &[&str] = &["X-Tenant-Id", "SPASS-Tenant-Id", "SPASS-User-Id", "SPASS-Scope-Id"];

/// The operation object of a route.
pub(super) fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": route.id,
        "tags": [route.facts.tag.name()],
        "summary": route.facts.summary,
        "description": description(route),
        "parameters": parameters(route),
        "responses": responses(route),
    });
    if let Some(request) = &route.facts.request {
        operation["requestBody"] = json!({
            "required": true,
            "description": request.description,
            "content": {
                request.content.media_type: {
                    "schema": reference("schemas", request.content.schema),
                    "examples": examples(request.content.examples),
                },
            },
        });
    }
    match route.access {
        Access::Public => operation["security"] = json!([]),
        // The security of the whole document holds.
        Access::Authenticated => {}
        Access::Scopes(scopes) => operation["x-required-scopes"] = scopes.into(),
    }
    operation
}

fn description(route: &Route) -> String {
    match route.access {
        Access::Public => format!("{} Needs no token.", route.description),
        Access::Authenticated => format!("{} Needs any valid token.", route.description),
        Access::Scopes(scopes) => {
            format!("{} Needs a token with the scope `{}`.", route.description, scopes.join("` and the scope `"))
        }
    }
}

fn parameters(route: &Route) -> Value {
    let identity = if route.access == Access::Public { &[] } else { IDENTITY };
    let names = route.facts.parameters.iter().chain(identity).chain(REQUEST_ID);
    names.map(|name| reference("parameters", name)).collect()
}
