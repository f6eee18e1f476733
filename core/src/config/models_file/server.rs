//! A server in the models file.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use http::HeaderMap;
use secrecy::SecretString;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::config::headers::{HeaderEntry, from_file, from_variable, headers};
use crate::config::values;
use crate::upstream::{BreakerSettings, DailyLimit, Handling, RequestRules, RetryRule, SystemMessages, TokenLimitName};

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
        headers(&self.headers)
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

fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    values::base_url(&text).map_err(|reason| D::Error::custom(format!("base_url {reason}")))
}
