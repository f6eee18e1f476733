use super::*;

const GOOD: &str = "
tenants:
  - id: acme
    require_user_id: true
    models: {allow: [gpt-*, demo]}
    default_scope: lobby
  - id: other
    prompt_required: true
    models: {deny: [image-gen]}
tokens:
  - id: app
    bound_tenant: acme
    role: user
    extra_scopes: [memory:write:public]
    deny_scopes: [tools:execute]
    scope_ids: [lobby, room-*]
    rate_limit: {per_second: 5, burst: 100}
    max_streams: 8
    server_tools: [memory_*]
    server_tools_on_v1: true
    secrets:
      - value: a-plain-secret-of-32-characters-01
        expires_at: 2999-01-01T00:00:00Z
      - digest: sha256:2f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd
        not_before: 2026-01-01T00:00:00+01:00
  - id: gate
    role: tenant_admin
    rate_limit: {per_second: 0}
    secrets:
      - digest: sha256:1f4e28f7a93d48b3e3ce08a0a6b6ceac0a5a9d7b728aab5e99480292f40a49cd
";

fn patterns(texts: &[&str]) -> Vec<NamePattern> {
    texts.iter().map(|text| NamePattern::parse(text).unwrap()).collect()
}

#[test]
fn the_sample_can_be_used_once_its_secrets_are_replaced() {
    let sample = include_str!("../../tokens.example.yaml");
    let refused = parse_token_file(sample).unwrap_err().to_string();
    assert!(refused.contains("published sample"), "{refused}");
    let replaced = sample.replace("replace-this-with", "something-of-my-own");
    let file = parse_token_file(&replaced).unwrap();
    assert!(file.has_plain_secrets && file.table.tokens.len() == 3 && file.table.tenants.len() == 2);
    assert_eq!(file.table.unlisted_tenants().count(), 0);
}

#[test]
fn a_good_file_is_read_whole() {
    let file = parse_token_file(GOOD).unwrap();
    assert!(file.has_plain_secrets);
    let [acme, other] = file.table.tenants.as_slice() else { panic!("{file:?}") };
    assert!(acme.requires_user && !acme.requires_prompt && other.requires_prompt && !other.requires_user);
    assert_eq!(acme.models, ModelRule::Only(patterns(&["gpt-*", "demo"])));
    assert_eq!(other.models, ModelRule::AllBut(patterns(&["image-gen"])));
    assert_eq!((acme.default_scope.as_str(), other.default_scope.as_str()), ("lobby", "default"));

    let [app, gate] = file.table.tokens.as_slice() else { panic!("{file:?}") };
    assert_eq!((app.id.as_str(), app.secrets.len()), ("app", 2));
    assert_eq!(app.secrets[0].expires_at, Some("2999-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(app.secrets[1].not_before, Some("2025-12-31T23:00:00Z".parse().unwrap()));
    assert!(app.grants.hold(Scope::MemoryWritePublic) && !app.grants.hold(Scope::ToolsExecute));
    let scope = |name: &str| ScopeId::parse(name).unwrap();
    assert!(app.may_name(&scope("lobby")) && app.may_name(&scope("room-7")) && !app.may_name(&scope("default")));
    assert_eq!(app.rate, RateRule::Own { per_second: 5.0, burst: std::num::NonZeroU32::new(100) });
    assert_eq!(app.max_streams.unwrap().get(), 8);
    assert_eq!((&app.server_tools, app.server_tools_on_v1), (&ToolRule::Only(patterns(&["memory_*"])), true));

    assert_eq!((gate.bound_tenant.clone(), gate.grants.scopes()), (None, ScopeSet::all()));
    assert_eq!((gate.rate, &gate.server_tools), (RateRule::Unlimited, &ToolRule::BuiltIn));
    assert!(gate.may_name(&scope("anything")));
}

#[test]
fn a_tenant_that_is_not_listed_shows() {
    let unlisted = |text: &str| {
        let table = parse_token_file(text).unwrap().table;
        table.unlisted_tenants().map(|(token, tenant)| format!("{} {tenant}", token.id)).collect::<Vec<_>>()
    };
    assert!(unlisted(GOOD).is_empty());
    assert_eq!(unlisted(&GOOD.replace("bound_tenant: acme", "bound_tenant: acmee")), ["app acmee"]);
    let tokens_only = &GOOD[GOOD.find("tokens:").unwrap()..];
    assert!(unlisted(tokens_only).is_empty());
}

/// The error after replacing one text by another; it must never show a secret.
fn refusal(from: &str, to: &str) -> String {
    let text = GOOD.replacen(from, to, 1);
    assert_ne!(text, GOOD);
    let error = parse_token_file(&text).unwrap_err().to_string();
    assert!(!error.contains("a-plain-secret") && !error.contains("e3ce08a0"), "{error}");
    error
}

#[test]
fn a_bad_file_is_refused_by_line() {
    for (from, to, told) in [
        ("role: user", "role: boss", "line 13: token 'app' has the unknown role 'boss'"),
        ("tools:execute", "tools:run", "line 15: token 'app' has the unknown scope 'tools:run'"),
        ("a-plain-secret-of-32-characters-01", "short", "line 22: secret 1 of token 'app' is shorter"),
        ("sha256:1f", "sha256:2f", "line 30: secret 1 of token 'gate' is given twice"),
        ("id: gate", "id: app", "line 26: token 'app' has the id of another token"),
        ("id: other", "id: acme", "line 7: tenant 'acme' has the id of another tenant"),
        ("bound_tenant: acme", "bound_tenant: a/b", "line 12: token 'app' has a bound_tenant that must be 1 to 64"),
        ("id: acme", "id: a/b", "line 3: tenant 'a/b' has an id that must be 1 to 64"),
        ("default_scope: lobby", "default_scope: a b", "line 6: tenant 'acme' has a default_scope that must be"),
        ("gpt-*", "'*-gpt'", "line 5: tenant 'acme' has a name that must be"),
        ("{allow:", "{deny: [], allow:", "line 5: tenant 'acme' must have either allow or deny"),
        ("room-*", "'a b'", "line 16: token 'app' has a name that must be"),
        ("per_second: 5", "per_second: -5", "line 17: token 'app' must have a per_second of"),
        ("per_second: 5", "per_second: 0", "line 17: token 'app' has a burst without a rate"),
        ("2999-01-01T00:00:00Z", "tomorrow", "line 22: secret 1 of token 'app' has a expires_at that is not a time"),
        (
            "2999-01-01T",
            "2999-01-01T00:00:00Z\n        not_before: 2999-01-01T",
            "line 22: secret 1 of token 'app' expires before",
        ),
        ("max_streams: 8", "max_streams: 0", "line 18"),
        ("    role: user", "    roles: user", "line 13"),
        ("value: a-plain", "valeu: a-plain", "line 22"),
        ("    role: user\n", "    role: user\n    role: user\n", "line 14"),
        ("require_user_id: true", "require_user: true", "line 4"),
        ("    role: user", "    a-plain-secret: user", "unknown field `?`"),
        ("tokens:", "tokens: [", "line"),
    ] {
        let error = refusal(from, to);
        assert!(error.contains(told), "{error}\nshould hold: {told}");
    }
}
