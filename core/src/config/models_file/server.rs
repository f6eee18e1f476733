//! A server in the models file.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::config::values;
use crate::upstream::{BreakerSettings, DailyLimit, Handling, RequestRules, RetryRule, SystemMessages, TokenLimitName};

/// Headers that say how a request is framed or read, or that the gateway sets on each.
const HEADERS_OF_OUR_OWN: [&str; 12] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-request-id",
];
/// Parameters without which there is no chat.
const NEEDED_PARAMS: [&str; 3] = ["model", "messages", "stream"];

/// A server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct ServerEntry {
    #[serde(deserialize_with = "base_url")]
    pub(in crate::config) base_url: Url,
    /// The environment variable that holds its key.
    #[serde(default)]
    api_key_env: Option<String>,
    /// The file that holds its key.
    #[serde(default)]
    api_key_file: Option<PathBuf>,
    /// Headers that it is sent besides.
    #[serde(default)]
    headers: BTreeMap<String, HeaderEntry>,
    #[serde(default)]
    retry: RetryEntry,
    #[serde(default)]
    daily_limit: Option<DailyLimitEntry>,
    #[serde(default)]
    drop_params: Vec<String>,
    #[serde(default)]
    token_limit: Option<TokenLimitEntry>,
    #[serde(default)]
    system_messages: SystemMessagesEntry,
    #[serde(default)]
    breaker: BreakerEntry,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RetryEntry {
    #[default]
    Unanswered,
    Safe,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct DailyLimitEntry {
    #[serde(default)]
    requests: Option<NonZeroU32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenLimitEntry {
    MaxTokens,
    MaxCompletionTokens,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SystemMessagesEntry {
    #[default]
    Keep,
    Merge,
}

/// What differs from the settings for all servers.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerEntry {
    #[serde(default)]
    failures: Option<u32>,
    #[serde(default)]
    open_secs: Option<f64>,
}

/// The value of a header: as it is, or where it is kept.
#[derive(Debug)]
enum HeaderEntry {
    Plain(String),
    Secret(Secret),
}

/// Where a secret is kept.
#[derive(Debug)]
enum Secret {
    Env(String),
    File(PathBuf),
}

/// The settings of a breaker; none for one that never opens.
pub(in crate::config) fn breaker(failures: u32, longest_open: Duration) -> Option<BreakerSettings> {
    (failures > 0).then_some(BreakerSettings { failures, longest_open })
}

impl ServerEntry {
    /// The key, from where the operator keeps it.
    pub(in crate::config) fn key(&self) -> Result<Option<SecretString>, String> {
        match (&self.api_key_env, &self.api_key_file) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err("has both api_key_env and api_key_file".to_owned()),
            (Some(name), None) => from_variable(name).map(Some),
            (None, Some(path)) => from_file("api_key_file", path).map(Some),
        }
    }

    /// The headers that it is sent besides.
    pub(in crate::config) fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, entry) in &self.headers {
            let wrong = |reason: String| format!("header '{name}': {reason}");
            let parsed = HeaderName::try_from(name).map_err(|_| wrong("it is no name of a header".to_owned()))?;
            if HEADERS_OF_OUR_OWN.contains(&parsed.as_str()) || parsed.as_str().starts_with("proxy-") {
                return Err(wrong("it is the gateway's to set".to_owned()));
            }
            if headers.insert(parsed, entry.value().map_err(wrong)?).is_some() {
                return Err(wrong("it is given twice".to_owned()));
            }
        }
        Ok(headers)
    }

    /// How it is to be handled; `failures` and `longest_open` are the settings for all servers.
    pub(in crate::config) fn handling(&self, failures: u32, longest_open: Duration) -> Result<Handling, String> {
        if let Some(name) = self.drop_params.iter().find(|name| NEEDED_PARAMS.contains(&name.as_str())) {
            return Err(format!("drop_params: '{name}' cannot be left out"));
        }
        let longest_open = match self.breaker.open_secs {
            None => longest_open,
            Some(seconds) => {
                values::seconds(&seconds.to_string()).map_err(|reason| format!("breaker: open_secs {reason}"))?
            }
        };
        Ok(Handling {
            rules: RequestRules {
                drop_params: self.drop_params.clone(),
                token_limit: self.token_limit.map(|name| match name {
                    TokenLimitEntry::MaxTokens => TokenLimitName::MaxTokens,
                    TokenLimitEntry::MaxCompletionTokens => TokenLimitName::MaxCompletionTokens,
                }),
                system_messages: match self.system_messages {
                    SystemMessagesEntry::Keep => SystemMessages::Keep,
                    SystemMessagesEntry::Merge => SystemMessages::Merge,
                },
            },
            retry: match self.retry {
                RetryEntry::Unanswered => RetryRule::Unanswered,
                RetryEntry::Safe => RetryRule::Safe,
            },
            daily_limit: self.daily_limit.map(|limit| DailyLimit { requests: limit.requests.map(NonZeroU32::get) }),
            breaker: breaker(self.breaker.failures.unwrap_or(failures), longest_open),
        })
    }
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

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    values::base_url(&text).map_err(|reason| D::Error::custom(format!("base_url {reason}")))
}

fn from_variable(name: &str) -> Result<SecretString, String> {
    let value = variable(name).ok_or_else(|| format!("the variable {name} is not set"))?;
    Ok(value.trim().into())
}

fn from_file(member: &str, path: &Path) -> Result<SecretString, String> {
    let value = fs::read_to_string(path).map_err(|error| format!("{member} '{}': {error}", path.display()))?;
    Ok(value.trim().into())
}

#[expect(clippy::disallowed_methods, reason = "the operator names the variable in the models file")]
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
