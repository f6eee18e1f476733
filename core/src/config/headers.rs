//! Headers that the operator wants sent to a server, and the secrets in them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Headers that say how a request is framed or read, or that the gateway sets on each.
const HEADERS_OF_OUR_OWN: [&str; 13] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];
/// How the names of others begin that are the gateway's to set.
const BEGINNINGS_OF_OUR_OWN: [&str; 2] = ["mcp-", "proxy-"];

/// The value of a header: as it is, or where it is kept.
#[derive(Debug)]
pub(super) enum HeaderEntry {
    Plain(String),
    Secret(Secret),
}

/// Where a secret is kept.
#[derive(Debug)]
pub(super) enum Secret {
    Env(String),
    File(PathBuf),
}

/// The headers, with the secrets from where the operator keeps them.
pub(super) fn headers(entries: &BTreeMap<String, HeaderEntry>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, entry) in entries {
        let wrong = |reason: String| format!("header '{name}': {reason}");
        let parsed = HeaderName::try_from(name).map_err(|_| wrong("it is no name of a header".to_owned()))?;
        let begins_as_ours = BEGINNINGS_OF_OUR_OWN.iter().any(|beginning| parsed.as_str().starts_with(beginning));
        if begins_as_ours || HEADERS_OF_OUR_OWN.contains(&parsed.as_str()) {
            return Err(wrong("it is the gateway's to set".to_owned()));
        }
        if headers.insert(parsed, entry.value().map_err(wrong)?).is_some() {
            return Err(wrong("it is given twice".to_owned()));
        }
    }
    Ok(headers)
}

impl HeaderEntry {
    fn value(&self) -> Result<HeaderValue, String> {
        let secret = match self {
            Self::Plain(text) => {
                return HeaderValue::from_str(text).map_err(|_| "its value can stand in no header".to_owned());
            }
            Self::Secret(Secret::Env(name)) => from_variable(name)?,
            Self::Secret(Secret::File(path)) => from_file("file", path)?,
        };
        let value = HeaderValue::from_str(secret.expose_secret());
        let mut value = value.map_err(|_| "its value can stand in no header".to_owned())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// A secret that a variable holds.
pub(super) fn from_variable(name: &str) -> Result<SecretString, String> {
    let value = variable(name).ok_or_else(|| format!("the variable {name} is not set"))?;
    Ok(value.trim().into())
}

/// A secret that a file holds, which this member of the configuration names.
pub(super) fn from_file(member: &str, path: &Path) -> Result<SecretString, String> {
    let value = fs::read_to_string(path).map_err(|error| format!("{member} '{}': {error}", path.display()))?;
    Ok(value.trim().into())
}

#[expect(clippy::disallowed_methods, reason = "the operator names the variable in a file of the configuration")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

// === a text, or {env: NAME}, or {file: PATH} ===

impl<'de> Deserialize<'de> for HeaderEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = HeaderEntry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, {env: NAME} or {file: PATH}")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HeaderEntry, E> {
        Ok(HeaderEntry::Plain(text.to_owned()))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<HeaderEntry, M::Error> {
        let secret = match map.next_key::<String>()?.as_deref() {
            Some("env") => Secret::Env(map.next_value()?),
            Some("file") => Secret::File(map.next_value()?),
            Some(other) => return Err(M::Error::unknown_field(other, &["env", "file"])),
            None => return Err(M::Error::custom("env or file is missing")),
        };
        match map.next_key::<String>()? {
            None => Ok(HeaderEntry::Secret(secret)),
            Some(_) => Err(M::Error::custom("only one of env and file can be given")),
        }
    }
}
