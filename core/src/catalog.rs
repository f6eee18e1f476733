//! The models on offer, and who serves each.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use gateway_auth::Tenant;
use gateway_proto::ApiError;
use tokio::sync::Notify;

use crate::api_errors;
use crate::domain::alias::ModelAlias;
use crate::domain::model::{Constraints, Modalities, ModelFacts};
use crate::measures::ModelMeasures;
use crate::routing::{Route, Target};
use crate::upstream::{Upstream, UpstreamError};

/// A model on offer.
#[derive(Debug)]
pub struct CatalogModel {
    /// What is known of it.
    pub facts: ModelFacts,
    /// Who serves it.
    pub route: Route,
    /// The aliases that may stand in for it once its allowance for the day is used up.
    pub fallbacks: Vec<ModelAlias>,
    /// Who named it.
    pub origin: Origin,
    /// When it came to be known here, in seconds since 1970.
    pub created: i64,
    /// What is measured of it.
    pub(crate) measures: ModelMeasures,
    /// Whether its server refused the gateway's tools, which are not offered to it any more.
    refuses_tools: AtomicBool,
}

/// Who named a model.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The operator.
    Operator,
    /// This server's list.
    List(Arc<Upstream>),
}

/// All models on offer, in the operator's order, discovered ones last, and the servers behind them.
#[derive(Debug, Default)]
pub struct Catalog {
    upstreams: Vec<Arc<Upstream>>,
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
    /// These models on these servers.
    #[must_use]
    pub fn new(upstreams: Vec<Arc<Upstream>>, models: Vec<Arc<CatalogModel>>, discovery: Discovery) -> Self {
        let by_alias = models.iter().map(|model| (model.facts.alias.clone(), Arc::clone(model))).collect();
        Self { upstreams, models, by_alias, discovery }
    }

    /// Every server.
    #[must_use]
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// All models.
    #[must_use]
    pub fn models(&self) -> &[Arc<CatalogModel>] {
        &self.models
    }

    /// The models that a tenant may use.
    pub fn models_of(&self, tenant: &Tenant) -> impl Iterator<Item = &Arc<CatalogModel>> {
        self.models.iter().filter(|model| tenant.may_use(model.facts.alias.as_str()))
    }

    /// The model of this alias. One that the tenant may not use looks like one that is not there.
    pub fn find(&self, tenant: &Tenant, alias: &str) -> Result<&Arc<CatalogModel>, ApiError> {
        let found = self.by_alias.get(alias).filter(|_| tenant.may_use(alias));
        found.ok_or_else(|| api_errors::model_not_found(alias, self.discovery))
    }

    /// The same models with others in place of those of one server's list.
    fn with_discovered(&self, upstream: &Arc<Upstream>, names: &[String]) -> Self {
        let mut models: Vec<_> =
            self.models.iter().filter(|model| !is_discovered(model, upstream)).map(Arc::clone).collect();
        for name in names {
            // A name that cannot be an alias cannot be asked for.
            let Some(alias) = ModelAlias::parse(name) else { continue };
            if models.iter().any(|model| model.facts.alias == alias) {
                continue;
            }
            let known = self.by_alias.get(&alias).filter(|model| is_discovered(model, upstream));
            models.push(known.cloned().unwrap_or_else(|| Arc::new(CatalogModel::discovered(alias, upstream))));
        }
        Self::new(self.upstreams.clone(), models, Discovery::Complete)
    }

    /// The same models, and why a server's list could not be read.
    fn with_discovery(&self, discovery: Discovery) -> Self {
        Self::new(self.upstreams.clone(), self.models.clone(), discovery)
    }

    /// These models, and of those before them the ones that a server lists.
    fn with_discovered_of(&self, before: &Self, upstream: &Arc<Upstream>) -> Self {
        let mut models = self.models.clone();
        let listed = before.models.iter().filter(|model| is_discovered(model, upstream));
        models.extend(listed.filter(|model| !self.by_alias.contains_key(&model.facts.alias)).map(Arc::clone));
        Self::new(self.upstreams.clone(), models, before.discovery)
    }

