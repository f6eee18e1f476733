//! Model servers: from the models file, from two variables, or the built-in demo.

mod routes;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::ConfigError;
use super::models_file::{self, ModelsFile, breaker};
use super::values::{base_url, bytes, count_or_zero, existing_default, seconds};
use crate::catalog::{Catalog, CatalogModel, Discovery};
use crate::domain::alias::ModelAlias;
use crate::domain::model::{Constraints, Modalities, ModelFacts};
use crate::routing::{Route, Target};
use crate::upstream::{DEMO, Endpoint, Handling, RequestRules, SystemMessages, Timeouts, Upstream};
use routes::RoutePlanner;

/// The models file of a gateway started in its checkout.
const DEFAULT_MODELS_FILE: &str = "deploy/config/models.yaml";
/// The name of the server that the variables name.
const VARIABLE_UPSTREAM: &str = "upstream";
/// The floor of the demo, so that a newcomer can see one at work.
const DEMO_FLOOR: u32 = 16;

/// Settings about model servers.
#[derive(Clone, Debug, clap::Args)]
pub struct UpstreamSettings {
    /// The file of models and their servers. Default: deploy/config/models.yaml when it exists.
    #[arg(long, env = "MODELS_FILE")]
    pub models_file: Option<PathBuf>,
    /// An OpenAI-compatible server, /v1 included; each of its models becomes an alias.
    #[arg(long, env = "UPSTREAM_BASE_URL", value_parser = base_url)]
    pub upstream_base_url: Option<Url>,
    /// The key for that server.
    #[arg(long, env = "UPSTREAM_API_KEY")]
    pub upstream_api_key: Option<SecretString>,
    /// A PEM file of authorities to trust besides the public ones.
    #[arg(long, env = "UPSTREAM_CA_FILE")]
    pub upstream_ca_file: Option<PathBuf>,
    /// How long a connection to a server may take.
    #[arg(long, env = "UPSTREAM_CONNECT_TIMEOUT_SECS", default_value = "5", value_parser = seconds)]
    pub upstream_connect_timeout_secs: Duration,
    /// How long the first byte of an answer may take.
    #[arg(long, env = "UPSTREAM_FIRST_BYTE_TIMEOUT_SECS", default_value = "600", value_parser = seconds)]
    pub upstream_first_byte_timeout_secs: Duration,
    /// How long a server may be silent in the middle of an answer.
    #[arg(long, env = "UPSTREAM_IDLE_TIMEOUT_SECS", default_value = "300", value_parser = seconds)]
    pub upstream_idle_timeout_secs: Duration,
    /// How long a whole call may take, all of the servers together that are asked for it.
    #[arg(long, env = "HTTP_TOTAL_TIMEOUT_SECS", default_value = "600", value_parser = seconds)]
    pub http_total_timeout_secs: Duration,
    /// How many calls to a model of a server must fail in a row for its circuit to open; 0: it never does.
    #[arg(long, env = "UPSTREAM_BREAKER_FAILURES", default_value = "5", value_parser = count_or_zero)]
    pub upstream_breaker_failures: u32,
    /// The longest that a circuit stays open until one call is tried; the first time it is 1 s, then twice as long each
    /// time.
    #[arg(long, env = "UPSTREAM_BREAKER_OPEN_SECS", default_value = "30", value_parser = seconds)]
    pub upstream_breaker_open_secs: Duration,
    /// The largest answer of a server, in bytes.
    #[arg(long, env = "MAX_UPSTREAM_RESPONSE_BYTES", default_value = "67108864", value_parser = bytes)]
    pub max_upstream_response_bytes: usize,
    /// How often the list of a server's models is read again.
    #[arg(long, env = "UPSTREAM_MODELS_REFRESH_SECS", default_value = "60", value_parser = seconds)]
    pub upstream_models_refresh_secs: Duration,
}

/// The models and their servers, ready to be used.
#[derive(Debug)]
pub struct UpstreamPlan {
    /// The models known from the start, and every server.
    pub catalog: Catalog,
    /// The server whose list of models is to be read.
    pub discover: Option<Arc<Upstream>>,
    /// How often that list is read again.
    pub refresh: Duration,
}

impl UpstreamSettings {
    /// Reads the models file and makes the servers, but for the one whose list is followed where there is one already.
    pub(crate) fn plan(&self, discover: Option<&Arc<Upstream>>) -> Result<UpstreamPlan, ConfigError> {
        let file = self.file()?.unwrap_or_default();
        let mut upstreams = Vec::new();
        for (name, server) in &file.upstreams {
            let wrong = |reason: String| wrong_file(&format!("upstream '{name}': {reason}"));
            let handling = server.handling(self.upstream_breaker_failures, self.upstream_breaker_open_secs);
            let (key, headers) = (server.key().map_err(wrong)?, server.headers().map_err(wrong)?);
            upstreams.push(self.http(name, server.base_url.clone(), key, headers, handling.map_err(wrong)?)?);
        }
        let discover = match discover {
            Some(upstream) => Some(Arc::clone(upstream)),
            None => self.variable_upstream()?,
        };
        upstreams.extend(discover.clone());
        let demo = Arc::new(Upstream::demo(self.http_total_timeout_secs, self.max_upstream_response_bytes));
        let is_alone = upstreams.is_empty();
        upstreams.push(Arc::clone(&demo));
        let mut models = models(&file.models, &upstreams)?;
        if is_alone && models.is_empty() {
            models.push(Arc::new(demo_model(&demo)));
        }
        let serves = |model: &Arc<CatalogModel>| {
            model.route.candidates().iter().any(|candidate| Arc::ptr_eq(candidate.target.upstream(), &demo))
        };
        if !models.iter().any(serves) {
            upstreams.pop();
        }
        let discovery = if discover.is_some() { Discovery::Unreachable } else { Discovery::Complete };
        let catalog = Catalog::new(upstreams, models, discovery);
        Ok(UpstreamPlan { catalog, discover, refresh: self.upstream_models_refresh_secs })
    }

