//! Whose prompts and memory go along with a chat.

use super::*;

fn token(id: &str) -> String {
    format!("{id}-secret-of-more-than-32-characters-for-tests")
}

/// A stack with a token for each of these, all of one tenant but the last.
async fn stack_of(server: &ScriptedServer) -> Stack {
    let mut text = "tokens:\n".to_owned();
    for (id, tenant, more) in [
        ("all", "acme", ""),
        ("public", "acme", "deny_scopes: ['memory:read:private'], "),
        ("private", "acme", "deny_scopes: ['memory:read:public'], "),
        ("neither", "acme", "deny_scopes: ['memory:read:private', 'memory:read:public'], "),
        ("scoped", "acme", "scope_ids: ['room'], "),
        ("elsewhere", "other", ""),
    ] {
        let secret = token(id);
        text.push_str(&format!(
            "  - {{id: {id}, bound_tenant: {tenant}, role: tenant_admin, {more}secrets: [{{value: '{secret}'}}]}}\n"
        ));
    }
    Stack::builder().upstream(&server.base_url()).tokens(&text).start().await
}

#[tokio::test]
async fn memory_goes_along_only_where_it_may_be_read() {
    let server = echo().await;
    let stack = stack_of(&server).await;
    let person = |id: &str| Person::of_token(&stack, &token(id)).named("ann").within("room");
    person("all").prompt("tenant", "Prompt.").await;
    person("all").remember("public", "k", "of all").await;
    person("all").remember("private", "k", "of ann").await;
    for way in Way::ALL {
        for (id, expected) in [
            ("all", [true, true, true]),
            ("public", [true, true, false]),
            ("private", [true, false, true]),
            ("neither", [true, false, false]),
            ("scoped", [true, true, true]),
            ("elsewhere", [false, false, false]),
        ] {
            let outcome = person(id).greet(way).await;
            let text = added(&server).unwrap_or_default();
            assert_eq!(["Prompt.", "of all", "of ann"].map(|part| text.contains(part)), expected, "{id} {way:?}");
            assert_eq!(outcome.added(), (expected[0], expected[1] || expected[2]));
        }
    }
}

#[tokio::test]
async fn a_token_that_may_not_act_in_the_usual_scope_acts_in_none() {
    let server = echo().await;
    let stack = stack_of(&server).await;
    let all = Person::of_token(&stack, &token("all")).named("ann");
    all.prompt("tenant", "Tenant.").await;
    all.prompt("scope", "Usual.").await;
    all.prompt("user", "Ann.").await;
    all.remember("private", "k", "v").await;
    let scoped = Person::of_token(&stack, &token("scoped")).named("ann");
    for way in Way::ALL {
        assert_eq!(scoped.greet(way).await.added(), (true, false), "{way:?}");
        assert_eq!(added(&server).as_deref(), Some("Tenant.\n\nAnn."), "{way:?}");
        assert_eq!(scoped.within("default").greet(way).await.code(), "forbidden", "{way:?}");
    }
}
