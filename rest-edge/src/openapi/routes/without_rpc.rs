//! The routes that the edge answers by itself.

use gateway_proto::{Access, ErrorCode};

use super::super::route::{Answer, Content, Route, RouteFacts, Tag};
use super::ANY;

/// Every one of them, as `router.rs` has them.
pub(super) const WITHOUT_RPC: [Route; 9] = [
    Route {
        id: "getLiveness",
        method: "GET",
        path_template: "/healthz",
        access: Access::Public,
        description: "Tells that the process answers. It looks at nothing else: a core or model server that is out does \
                      not change it.",
        facts: RouteFacts {
            tag: Tag::Health,
            summary: "Tell whether the process lives",
            parameters: &[],
            request: None,
            success: Answer::ok("It does.", Content::json("Liveness", &["Live"])),
            other_failure: None,
            errors: &[ANY],
        },
    },
    Route {
        id: "getOpenApiDocument",
        method: "GET",
        path_template: "/openapi.json",
        access: Access::Public,
        description: "Gets this document.",
        facts: RouteFacts {
            tag: Tag::Documents,
            summary: "Get this document",
            parameters: &[],
            request: None,
            success: Answer::ok("This document.", Content::json("OpenApiDocument", &[])),
            other_failure: None,
            errors: &[ANY],
        },
    },
    page(
        "getHome",
        "/",
        "Gets the page to begin at: what this is, whether it works, and where all else is.",
        "Get the first page",
    ),
    page("getDocumentation", "/docs", "Gets the first page of the documentation.", "Get the documentation"),
    page(
        "getErrorPage",
        "/docs/errors",
        "Gets the error catalog as a page, which the link in every error leads to. Each code is an anchor.",
        "Get the error catalog as a page",
    ),
    Route {
        facts: RouteFacts {
            parameters: &["page"],
            errors: &[ANY, &[ErrorCode::RouteNotFound]],
            ..page_facts("Get a page of the documentation")
        },
        ..page("getDocument", "/docs/{page}", "Gets a page of the documentation.", "")
    },
    page(
        "getApiReference",
        "/openapi",
        "Gets a page over this document, which can send its requests.",
        "Get the API reference",
    ),
    page(
        "getPlayground",
        "/playground",
        "Gets a page to try chats, conversations, memory and all else.",
        "Get the playground",
    ),
    Route {
        id: "getAsset",
        method: "GET",
        path_template: "/assets/{file}",
        access: Access::Public,
        description: "Gets a file that the pages load. Which there are is not part of the contract.",
        facts: RouteFacts {
            tag: Tag::Documents,
            summary: "Get a file of the pages",
            parameters: &["file"],
            request: None,
            success: Answer::ok("The file.", Content { media_type: "*/*", schema: "Asset", examples: &[] }),
            other_failure: None,
            errors: &[ANY, &[ErrorCode::RouteNotFound]],
        },
    },
];

/// A page for people.
const fn page(id: &'static str, path: &'static str, description: &'static str, summary: &'static str) -> Route {
    Route { id, method: "GET", path_template: path, access: Access::Public, description, facts: page_facts(summary) }
}

const fn page_facts(summary: &'static str) -> RouteFacts {
    RouteFacts {
        tag: Tag::Documents,
        summary,
        parameters: &[],
        request: None,
        success: Answer::ok("The page.", Content { media_type: "text/html", schema: "HtmlPage", examples: &[] }),
        other_failure: None,
        errors: &[ANY],
    }
}