    /// The models file, where there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        existing_default(self.models_file.as_deref(), DEFAULT_MODELS_FILE)
    }

    fn file(&self) -> Result<Option<ModelsFile>, ConfigError> {
        let Some(path) = self.path() else { return Ok(None) };
        let wrong = |reason: String| wrong_file(&format!("'{}': {reason}", path.display()));
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        models_file::parse(&text).map(Some).map_err(wrong)
    }

    /// The server that the variables name. Of its chat templates nothing is known, so that they are spared a second system
    /// message.
    fn variable_upstream(&self) -> Result<Option<Arc<Upstream>>, ConfigError> {
        let Some(url) = &self.upstream_base_url else { return Ok(None) };
        let rules = RequestRules { system_messages: SystemMessages::Merge, ..RequestRules::default() };
        let handling = Handling {
            rules,
            breaker: breaker(self.upstream_breaker_failures, self.upstream_breaker_open_secs),
            ..Handling::default()
        };
        let key = self.upstream_api_key.clone();
        self.http(VARIABLE_UPSTREAM, url.clone(), key, HeaderMap::new(), handling).map(Some)
    }

    fn http(
        &self,
        name: &str,
        base_url: Url,
        api_key: Option<SecretString>,
        headers: HeaderMap,
        handling: Handling,
    ) -> Result<Arc<Upstream>, ConfigError> {
        let is_visible = |key: &SecretString| key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
        if !api_key.as_ref().is_none_or(is_visible) {
            let setting = if name == VARIABLE_UPSTREAM { "UPSTREAM_API_KEY" } else { "MODELS_FILE" };
            let reason = format!("the key of upstream '{name}' holds characters other than visible ASCII");
            return Err(ConfigError::new(setting, reason));
        }
        let endpoint = Endpoint {
            base_url,
            api_key,
            headers,
            extra_roots: self.extra_roots()?,
            timeouts: Timeouts {
                connect: self.upstream_connect_timeout_secs,
                first_byte: self.upstream_first_byte_timeout_secs,
                idle: self.upstream_idle_timeout_secs,
                total: self.http_total_timeout_secs,
            },
        };
        let upstream = Upstream::http(name.to_owned(), &endpoint, handling, self.max_upstream_response_bytes);
        upstream.map(Arc::new).map_err(|error| ConfigError::new("UPSTREAM_BASE_URL", error))
    }

    /// The certificates of authorities that are trusted besides the public ones.
    pub(super) fn extra_roots(&self) -> Result<Vec<Vec<u8>>, ConfigError> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let Some(path) = &self.upstream_ca_file else { return Ok(Vec::new()) };
        let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let certificates = certificates
            .map_err(|error| ConfigError::new("UPSTREAM_CA_FILE", format!("'{}': {error}", path.display())))?;
        if certificates.is_empty() {
            return Err(ConfigError::new("UPSTREAM_CA_FILE", format!("'{}' holds no certificate", path.display())));
        }
        Ok(certificates.into_iter().map(|certificate| certificate.to_vec()).collect())
    }
}

/// The models of the file, with who serves each.
fn models(
    entries: &[models_file::ModelEntry],
    upstreams: &[Arc<Upstream>],
) -> Result<Vec<Arc<CatalogModel>>, ConfigError> {
    let mut planner = RoutePlanner::new(entries, upstreams);
    let mut models = Vec::new();
    for entry in entries {
        let wrong = |reason: String| wrong_file(&format!("model '{}': {reason}", entry.alias));
        let route = planner.route(entry).map_err(wrong)?;
        let fallbacks = planner.fallbacks(entry).map_err(wrong)?;
        models.push(Arc::new(CatalogModel::new(entry.facts(route.alias().clone()), route, fallbacks)));
    }
    Ok(models)
}

fn wrong_file(reason: &str) -> ConfigError {
    ConfigError::new("MODELS_FILE", reason)
}

fn demo_model(demo: &Arc<Upstream>) -> CatalogModel {
    let kinds = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let alias = ModelAlias::parse(DEMO).unwrap_or_else(|| unreachable!("the demo's alias has the form of one"));
    let facts = ModelFacts {
        alias,
        family: Some("built-in demo, not a language model".to_owned()),
        context_window: Some(32_768),
        max_output_tokens: None,
        reserve_output_tokens: None,
        tools: Some(true),
        reasoning: Some(true),
        modalities: Some(Modalities { input: kinds(&["text", "image"]), output: kinds(&["text", "image"]) }),
        constraints: Constraints {
            min_max_tokens: Some(DEMO_FLOOR),
            accepts_image_url: false,
            typical_response_seconds: Some(1),
        },
        prices: None,
    };
    let target = Arc::new(Target::new(demo, DEMO.to_owned()));
    CatalogModel::new(facts.clone(), Route::to(facts.alias, target), Vec::new())
}

#[cfg(test)]
mod tests;
