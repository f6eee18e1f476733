use gateway_auth::{ModelRule, NamePattern, TenantId};

use super::*;

fn aliases(handle: &CatalogHandle) -> Vec<String> {
    handle.load().models().iter().map(|model| model.facts.alias.to_string()).collect()
}

fn demo() -> Arc<Upstream> {
    Arc::new(Upstream::demo(std::time::Duration::from_secs(1), 1))
}

fn model(alias: &str, upstream: &Arc<Upstream>) -> Arc<CatalogModel> {
    Arc::new(CatalogModel::discovered(ModelAlias::parse(alias).unwrap(), upstream))
}

fn tenant() -> Tenant {
    Tenant::named(TenantId::parse("acme").unwrap())
}

#[test]
fn a_model_that_a_tenant_may_not_use_is_not_there() {
    let demo = demo();
    let models = ["model-a", "model-b"].map(|alias| model(alias, &demo));
    let catalog = Catalog::new(vec![], models.into(), Discovery::Complete);
    let mut tenant = tenant();
    tenant.models = ModelRule::AllBut(vec![NamePattern::parse("model-b").unwrap()]);
    let message = |alias: &str| catalog.find(&tenant, alias).unwrap_err().message().replace(alias, "?");
    assert!(catalog.find(&tenant, "model-a").is_ok());
    assert_eq!(message("model-b"), message("model-c"));
    assert_eq!(catalog.models_of(&tenant).count(), 1);
    let fallbacks = ["model-b", "model-a", "model-c"].map(|alias| ModelAlias::parse(alias).unwrap()).into();
    let asked = CatalogModel { fallbacks, ..CatalogModel::discovered(ModelAlias::parse("x").unwrap(), &demo) };
    assert_eq!(catalog.fallbacks(&tenant, &asked).map(ModelAlias::as_str).collect::<Vec<_>>(), ["model-a"]);
}

#[test]
fn another_file_leaves_what_was_discovered() {
    let (listed, found) = (demo(), demo());
    let handle = CatalogHandle::new(Catalog::new(vec![], vec![model("old", &listed)], Discovery::Unreachable));
    handle.discovered(&found, &["found", "both"].map(str::to_owned));
    let again = Catalog::new(vec![], vec![model("new", &listed), model("both", &listed)], Discovery::Unreachable);
    handle.replace(&again, Some(&found));
    assert_eq!(aliases(&handle), ["new", "both", "found"]);
    assert_eq!(handle.load().discovery, Discovery::Complete);
    handle.replace(&Catalog::new(vec![], vec![model("only", &listed)], Discovery::Complete), None);
    assert_eq!(aliases(&handle), ["only"]);
}

#[test]
fn discovered_models_follow_those_of_the_file() {
    let (listed, found) = (demo(), demo());
    // The operator may name the same server as the list does.
    let same = CatalogModel::discovered(ModelAlias::parse("same").unwrap(), &found);
    let same = Arc::new(CatalogModel { origin: Origin::Operator, ..same });
    let models = vec![model("both", &listed), same];
    let handle = CatalogHandle::new(Catalog::new(vec![], models, Discovery::Unreachable));
    let tenant = tenant();
    let code = |alias: &str| handle.load().find(&tenant, alias).map(|_| ()).map_err(|error| error.code().facts().code);
    assert_eq!(code("both"), Ok(()));
    assert_eq!(code("new"), Err("upstream_unavailable"));
    handle.not_discovered(&UpstreamError::Malformed("it is none".to_owned()));
    assert_eq!((code("both"), code("new")), (Ok(()), Err("upstream_error")));

    handle.discovered(&found, &["both", "new", "not an alias"].map(str::to_owned));
    assert_eq!(aliases(&handle), ["both", "same", "new"]);
    assert!(Arc::ptr_eq(handle.load().find(&tenant, "both").unwrap().route.first().upstream(), &listed));
    assert_eq!(code("other"), Err("model_not_in_allowlist"));

    let first = Arc::clone(handle.load().find(&tenant, "new").unwrap());
    handle.discovered(&found, &["newer", "new"].map(str::to_owned));
    assert_eq!(aliases(&handle), ["both", "same", "newer", "new"]);
    assert!(Arc::ptr_eq(handle.load().find(&tenant, "new").unwrap(), &first));
    handle.not_discovered(&UpstreamError::Malformed("it is none".to_owned()));
    assert_eq!((code("new"), code("other")), (Ok(()), Err("model_not_in_allowlist")));
    handle.discovered(&found, &[]);
    assert_eq!(aliases(&handle), ["both", "same"]);
}
