//! Model servers: from the models file, from two variables, or the built-in demo.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::ConfigError;
use super::models_file::{self, ModelsFile};
use super::values::{base_url, bytes, seconds};
use crate::catalog::{Catalog, CatalogModel, Discovery};
use crate::domain::alias::ModelAlias;
use crate::domain::model::{Constraints, Modalities, ModelFacts};
use crate::upstream::{DEMO, Endpoint, Timeouts, Upstream};

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
    /// How long a whole call to a server may take.
    #[arg(long, env = "HTTP_TOTAL_TIMEOUT_SECS", default_value = "600", value_parser = seconds)]
    pub http_total_timeout_secs: Duration,
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
    /// Every server.
    pub upstreams: Vec<Arc<Upstream>>,
    /// The models known from the start.
    pub catalog: Catalog,
    /// The server whose list of models is to be read.
    pub discover: Option<Arc<Upstream>>,
    /// How often that list is read again.
    pub refresh: Duration,
}

impl UpstreamSettings {
    /// Reads the models file and makes the servers.
    pub(super) fn plan(&self) -> Result<UpstreamPlan, ConfigError> {
        let file = self.file()?.unwrap_or_default();
        let mut upstreams = Vec::new();
        for (name, server) in &file.upstreams {
            let key = server.key().map_err(|reason| wrong_file(&format!("upstream '{name}': {reason}")))?;
            upstreams.push(self.http(name, server.base_url.clone(), key)?);
        }
        let discover = match &self.upstream_base_url {
            Some(url) => Some(self.http(VARIABLE_UPSTREAM, url.clone(), self.upstream_api_key.clone())?),
            None => None,
        };
        upstreams.extend(discover.clone());
        let demo = Arc::new(Upstream::demo(self.http_total_timeout_secs, self.max_upstream_response_bytes));
        let mut models = Vec::new();
        for model in file.models {
            models.push(Arc::new(self.model(model, &upstreams, &demo)?));
        }
        if upstreams.is_empty() && models.is_empty() {
            models.push(Arc::new(demo_model(&demo)));
        }
        if models.iter().any(|model| Arc::ptr_eq(&model.upstream, &demo)) {
            upstreams.push(demo);
        }
        let discovery = if discover.is_some() { Discovery::Unreachable } else { Discovery::Complete };
        let catalog = Catalog::new(models, discovery);
        Ok(UpstreamPlan { upstreams, catalog, discover, refresh: self.upstream_models_refresh_secs })
    }

    fn file(&self) -> Result<Option<ModelsFile>, ConfigError> {
        let path = match &self.models_file {
            Some(path) => path.as_path(),
            None if Path::new(DEFAULT_MODELS_FILE).exists() => Path::new(DEFAULT_MODELS_FILE),
            None => return Ok(None),
        };
        let wrong = |reason: String| wrong_file(&format!("'{}': {reason}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        models_file::parse(&text).map(Some).map_err(wrong)
    }

    fn http(&self, name: &str, base_url: Url, api_key: Option<SecretString>) -> Result<Arc<Upstream>, ConfigError> {
        let endpoint = Endpoint {
            base_url,
            api_key,
            extra_roots: self.extra_roots()?,
            timeouts: Timeouts {
                connect: self.upstream_connect_timeout_secs,
                first_byte: self.upstream_first_byte_timeout_secs,
                idle: self.upstream_idle_timeout_secs,
                total: self.http_total_timeout_secs,
            },
        };
        let upstream = Upstream::http(name.to_owned(), &endpoint, self.max_upstream_response_bytes);
        upstream.map(Arc::new).map_err(|error| ConfigError::new("UPSTREAM_BASE_URL", error))
    }

    fn extra_roots(&self) -> Result<Vec<Vec<u8>>, ConfigError> {
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

    fn model(
        &self,
        model: models_file::ModelEntry,
        upstreams: &[Arc<Upstream>],
        demo: &Arc<Upstream>,
    ) -> Result<CatalogModel, ConfigError> {
        let wrong = |reason: &str| wrong_file(&format!("model '{}': {reason}", model.alias));
        let alias =
            ModelAlias::parse(&model.alias).ok_or_else(|| wrong("an alias is 1 to 256 visible ASCII characters"))?;
        let upstream = upstreams.iter().chain([demo]).find(|upstream| upstream.name() == model.upstream);
        let upstream = upstream.ok_or_else(|| wrong(&format!("there is no upstream '{}'", model.upstream)))?;
        let upstream_model = model.upstream_model.clone().unwrap_or_else(|| model.alias.clone());
        Ok(CatalogModel::new(model.facts(alias), upstream, upstream_model))
    }
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
    CatalogModel::new(facts, demo, DEMO.to_owned())
}

#[cfg(test)]
mod tests;