    /// Those of a model's fallbacks that a tenant may use.
    pub fn fallbacks<'a>(
        &'a self,
        tenant: &'a Tenant,
        model: &'a CatalogModel,
    ) -> impl Iterator<Item = &'a ModelAlias> {
        model.fallbacks.iter().filter(|alias| self.find(tenant, alias.as_str()).is_ok())
    }
}

/// The catalog of the moment: read without a lock, replaced as a whole.
#[derive(Debug, Default)]
pub struct CatalogHandle {
    current: ArcSwap<Catalog>,
    replaced: Notify,
}

impl CatalogHandle {
    /// Begins with this catalog.
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        Self { current: ArcSwap::from_pointee(catalog), replaced: Notify::new() }
    }

    /// The catalog of this moment.
    #[must_use]
    pub fn load(&self) -> Arc<Catalog> {
        self.current.load_full()
    }

    /// Adds what a server says it has, in place of what it said before. A model of the operator's file wins.
    pub fn discovered(&self, upstream: &Arc<Upstream>, names: &[String]) {
        self.current.rcu(|before| before.with_discovered(upstream, names));
    }

    /// Notes why a server's list could not be read. What it said before stays on offer.
    pub fn not_discovered(&self, error: &UpstreamError) {
        let discovery = match error {
            UpstreamError::Unreachable(_) | UpstreamError::Broken(_) | UpstreamError::TimedOut(_) => {
                Discovery::Unreachable
            }
            UpstreamError::Refused { .. } | UpstreamError::Malformed(_) | UpstreamError::TooLarge { .. } => {
                Discovery::Refused
            }
        };
        if ![Discovery::Complete, discovery].contains(&self.load().discovery) {
            self.current.rcu(|before| before.with_discovery(discovery));
        }
    }

    /// Puts another catalog in place. What the server of `discover` lists stays on offer, and a server that was there under
    /// the same name goes on from what it was.
    pub fn replace(&self, catalog: &Catalog, discover: Option<&Arc<Upstream>>) {
        let before = self.load();
        for upstream in &catalog.upstreams {
            if let Some(before) = before.upstreams.iter().find(|before| before.name() == upstream.name()) {
                upstream.continue_from(before);
            }
        }
        self.current.rcu(|before| match discover {
            Some(upstream) => catalog.with_discovered_of(before, upstream),
            None => catalog.with_discovery(catalog.discovery),
        });
        self.replaced.notify_one();
    }

    /// Waits until another catalog was put in place.
    pub async fn replaced(&self) {
        self.replaced.notified().await;
    }
}

/// Whether a model comes from this server's list.
fn is_discovered(model: &CatalogModel, upstream: &Arc<Upstream>) -> bool {
    matches!(&model.origin, Origin::List(lister) if Arc::ptr_eq(lister, upstream))
}

impl CatalogModel {
    /// A model known from now on, by the operator.
    #[must_use]
    pub fn new(facts: ModelFacts, route: Route, fallbacks: Vec<ModelAlias>) -> Self {
        Self {
            route,
            fallbacks,
            origin: Origin::Operator,
            created: now(),
            measures: ModelMeasures::new(facts.alias.as_str(), facts.prices.is_some()),
            facts,
            refuses_tools: AtomicBool::new(false),
        }
    }

    /// Whether it may be offered tools, as far as the operator says or its server did.
    #[must_use]
    pub fn takes_tools(&self) -> bool {
        self.facts.tools != Some(false) && !self.refuses_tools.load(Ordering::Relaxed)
    }

    /// Takes note that its server refused the gateway's tools, until the catalog is read again.
    pub(crate) fn note_refusal_of_tools(&self) {
        if !self.refuses_tools.swap(true, Ordering::Relaxed) {
            let model = self.facts.alias.as_str();
            tracing::warn!(model, "the server of '{model}' refuses tools; say `tools: false` of it in the models file");
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
        let route = Route::to(facts.alias.clone(), Arc::new(Target::new(upstream, name)));
        Self { origin: Origin::List(Arc::clone(upstream)), ..Self::new(facts, route, Vec::new()) }
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
