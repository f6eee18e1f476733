//! For whom a prompt holds, and what a chat would get.

use gateway_proto::v1::GetEffectiveSystemPromptRequest;

use super::*;

const TOKENS: &str = "
tenants: [{id: acme, default_scope: lobby}]
tokens:
  - {id: app, bound_tenant: acme, role: user, scope_ids: [lobby, room-*], secrets: [{value: app-secret-of-more-than-32-characters}]}
  - {id: rooms, bound_tenant: acme, role: tenant_admin, scope_ids: [room-*], secrets: [{value: rooms-secret-of-more-than-32-characters}]}
  - {id: boss, bound_tenant: acme, role: tenant_admin, secrets: [{value: boss-secret-of-more-than-32-characters}]}
  - {id: blind, bound_tenant: acme, role: user, deny_scopes: ['system_prompts:read:tenant'], secrets: [{value: blind-secret-of-more-than-32-characters}]}
";

async fn stack() -> Stack {
    Stack::builder().tokens(TOKENS).start().await
}

fn caller<'a>(stack: &'a Stack, token: &str) -> Caller<'a> {
    Caller::with_token(stack, &format!("{token}-secret-of-more-than-32-characters"))
}

async fn effective(caller: &Caller<'_>) -> (Vec<String>, Value) {
    let answer = caller.get("/v1/system-prompts/effective").await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let told = answer.json();
    let levels = told["levels"].as_array().unwrap().iter();
    let levels = levels.map(|level| format!("{}: {}", level["level"].as_str().unwrap(), level["content"]));
    (levels.collect(), told["content"].clone())
}

#[tokio::test]
async fn a_chat_gets_what_holds_for_it_level_by_level() {
    let stack = stack().await;
    let boss = || caller(&stack, "boss");
    let ann = || caller(&stack, "app").with("spass-user-id", "ann");
    assert_eq!(effective(&ann()).await, (vec![], json!("")));
    put(&boss(), "tenant", "T").await;
    put(&boss().with("spass-scope-id", "room-1"), "scope", "S\n").await;
    put(&ann(), "user", "U").await;
    let told = |levels: &[&str]| levels.iter().map(|level| (*level).to_owned()).collect::<Vec<_>>();
    assert_eq!(effective(&ann()).await, (told(&["tenant: \"T\"", "user: \"U\""]), json!("T\n\nU")));
    let in_room = ann().with("spass-scope-id", "room-1");
    let all = told(&["tenant: \"T\"", r#"scope: "S\n""#, "user: \"U\""]);
    assert_eq!(effective(&in_room).await, (all, json!("T\n\nS\n\n\nU")));
    let bob = caller(&stack, "app").with("spass-user-id", "bob");
    assert_eq!(effective(&bob).await, (told(&["tenant: \"T\""]), json!("T")));
    // A user's prompt holds whatever the scope; that of the token itself is another one.
    assert_eq!(current(&in_room, "user").await, "U");
    assert_eq!(current(&caller(&stack, "app"), "user").await, "system_prompt_version_not_found");
    // An unset level says nothing.
    assert_eq!(boss().delete("/v1/system-prompts/tenant").await.status, 204);
    assert_eq!(effective(&ann()).await, (told(&["user: \"U\""]), json!("U")));
}

#[tokio::test]
async fn a_level_that_may_not_be_read_is_told_without_its_content() {
    let stack = stack().await;
    put(&caller(&stack, "boss"), "tenant", "T").await;
    let blind = caller(&stack, "blind");
    put(&blind, "user", "U").await;
    let told = blind.get("/v1/system-prompts/effective").await.json();
    assert_eq!((told["levels"][0].get("content"), told.get("content")), (None, None), "{told}");
    assert_eq!((&told["levels"][0]["size_bytes"], &told["levels"][1]["content"]), (&json!(1), &json!("U")));
    let asked = GetEffectiveSystemPromptRequest::default();
    let got = service(&stack).get_effective_system_prompt(blind.request(asked)).await.unwrap().into_inner();
    let got = got.effective.unwrap();
    assert_eq!(
        (got.levels[0].content.as_deref(), got.levels[1].content.as_deref(), got.content),
        (None, Some("U"), None)
    );
    assert_eq!(current(&blind, "tenant").await, "forbidden");
}

#[tokio::test]
async fn each_level_has_a_right_of_its_own_to_write() {
    let stack = stack().await;
    for (token, level, status) in [
        ("app", "tenant", 403),
        ("app", "scope", 403),
        ("app", "user", 201),
        ("boss", "tenant", 201),
        ("boss", "scope", 201),
        ("boss", "none", 400),
    ] {
        assert_eq!(put(&caller(&stack, token), level, "x").await.status.as_u16(), status, "{token} {level}");
    }
}

#[tokio::test]
async fn a_token_acts_only_in_its_scopes() {
    let stack = stack().await;
    let rooms = || caller(&stack, "rooms");
    // The usual scope is none of its own; only the level of scopes depends on one.
    assert_eq!(put(&rooms(), "scope", "x").await.code_and_param().0, "forbidden");
    assert_eq!(put(&rooms(), "tenant", "T").await.status, 201);
    assert_eq!(put(&rooms().with("spass-scope-id", "room-1"), "scope", "S").await.json()["scope_id"], "room-1");
    let body = json!({"content": "x", "scope": "hall"});
    assert_eq!(rooms().send(Method::PUT, "/v1/system-prompts/scope", &body).await.code_and_param().0, "forbidden");
    put(&caller(&stack, "boss"), "scope", "of the lobby").await;
    assert_eq!(effective(&rooms()).await.1, json!("T"));
    assert_eq!(effective(&rooms().with("spass-scope-id", "room-1")).await.1, json!("T\n\nS"));
    let query = rooms().get("/v1/system-prompts/scope?scope=room-1").await;
    assert_eq!(query.json()["content"], "S");
    let both = rooms().with("spass-scope-id", "room-2").get("/v1/system-prompts/scope?scope=room-1").await;
    assert_eq!(both.code_and_param(), refused("invalid_field", "query.scope"));
}
