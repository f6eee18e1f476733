use gateway_auth::{Tenant, TenantId};

use super::*;

const FILE: &str = "
upstreams:
  main: {base_url: 'http://127.0.0.1:4000/v1'}
models:
  - alias: org/small
    upstream: main
    upstream_model: small-1
    tools: false
    modalities: {input: [text], output: [text]}
    constraints: {min_max_tokens: 200}
    prices: {input_per_million_usd: 1.5, output_per_million_usd: 6}
  - alias: play
    upstream: demo
";

fn settings(file: Option<&str>, url: Option<&str>) -> (UpstreamSettings, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = file.map(|text| {
        let path = folder.path().join("models.yaml");
        fs::write(&path, text).unwrap();
        path
    });
    let settings = UpstreamSettings {
        models_file: path,
        upstream_base_url: url.map(|url| base_url(url).unwrap()),
        upstream_api_key: None,
        upstream_ca_file: None,
        upstream_connect_timeout_secs: Duration::from_secs(1),
        upstream_first_byte_timeout_secs: Duration::from_secs(1),
        upstream_idle_timeout_secs: Duration::from_secs(1),
        http_total_timeout_secs: Duration::from_secs(1),
        max_upstream_response_bytes: 1024,
        upstream_models_refresh_secs: Duration::from_secs(60),
        upstream_breaker_failures: 5,
        upstream_breaker_open_secs: Duration::from_secs(30),
    };
    (settings, folder)
}

fn names(plan: &UpstreamPlan) -> (Vec<&str>, Vec<&str>) {
    let upstreams = plan.catalog.upstreams().iter().map(|upstream| upstream.name()).collect();
    (upstreams, plan.catalog.models().iter().map(|model| model.facts.alias.as_str()).collect())
}

#[test]
fn with_nothing_configured_there_is_the_demo() {
    let plan = settings(None, None).0.plan(None).unwrap();
    assert_eq!(names(&plan), (vec!["demo"], vec!["demo"]));
}

#[test]
fn a_url_alone_is_enough_and_ends_the_demo() {
    let plan = settings(None, Some("http://127.0.0.1:1/v1")).0.plan(None).unwrap();
    assert_eq!(names(&plan), (vec!["upstream"], vec![]));
    assert!(plan.discover.is_some());
}

#[test]
fn the_file_says_who_serves_what() {
    let (settings, _folder) = settings(Some(FILE), None);
    let plan = settings.plan(None).unwrap();
    assert_eq!(names(&plan), (vec!["main", "demo"], vec!["org/small", "play"]));
    let small = plan.catalog.find(&Tenant::named(TenantId::parse("any").unwrap()), "org/small").unwrap();
    assert_eq!((small.route.first().upstream().name(), small.route.first().upstream_model()), ("main", "small-1"));
    assert_eq!((small.facts.tools, small.facts.constraints.min_max_tokens), (Some(false), Some(200)));
    assert_eq!(small.facts.prices.as_ref().unwrap().output_per_million_usd, 6.0);
    assert!(!small.facts.takes_images());
}

