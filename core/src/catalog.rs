//! The models on offer, and who serves each.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use gateway_proto::ApiError;
use http::HeaderValue;
use metrics::Counter;

use crate::api_errors;
use crate::domain::alias::ModelAlias;
use crate::domain::model::{Constraints, Modalities, ModelFacts};
use crate::upstream::{Upstream, UpstreamError};

/// A model on offer.
#[derive(Debug)]
pub struct CatalogModel {
    /// What is known of it.
    pub facts: ModelFacts,
    /// Who serves it.
    pub upstream: Arc<Upstream>,
    /// The upstream's own name for it.
    pub upstream_model: String,
    /// The same, as callers are told it.
    pub resolved_model: HeaderValue,
    /// When it came to be known here, in seconds since 1970.
    pub created: i64,
    /// The tokens that went through it.
    pub tokens: TokenCounters,
}

/// The metrics of a model's tokens, looked up once.
pub struct TokenCounters {
    /// Tokens of prompts.
    pub prompt: Counter,
    /// Tokens of answers.
    pub completion: Counter,
}

impl std::fmt::Debug for TokenCounters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TokenCounters")
    }
}

/// All models on offer, in the operator's order, discovered ones last.
#[derive(Debug, Default)]
pub struct Catalog {
    models: Vec<Arc<CatalogModel>>,
    by_alias: HashMap<ModelAlias, Arc<CatalogModel>>,
    discovery: Discovery,
}

/// What became of asking a server for its list of models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discovery {
    /// No server is asked, or its list was read at least once.
    #[default]
    Complete,
    /// The server could not be reached yet.
    Unreachable,
    /// The server was reached, and gives no list.
    Refused,
}

impl Catalog {
    /// The models of the operator's file.
    #[must_use]
    pub fn new(models: Vec<Arc<CatalogModel>>, discovery: Discovery) -> Self {
        let by_alias = models.iter().map(|model| (model.facts.alias.clone(), Arc::clone(model))).collect();
        Self { models, by_alias, discovery }
    }

    /// All models.
    #[must_use]
    pub fn models(&self) -> &[Arc<CatalogModel>] {
        &self.models
    }

    /// The model of this alias.
    pub fn find(&self, alias: &str) -> Result<&Arc<CatalogModel>, ApiError> {
        self.by_alias.get(alias).ok_or_else(|| api_errors::model_not_found(alias, self.discovery))
    }
}

/// The catalog of the moment: read without a lock, replaced as a whole.
#[derive(Debug, Default)]
pub struct CatalogHandle(ArcSwap<Catalog>);

impl CatalogHandle {
    /// Begins with this catalog.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self(ArcSwap::from_pointee(catalog))
    }

    /// The catalog of this moment.
    #[must_use]
    pub fn load(&self) -> Arc<Catalog> {
        self.0.load_full()
    }

    /// Adds what a server says it has, in place of what it said before. A model of the operator's file wins.
    pub fn discovered(&self, upstream: &Arc<Upstream>, names: Vec<String>) {
        let before = self.load();
        let mut models: Vec<_> =
            before.models.iter().filter(|model| !is_discovered(model, upstream)).map(Arc::clone).collect();
        for name in names {
            // A name that cannot be an alias cannot be asked for.
            let Some(alias) = ModelAlias::parse(&name) else { continue };
            if models.iter().any(|model| model.facts.alias == alias) {
                continue;
            }
            let known = before.by_alias.get(&alias).filter(|model| is_discovered(model, upstream));
            models.push(known.cloned().unwrap_or_else(|| Arc::new(CatalogModel::discovered(alias, upstream))));
        }
        self.0.store(Arc::new(Catalog::new(models, Discovery::Complete)));
    }

    /// Notes why a server's list could not be read. What it said before stays on offer.
    pub fn not_discovered(&self, error: &UpstreamError) {
        let before = self.load();
        let discovery = match error {
            UpstreamError::Unreachable(_) | UpstreamError::Broken(_) | UpstreamError::TimedOut(_) => {
                Discovery::Unreachable
            }
            UpstreamError::Refused { .. } | UpstreamError::Malformed(_) | UpstreamError::TooLarge { .. } => {
                Discovery::Refused
            }
        };
        if ![Discovery::Complete, discovery].contains(&before.discovery) {
            self.0.store(Arc::new(Catalog::new(before.models.clone(), discovery)));
        }
    }
}

