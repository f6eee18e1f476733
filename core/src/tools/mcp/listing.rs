//! The tools of a server's list, as tools of the gateway.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gateway_proto::ApiError;
use rmcp::model::{JsonObject, Tool as ListedTool};

use super::output;
use super::server::McpServer;
use crate::tools::{Effect, MAX_ARGUMENTS_BYTES, Tool, ToolContext, ToolFacts, ToolOutput};

/// What stands between the name of the server and that of the tool.
const BETWEEN: &str = "__";
const MAX_NAME_BYTES: usize = 64;
/// The most tools of one server, and the longest that one may say of itself: all of it goes to the model with each request.
const MAX_TOOLS: usize = 100;
const MAX_DESCRIPTION_CHARS: usize = 4096;
const MAX_SCHEMA_BYTES: usize = 32 * 1024;

/// A tool of a server.
#[derive(Debug)]
struct McpTool {
    server: Arc<McpServer>,
    /// The server's own name for it.
    name: String,
    facts: ToolFacts,
}

/// Those tools of a list that are taken. One that cannot be offered is left out, with a line in the log.
pub(super) fn tools(server: &Arc<McpServer>, list: Vec<ListedTool>) -> Vec<Arc<dyn Tool>> {
    let allow = &server.endpoint().allow;
    let mut names = BTreeSet::new();
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    for listed in list.iter().filter(|listed| allow.iter().any(|pattern| pattern.matches(&listed.name))) {
        let facts = match facts(server.name(), listed) {
            Ok(_) if tools.len() == MAX_TOOLS => Err("the server has too many"),
            Ok(facts) if names.insert(facts.name.clone()) => Ok(facts),
            Ok(_) => Err("its name is given twice"),
            Err(reason) => Err(reason),
        };
        match facts {
            Ok(facts) => {
                tools.push(Arc::new(McpTool { server: Arc::clone(server), name: listed.name.to_string(), facts }));
            }
            Err(reason) => {
                let (name, tool) = (server.name(), listed.name.chars().take(MAX_NAME_BYTES).collect::<String>());
                tracing::warn!(server = name, tool, reason, "a tool of MCP server '{name}' is left out: {reason}");
            }
        }
    }
    tools
}

/// What is told of a tool, or why it cannot be offered.
fn facts(server: &str, listed: &ListedTool) -> Result<ToolFacts, &'static str> {
    let name = format!("{server}{BETWEEN}{}", listed.name);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if listed.name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(is_name) {
        return Err(
            "with the server's name before it, its name is not 1 to 64 letters, digits, underscores and hyphens",
        );
    }
    let schema = serde_json::to_vec(&*listed.input_schema).map_err(|_| "its parameters are not JSON")?;
    if schema.len() > MAX_SCHEMA_BYTES {
        return Err("its parameters are too long");
    }
    let description = listed.description.as_deref().or(listed.title.as_deref()).unwrap_or_default();
    let description: String = description.chars().take(MAX_DESCRIPTION_CHARS).collect();
    // What a server says of the effects of its tools is not relied upon.
    Ok(ToolFacts::new(&name, &description, schema.into(), Effect::Other))
}

#[async_trait]
impl Tool for McpTool {
    fn facts(&self) -> &ToolFacts {
        &self.facts
    }

    fn timeout(&self) -> Option<Duration> {
        self.server.endpoint().timeout
    }

    async fn run(&self, context: &ToolContext, arguments: &[u8]) -> Result<ToolOutput, ApiError> {
        let arguments = read_arguments(arguments)?;
        Ok(output::of(self.server.call(&self.name, arguments, context.call.request_id.trace()).await))
    }
}