#[test]
fn a_bad_file_stops_the_start() {
    for (from, to, expected) in [
        ("upstream: main", "upstream: other", "model 'org/small': there is no upstream 'other'"),
        ("alias: play", "alias: org/small", "the alias 'org/small' is given twice"),
        ("alias: play", "alias: 'a b'", "an alias is 1 to 256 visible ASCII characters"),
        ("input: [text]", "input: [smell]", "line 9"),
        ("tools: false", "tool: false", "line 8"),
        ("upstream: demo", "tiers: []", "model 'play': it has no target"),
        ("upstream: demo", "tiers: [[]]", "model 'play': a tier holds no target"),
        ("upstream: demo", "tiers: [[{upstream: demo, weight: 0}]]", "line 13"),
        ("upstream: demo", "tiers: [[{upstream: demo, weight: 1001}]]", "a weight is at most 1000, not 1001"),
        ("upstream: demo", "tiers: [[{upstream: demo, wait: 1}]]", "line 13"),
        ("upstream: demo", "tiers: [[{upstream: other}]]", "model 'play': there is no upstream 'other'"),
        ("upstream: demo", "family: x", "model 'play': it needs one of upstream, tiers and composite"),
        ("upstream: demo", "composite: [org/small]\n    upstream: demo", "it has more than one of upstream, tiers and"),
        ("upstream: demo", "composite: [org/small]\n    upstream_model: x", "upstream_model belongs to upstream"),
        ("upstream: demo", "composite: [org/small, none]", "model 'play': there is no model 'none' in this file"),
        ("upstream: demo", "composite: [play]", "model 'play': composite: 'play' leads back to itself"),
        (
            "upstream: demo",
            "composite: [other]\n  - alias: other\n    composite: [org/small, play]",
            "model 'play': composite: 'play' leads back to itself",
        ),
        (
            "upstream: demo",
            "upstream: demo\n    fallbacks: [none]",
            "model 'play': there is no model 'none' in this file",
        ),
        ("base_url:", "retry: always, base_url:", "line 3"),
        ("base_url:", "token_limit: tokens, base_url:", "line 3"),
        ("base_url:", "daily_limit: {request: 1}, base_url:", "line 3"),
        ("base_url:", "daily_limit: {requests: 0}, base_url:", "line 3"),
        (
            "base_url:",
            "drop_params: [seed, model], base_url:",
            "upstream 'main': drop_params: 'model' cannot be left out",
        ),
        ("base_url:", "breaker: {open_secs: -1}, base_url:", "upstream 'main': breaker: open_secs must be a number"),
        ("base_url:", "headers: {host: x}, base_url:", "upstream 'main': header 'host': it is the gateway's to set"),
        ("base_url:", "headers: {a b: x}, base_url:", "upstream 'main': header 'a b': it is no name of a header"),
        ("base_url:", "headers: {x-a: {key: x}}, base_url:", "line 3"),
        ("base_url:", "headers: {x-a: {env: NO_SUCH_VARIABLE_HERE}}, base_url:", "NO_SUCH_VARIABLE_HERE is not set"),
        ("http://127.0.0.1:4000/v1", "localhost:4000", "base_url must be an http or https URL"),
        (
            "base_url:",
            "api_key_env: NO_SUCH_VARIABLE_HERE, base_url:",
            "upstream 'main': the variable NO_SUCH_VARIABLE_HERE is not set",
        ),
    ] {
        let text = FILE.replace(from, to);
        assert_ne!(text, FILE);
        let (settings, _folder) = settings(Some(&text), None);
        let error = settings.plan(None).unwrap_err().to_string();
        assert!(error.starts_with("MODELS_FILE: ") && error.contains(expected), "{error}");
    }
}

const ROUTES: &str = "
upstreams:
  one: {base_url: 'http://127.0.0.1:1/v1', retry: safe, daily_limit: {requests: 50}, breaker: {failures: 0}}
  two:
    base_url: 'http://127.0.0.1:2/v1'
    daily_limit: {}
    drop_params: [seed]
    token_limit: max_completion_tokens
    system_messages: merge
    breaker: {open_secs: 7}
models:
  - alias: first
    tiers: [[{upstream: one, weight: 3}, {upstream: two, upstream_model: x}], [{upstream: two, upstream_model: y}]]
    fallbacks: [second]
  - alias: second
    upstream: two
    upstream_model: x
  - alias: both
    composite: [nested, first]
  - alias: nested
    composite: [second]
";