/// Whether a model comes from this server's list: then both share one value of the server.
fn is_discovered(model: &CatalogModel, upstream: &Arc<Upstream>) -> bool {
    Arc::ptr_eq(&model.upstream, upstream)
}

impl CatalogModel {
    /// A model known from now on.
    #[must_use]
    pub fn new(facts: ModelFacts, upstream: &Arc<Upstream>, upstream_model: String) -> Self {
        let counter = |kind: &'static str| metrics::counter!("gateway_tokens_total", "model" => facts.alias.to_string(), "kind" => kind);
        Self {
            // A name that no header can hold cannot be told.
            resolved_model: HeaderValue::from_str(&upstream_model).unwrap_or(HeaderValue::from_static("unprintable")),
            upstream_model,
            upstream: Arc::clone(upstream),
            created: now(),
            tokens: TokenCounters { prompt: counter("prompt"), completion: counter("completion") },
            facts,
        }
    }

    /// A model of which only the name is known: text and image in, tools, no floor, no price.
    fn discovered(alias: ModelAlias, upstream: &Arc<Upstream>) -> Self {
        let kinds = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let name = alias.as_str().to_owned();
        let facts = ModelFacts {
            alias,
            family: None,
            context_window: None,
            max_output_tokens: None,
            reserve_output_tokens: None,
            tools: Some(true),
            reasoning: None,
            modalities: Some(Modalities { input: kinds(&["text", "image"]), output: kinds(&["text"]) }),
            constraints: Constraints::default(),
            prices: None,
        };
        Self::new(facts, upstream, name)
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(handle: &CatalogHandle) -> Vec<String> {
        handle.load().models().iter().map(|model| model.facts.alias.to_string()).collect()
    }

    #[test]
    fn discovered_models_follow_those_of_the_file() {
        let demo = || Arc::new(Upstream::demo(std::time::Duration::from_secs(1), 1));
        let (listed, found) = (demo(), demo());
        let own = CatalogModel::discovered(ModelAlias::parse("both").unwrap(), &listed);
        let handle = CatalogHandle::new(Catalog::new(vec![Arc::new(own)], Discovery::Unreachable));
        let code = |alias: &str| handle.load().find(alias).map(|_| ()).map_err(|error| error.code().facts().code);
        assert_eq!(code("both"), Ok(()));
        assert_eq!(code("new"), Err("upstream_unavailable"));
        handle.not_discovered(&UpstreamError::Malformed("it is none".to_owned()));
        assert_eq!((code("both"), code("new")), (Ok(()), Err("upstream_error")));

        handle.discovered(&found, vec!["both".to_owned(), "new".to_owned(), "not an alias".to_owned()]);
        assert_eq!(aliases(&handle), ["both", "new"]);
        assert!(Arc::ptr_eq(&handle.load().find("both").unwrap().upstream, &listed));
        assert_eq!(code("other"), Err("model_not_in_allowlist"));

        let first = Arc::clone(handle.load().find("new").unwrap());
        handle.discovered(&found, vec!["newer".to_owned(), "new".to_owned()]);
        assert_eq!(aliases(&handle), ["both", "newer", "new"]);
        assert!(Arc::ptr_eq(handle.load().find("new").unwrap(), &first));
        handle.not_discovered(&UpstreamError::Malformed("it is none".to_owned()));
        assert_eq!((code("new"), code("other")), (Ok(()), Err("model_not_in_allowlist")));
        handle.discovered(&found, vec![]);
        assert_eq!(aliases(&handle), ["both"]);
    }
}
