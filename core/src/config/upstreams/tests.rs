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
    assert_eq!((small.upstream.name(), small.upstream_model.as_str()), ("main", "small-1"));
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