/// Tier, weight, upstream, the upstream's own name of the model, and the alias that names it.
fn legs<'a>(plan: &'a UpstreamPlan, alias: &str) -> Vec<(usize, u32, &'a str, &'a str, &'a str)> {
    let model = plan.catalog.models().iter().find(|model| model.facts.alias.as_str() == alias).unwrap();
    let leg = |candidate: &'a std::sync::Arc<crate::routing::Candidate>| {
        let target = &candidate.target;
        (candidate.tier, candidate.weight, target.upstream().name(), target.upstream_model(), candidate.alias.as_str())
    };
    model.route.candidates().iter().map(leg).collect()
}

#[test]
fn routes_have_tiers_and_composites_are_made_of_others() {
    let (settings, _folder) = settings(Some(ROUTES), None);
    let plan = settings.plan(None).unwrap();
    let second = (0, 1, "two", "x", "second");
    assert_eq!(
        legs(&plan, "first"),
        [(0, 3, "one", "first", "first"), (0, 1, "two", "x", "first"), (1, 1, "two", "y", "first")]
    );
    assert_eq!(legs(&plan, "second"), [second]);
    // What stands on the way already is not asked twice.
    assert_eq!(legs(&plan, "both"), [second, (1, 3, "one", "first", "first"), (2, 1, "two", "y", "first")]);
    let (catalog, tenant) = (&plan.catalog, Tenant::named(TenantId::parse("any").unwrap()));
    let target = |alias: &str, index: usize| {
        std::sync::Arc::clone(&catalog.find(&tenant, alias).unwrap().route.candidates()[index].target)
    };
    assert!(std::sync::Arc::ptr_eq(&target("first", 1), &target("second", 0)), "one model of one server is one target");
    let fallbacks: Vec<_> =
        catalog.fallbacks(&tenant, catalog.find(&tenant, "first").unwrap()).map(ModelAlias::as_str).collect();
    assert_eq!(fallbacks, ["second"]);
}

#[test]
fn a_server_is_handled_as_the_file_says() {
    use crate::upstream::{BreakerSettings, DailyLimit, RetryRule, TokenLimitName};
    let (settings, _folder) = settings(Some(ROUTES), Some("http://127.0.0.1:3/v1"));
    let plan = settings.plan(None).unwrap();
    let [one, two, upstream] = plan.catalog.upstreams() else { unreachable!() };
    let (one, two, upstream) = (one.handling(), two.handling(), upstream.handling());
    let breaker = |open_secs| Some(BreakerSettings { failures: 5, longest_open: Duration::from_secs(open_secs) });
    assert_eq!((one.retry, one.daily_limit), (RetryRule::Safe, Some(DailyLimit { requests: Some(50) })));
    assert_eq!((one.rules.system_messages, one.breaker), (SystemMessages::Keep, None));
    assert_eq!((two.retry, two.daily_limit), (RetryRule::Unanswered, Some(DailyLimit { requests: None })));
    assert_eq!((two.rules.system_messages, two.breaker), (SystemMessages::Merge, breaker(7)));
    assert_eq!(
        (two.rules.token_limit, two.rules.drop_params.as_slice()),
        (Some(TokenLimitName::MaxCompletionTokens), &["seed".to_owned()][..])
    );
    assert_eq!((upstream.rules.system_messages, upstream.breaker), (SystemMessages::Merge, breaker(30)));
}

#[test]
fn headers_come_from_the_file_or_from_where_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    fs::write(&secret, "canary-in-a-file\n").unwrap();
    let headers = format!("headers: {{x-title: gateway, x-secret: {{file: '{}'}}}}, base_url:", secret.display());
    let (settings, _folder) = settings(Some(&FILE.replace("base_url:", &headers)), None);
    let file = settings.file().unwrap().unwrap();
    let headers = file.upstreams["main"].headers().unwrap();
    assert_eq!(
        (&headers["x-title"], &headers["x-secret"]),
        (&"gateway".parse().unwrap(), &"canary-in-a-file".parse().unwrap())
    );
    assert!(!format!("{headers:?}{settings:?}{:?}", settings.plan(None).unwrap()).contains("canary"));
}