/// The arguments as an object; whether they fit the tool is the server's to judge.
fn read_arguments(json: &[u8]) -> Result<JsonObject, ApiError> {
    if json.len() > MAX_ARGUMENTS_BYTES {
        let message = format!("'arguments' must be at most {MAX_ARGUMENTS_BYTES} bytes, not {}.", json.len());
        return Err(ApiError::invalid_field("arguments", message));
    }
    // A model that has nothing to say often says nothing at all.
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    serde_json::from_slice(json).map_err(|_| ApiError::invalid_field("arguments", "'arguments' must be a JSON object."))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use gateway_auth::NamePattern;
    use serde_json::json;

    use super::*;
    use crate::tools::McpEndpoint;

    fn listed(name: impl Into<Cow<'static, str>>) -> ListedTool {
        let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
        ListedTool::new(name, "Tells the weather.", schema.as_object().unwrap().clone())
    }

    fn server(allow: &[&str]) -> Arc<McpServer> {
        let endpoint = McpEndpoint {
            name: "weather".to_owned(),
            url: "http://127.0.0.1:1/mcp".parse().unwrap(),
            headers: http::HeaderMap::new(),
            timeout: None,
            allow: allow.iter().map(|pattern| NamePattern::parse(pattern).unwrap()).collect(),
            extra_roots: Vec::new(),
        };
        Arc::new(McpServer::new(endpoint).unwrap())
    }

    fn names(allow: &[&str], list: Vec<ListedTool>) -> Vec<String> {
        tools(&server(allow), list).iter().map(|tool| tool.facts().name.clone()).collect()
    }

    #[tokio::test]
    async fn only_what_is_allowed_is_taken() {
        let list = || vec![listed("now"), listed("next_hour"), listed("next_day"), listed("erase")];
        assert_eq!(names(&["now", "next_*"], list()), ["weather__now", "weather__next_hour", "weather__next_day"]);
        assert_eq!(names(&["*"], list()).len(), 4);
        assert!(names(&["weather__now"], list()).is_empty());
    }

    #[tokio::test]
    async fn what_cannot_be_offered_is_left_out() {
        let long = "x".repeat(64 - "weather__".len());
        let mut bad = vec![listed("a b"), listed(""), listed("caf\u{e9}"), listed("now"), listed("now")];
        bad.push(listed(format!("{long}x")));
        bad.push(listed(long.clone()));
        let huge = json!({"type": "object", "description": "x".repeat(MAX_SCHEMA_BYTES)});
        bad.push(ListedTool::new("huge", "", huge.as_object().unwrap().clone()));
        assert_eq!(names(&["*"], bad), ["weather__now".to_owned(), format!("weather__{long}")]);
        let many = (0..MAX_TOOLS + 1).map(|n| listed(format!("t{n}")));
        assert_eq!(names(&["*"], many.collect()).len(), MAX_TOOLS);
    }

    #[tokio::test]
    async fn a_tool_is_described_as_its_server_does() {
        let (mut long, mut silent) = (listed("now"), listed("then"));
        (long.description, silent.description) = (Some("\u{e9}".repeat(5000).into()), None);
        let tools = tools(&server(&["*"]), vec![long, silent]);
        let facts = tools[0].facts();
        assert_eq!((facts.description.chars().count(), facts.effect), (MAX_DESCRIPTION_CHARS, Effect::Other));
        assert_eq!(facts.parameters, r#"{"properties":{"city":{"type":"string"}},"type":"object"}"#.as_bytes());
        assert_eq!(tools[1].facts().description, "");
    }

    #[test]
    fn arguments_are_an_object() {
        assert!(read_arguments(b" ").unwrap().is_empty());
        assert_eq!(read_arguments(br#"{"n": 9007199254740993}"#).unwrap()["n"], 9_007_199_254_740_993_u64);
        for bad in ["[]", "1", "null", "{", r#"{"a": 1} x"#] {
            assert_eq!(read_arguments(bad.as_bytes()).unwrap_err().param(), Some("arguments"), "{bad}");
        }
        let huge = format!(r#"{{"a": "{}"}}"#, "x".repeat(MAX_ARGUMENTS_BYTES));
        assert!(read_arguments(huge.as_bytes()).is_err());
    }
}
