//! The OpenAPI document: every route of the edge, what goes in, what comes out, and every error by its code.
//!
//! What the tables know is never typed again: method, path, id, access and description of a route come from the route
//! table, every error from the catalog. `routes` says what those cannot know, in a match that a new route does not
//! compile without; `components` holds the JSON that routes share. The document is committed as `openapi.json`, and a
//! test keeps the two the same.

mod components;
mod error_examples;
mod operation;
mod responses;
mod route;
mod routes;

use serde_json::{Map, Value, json};

pub(crate) use error_examples::{REQUEST_ID, error_of};
use route::{Route, Tag};

/// The version of the OpenAPI specification that the document follows.
const OPENAPI_VERSION: &str = "3.1.0";

const DESCRIPTION: &str = "\
The OpenAI chat API in front of any number of model servers. Official OpenAI SDKs work with this server's address and \
`/v1` as their base URL. The same is offered over gRPC.

Every error has the one form `Error`. Its `code` never changes its meaning; `GET /errors` lists all codes, and the \
header `x-should-retry` says whether the same request may be sent again. A path that is not in this document, or another \
method on one that is, answers 404 with the code `route_not_found`. HEAD works where GET does.";

/// The document. `public_url` is the address under which clients reach the edge, without a slash at its end.
#[must_use]
pub fn document(public_url: &str) -> Value {
    let routes = routes::all();
    json!({
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Chat gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
            "license": {"name": env!("CARGO_PKG_LICENSE"), "identifier": env!("CARGO_PKG_LICENSE")},
        },
        "servers": [{"url": public_url}],
        // Holds for every operation that does not say otherwise.
        "security": [{"bearer": []}],
        "tags": tags(),
        "paths": paths(&routes),
        "components": components::components(&routes, public_url),
    })
}

fn tags() -> Value {
    Tag::ALL.iter().map(|tag| json!({"name": tag.name(), "description": tag.description()})).collect()
}

/// Every route under its path and its method.
fn paths(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(openapi_path(route.path_template)).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation::operation(route);
    }
    Value::Object(paths)
}

/// `/v1/models/{alias=**}` becomes `/v1/models/{alias}`: OpenAPI has no word for the rest of a path.
fn openapi_path(template: &str) -> String {
    template.replace("=**}", "}")
}

#[cfg(test)]
mod tests;
