//! The responses of an operation: one for each status, with all that can come under it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use gateway_proto::{Access, ErrorCode};
use serde_json::{Map, Value, json};

use super::components::{examples, reference};
use super::error_examples::error_examples_of;
use super::route::{Answer, Route};

/// Headers of every response.
const ALWAYS: &[&str] = &["x-request-id", "spass-request-id"];
/// Headers of a response to a caller that is known.
const RATE_LIMIT: &[&str] =
    &["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
/// Headers of every error.
const ERROR: &[&str] = &["x-error-code", "x-should-retry"];
const AUTHENTICATE: &str = "WWW-Authenticate";
const RETRY_AFTER: &str = "Retry-After";

/// The responses of a route, by status.
pub(super) fn responses(route: &Route) -> Value {
    let mut responses = BTreeMap::<u16, Response>::new();
    for answer in std::iter::once(&route.facts.success).chain(&route.facts.other_failure) {
        responses.entry(answer.status).or_default().add_answer(answer);
    }
    for code in route.errors() {
        let examples = error_examples_of(route, code).map(|example| {
            let label = example.label();
            (label, reference("examples", &example.name()))
        });
        responses.entry(code.facts().http_status).or_default().add_error(code, examples);
    }
    let rendered = responses.into_iter().map(|(status, mut response)| {
        response.headers.extend(ALWAYS);
        // A caller whose credential is not accepted is not known.
        if route.access != Access::Public && status != 401 {
            response.headers.extend(RATE_LIMIT);
        }
        (status.to_string(), response.render())
    });
    Value::Object(rendered.collect())
}

/// All that can come under one status.
#[derive(Default)]
struct Response {
    description: String,
    headers: BTreeSet<&'static str>,
    content: BTreeMap<&'static str, Media>,
}

/// All that can come as one media type.
#[derive(Default)]
struct Media {
    schemas: BTreeSet<&'static str>,
    examples: Map<String, Value>,
}

impl Response {
    fn add_answer(&mut self, answer: &Answer) {
        answer.description.clone_into(&mut self.description);
        self.headers.extend(answer.headers);
        for content in answer.content.iter().chain(&answer.events) {
            let media = self.content.entry(content.media_type).or_default();
            media.schemas.insert(content.schema);
            media.examples.extend(examples(content.examples));
        }
    }

    fn add_error(&mut self, code: ErrorCode, examples: impl Iterator<Item = (String, Value)>) {
        let facts = code.facts();
        let separator = if self.description.is_empty() { "" } else { "\n" };
        // Writing to a string does not fail.
        let _ = write!(self.description, "{separator}- `{}`: {}.", facts.code, facts.title);
        self.headers.extend(ERROR);
        match facts.http_status {
            // The other codes of this status are not for waiting.
            409 if facts.retryable => drop(self.headers.insert(RETRY_AFTER)),
            401 => drop(self.headers.insert(AUTHENTICATE)),
            429 | 503 => drop(self.headers.insert(RETRY_AFTER)),
            _ => {}
        }
        let media = self.content.entry("application/json").or_default();
        media.schemas.insert("Error");
        media.examples.extend(examples);
    }

    fn render(self) -> Value {
        let headers = self.headers.into_iter().map(|name| (name.to_owned(), reference("headers", name)));
        let mut response = json!({"description": self.description, "headers": headers.collect::<Map<_, _>>()});
        if !self.content.is_empty() {
            let content = self.content.into_iter().map(|(media_type, media)| (media_type.to_owned(), media.render()));
            response["content"] = content.collect::<Map<_, _>>().into();
        }
        response
    }
}

impl Media {
    fn render(self) -> Value {
        let schemas: Vec<_> = self.schemas.into_iter().map(|schema| reference("schemas", schema)).collect();
        let schema = match <[Value; 1]>::try_from(schemas) {
            Ok([schema]) => schema,
            Err(several) => json!({"anyOf": several}),
        };
        let mut media = json!({"schema": schema});
        if !self.examples.is_empty() {
            media["examples"] = self.examples.into();
        }
        media
    }
}
