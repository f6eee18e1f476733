//! The operator's tools file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use gateway_auth::NamePattern;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::headers::{HeaderEntry, headers};
use super::values;
use crate::tools::McpEndpoint;

/// The longest name of a server: half of what a tool's whole name may have.
const MAX_NAME_BYTES: usize = 32;

/// The tools file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolsFile {
    #[serde(default)]
    mcp_servers: Vec<McpServerEntry>,
}

/// A server that speaks the Model Context Protocol over streamable HTTP.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct McpServerEntry {
    name: String,
    #[serde(deserialize_with = "server_url")]
    url: Url,
    /// Headers that it is sent besides.
    #[serde(default)]
    headers: BTreeMap<String, HeaderEntry>,
    /// How long a call of one of its tools may take; none: as long as of any other.
    #[serde(default)]
    timeout_secs: Option<f64>,
    /// Which of its tools are taken, by its own names for them.
    allow: Vec<String>,
}

/// Reads a tools file. An unknown key, a wrong value or a name given twice is an error that names it.
pub(super) fn read(path: &Path, extra_roots: &[Vec<u8>]) -> Result<Vec<McpEndpoint>, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    parse(&text, extra_roots)
}

fn parse(text: &str, extra_roots: &[Vec<u8>]) -> Result<Vec<McpEndpoint>, String> {
    let file: ToolsFile = serde_saphyr::from_str(text).map_err(|error| error.without_snippet().to_string())?;
    if !cfg!(feature = "mcp") && !file.mcp_servers.is_empty() {
        return Err("mcp_servers: this program was built without the feature mcp".to_owned());
    }
    let mut names = BTreeSet::new();
    let mut servers = Vec::new();
    for entry in file.mcp_servers {
        if !names.insert(entry.name.clone()) {
            return Err(format!("the server '{}' is given twice", entry.name));
        }
        let name = entry.name.clone();
        servers.push(entry.endpoint(extra_roots).map_err(|reason| format!("server '{name}': {reason}"))?);
    }
    Ok(servers)
}

impl McpServerEntry {
    fn endpoint(self, extra_roots: &[Vec<u8>]) -> Result<McpEndpoint, String> {
        // Two underscores end the server's name in the name of a tool, so that no two servers can have a tool of one name.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let has_form = (1..=MAX_NAME_BYTES).contains(&self.name.len()) && self.name.bytes().all(is_name);
        if !has_form || self.name.contains("__") || self.name.ends_with('_') {
            return Err("a name is 1 to 32 letters, digits, hyphens and single underscores, none at its end".to_owned());
        }
        let timeout = match self.timeout_secs {
            None => None,
            Some(seconds) => {
                let timeout: Result<Duration, _> = values::seconds(&seconds.to_string());
                Some(timeout.map_err(|reason| format!("timeout_secs {reason}"))?)
            }
        };
        let pattern = |text: &String| {
            NamePattern::parse(text).map_err(|invalid| format!("'{text}' cannot stand for tools: it {invalid}"))
        };
        let allow = self.allow.iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
        if allow.is_empty() {
            return Err("allow is empty; list the tools to take, or ['*'] for all".to_owned());
        }
        let headers = headers(&self.headers)?;
        Ok(McpEndpoint { name: self.name, url: self.url, headers, timeout, allow, extra_roots: extra_roots.to_vec() })
    }
}

/// An address that can be logged: what is secret goes into a header.
fn server_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let url = Url::parse(&String::deserialize(deserializer)?).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let url = url.filter(|url| url.username().is_empty() && url.password().is_none());
    url.filter(|url| url.query().is_none() && url.fragment().is_none()).ok_or_else(|| {
        D::Error::custom(
            "url must be an http or https URL without user, query and fragment; what is secret is a header",
        )
    })
}

#[cfg(all(test, feature = "mcp"))]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_right() {
        let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config/tools.example.yaml");
        let text = fs::read_to_string(sample).unwrap();
        // The variable that it names is not set here.
        let found = parse(&text, &[]).unwrap_err();
        assert!(
            found.contains("server 'tickets': header 'authorization': the variable TICKETS_AUTHORIZATION"),
            "{found}"
        );
        let text = text.replace("{env: TICKETS_AUTHORIZATION}", "Bearer sample");
        let servers = parse(&text, &[]).unwrap();
        let names: Vec<_> = servers.iter().map(|server| server.name.as_str()).collect();
        assert_eq!(names, ["weather", "tickets"]);
        assert_eq!((servers[0].timeout, servers[1].timeout), (None, Some(Duration::from_secs(30))));
        assert!(servers[1].allow.iter().any(|pattern| pattern.matches("search_tickets")));
        assert!(!servers[1].allow.iter().any(|pattern| pattern.matches("delete_ticket")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (entry, reason) in [
            ("{name: a, url: 'http://h/mcp'}", "missing field `allow`"),
            ("{name: a, url: 'http://h/mcp', allow: []}", "allow is empty"),
            ("{name: a, url: 'http://h/mcp', allow: ['a b']}", "'a b' cannot stand for tools: it must be"),
            ("{name: 'a b', url: 'http://h/mcp', allow: ['*']}", "a name is 1 to 32 letters"),
            ("{name: a__b, url: 'http://h/mcp', allow: ['*']}", "a name is 1 to 32 letters"),
            ("{name: a_, url: 'http://h/mcp', allow: ['*']}", "a name is 1 to 32 letters"),
            ("{name: a, url: 'ftp://h/mcp', allow: ['*']}", "url must be an http or https URL"),
            ("{name: a, url: 'http://u:p@h/mcp', allow: ['*']}", "url must be an http or https URL"),
            ("{name: a, url: 'http://h/mcp?key=x', allow: ['*']}", "url must be an http or https URL"),
            ("{name: a, url: 'http://h/mcp', allow: ['*'], timeout_secs: 0}", "timeout_secs must be a number"),
            ("{name: a, url: 'http://h/mcp', allow: ['*'], timeout: 1}", "unknown field"),
            ("{name: a, url: 'http://h/mcp', allow: ['*'], headers: {mcp-session-id: x}}", "is the gateway's to set"),
            (
                "{name: a, url: 'http://h/mcp', allow: ['*']}, {name: a, url: 'http://h/mcp', allow: ['*']}",
                "the server 'a' is given twice",
            ),
        ] {
            let found = parse(&format!("mcp_servers: [{entry}]"), &[]).unwrap_err();
            assert!(found.contains(reason), "{entry}: {found}");
        }
        assert!(parse("mcp_servers: []", &[]).unwrap().is_empty());
        assert!(parse("mcp_server: []", &[]).unwrap_err().contains("unknown field"));
    }
}
