//! Whose bucket it is, and in which scope.

use gateway_proto::v1::GetMemoryUsageRequest;

use super::*;

const TOKENS: &str = "
tenants: [{id: acme, default_scope: lobby}]
tokens:
  - {id: app, bound_tenant: acme, role: user, scope_ids: [lobby, room-*], secrets: [{value: app-secret-of-more-than-32-characters}]}
  - {id: rooms, bound_tenant: acme, role: user, scope_ids: [room-*], secrets: [{value: rooms-secret-of-more-than-32-characters}]}
  - {id: boss, bound_tenant: acme, role: tenant_admin, secrets: [{value: boss-secret-of-more-than-32-characters}]}
  - {id: reads, bound_tenant: acme, role: readonly, secrets: [{value: reads-secret-of-more-than-32-characters}]}
";

async fn stack() -> Stack {
    Stack::builder().tokens(TOKENS).start().await
}

fn caller<'a>(stack: &'a Stack, token: &str) -> Caller<'a> {
    Caller::with_token(stack, &format!("{token}-secret-of-more-than-32-characters"))
}

#[tokio::test]
async fn a_bucket_belongs_to_a_user_in_a_scope() {
    let stack = stack().await;
    let in_room = |user: &str| caller(&stack, "app").with("spass-user-id", user).with("spass-scope-id", "room-1");
    assert_eq!(put(&in_room("ann"), "private", "k", "ann's").await.status, 200);
    assert_eq!(put(&in_room("bob"), "private", "k", "bob's").await.status, 200);
    assert_eq!(value(&in_room("ann"), "private", "k").await, "ann's");
    let boss = caller(&stack, "boss").with("spass-scope-id", "room-1");
    assert_eq!(put(&boss, "public", "k", "everybody's").await.json()["scope_id"], "room-1");
    assert_eq!(value(&in_room("ann"), "public", "k").await, "everybody's");
    // Another scope, and the token itself, have buckets of their own.
    let ann = || caller(&stack, "app").with("spass-user-id", "ann");
    assert_eq!(value(&ann(), "private", "k").await, "memory_not_found");
    assert_eq!(value(&ann().with("spass-scope-id", "room-2"), "public", "k").await, "memory_not_found");
    assert_eq!(
        value(&caller(&stack, "app").with("spass-scope-id", "room-1"), "private", "k").await,
        "memory_not_found"
    );
    // The usual scope is the tenant's.
    assert_eq!(put(&ann(), "private", "k", "v").await.json()["scope_id"], "lobby");
}

#[tokio::test]
async fn user_and_scope_are_named_in_headers_queries_and_bodies() {
    let stack = stack().await;
    let app = caller(&stack, "app");
    let body = json!({"visibility": "private", "key": "k", "value": "v", "scope": "room-1", "user_id": "ann"});
    let written = app.send(Method::POST, "/v1/memory", &body).await.json();
    assert_eq!((&written["scope_id"], &written["user_id"]), (&json!("room-1"), &json!("ann")));
    let by_query = app.get("/v1/memory/entry?visibility=private&key=k&scope=room-1&user_id=ann").await;
    assert_eq!(by_query.json(), written);
    let headers = || caller(&stack, "app").with("spass-user-id", "ann").with("spass-scope-id", "room-1");
    assert_eq!(headers().get("/v1/memory/entry?visibility=private&key=k").await.json(), written);
    // The same in two places is fine, two different ones are not.
    assert_eq!(headers().send(Method::POST, "/v1/memory?scope=room-1", &body).await.status, 200);
    let elsewhere =
        caller(&stack, "app").with("spass-scope-id", "room-2").send(Method::POST, "/v1/memory", &body).await;
    assert_eq!(elsewhere.code_and_param(), refused("invalid_field", "scope"));
    let query =
        async |query: &str| headers().get(&format!("/v1/memory?visibility=private&{query}")).await.code_and_param();
    assert_eq!(query("scope=room-2").await, refused("invalid_field", "query.scope"));
    assert_eq!(query("scope=").await, refused("invalid_field", "query.scope"));
    assert_eq!(query("user_id=bob").await, refused("invalid_field", "query.user_id"));
    let both = app.send(Method::POST, "/v1/memory?scope=room-2", &body).await;
    assert_eq!(both.code_and_param(), refused("invalid_field", "scope"));
    let asked = GetMemoryUsageRequest {
        visibility: "private".to_owned(),
        scope_id: "room-2".to_owned(),
        ..GetMemoryUsageRequest::default()
    };
    let status = service(&stack).get_memory_usage(headers().request(asked)).await.unwrap_err();
    assert_eq!(code_and_param(&status), refused("invalid_field", "query.scope"));
}

#[tokio::test]
async fn a_token_acts_only_in_its_scopes() {
    let stack = stack().await;
    let code = async |caller: &Caller<'_>, path: &str| caller.get(path).await.code_and_param().0;
    let list = "/v1/memory?visibility=private";
    let rooms = caller(&stack, "rooms");
    // Not in the usual one, wherever another is named.
    assert_eq!(code(&rooms, list).await, "forbidden");
    assert_eq!(code(&rooms, &format!("{list}&scope=room-1")).await, "200 OK");
    assert_eq!(code(&rooms, &format!("{list}&scope=hall")).await, "forbidden");
    assert_eq!(code(&caller(&stack, "rooms").with("spass-scope-id", "hall"), list).await, "forbidden");
    let asked = |scope: &str| GetMemoryUsageRequest {
        visibility: "private".to_owned(),
        scope_id: scope.to_owned(),
        ..GetMemoryUsageRequest::default()
    };
    for (scope, is_allowed) in [("", false), ("hall", false), ("room-9", true)] {
        let answer = service(&stack).get_memory_usage(rooms.request(asked(scope))).await;
        assert_eq!(answer.as_ref().map_err(code_and_param).err(), (!is_allowed).then(|| refused("forbidden", "")));
    }
}

#[tokio::test]
async fn a_scope_is_asked_for_before_the_fields_are() {
    let stack = stack().await;
    let body = |visibility: &str| json!({"visibility": visibility, "key": "", "value": 7});
    let post =
        async |caller: Caller<'_>, body: Value| caller.send(Method::POST, "/v1/memory", &body).await.code_and_param();
    // A token that may write nothing at all is told so, and not what is wrong with the body.
    assert_eq!(post(caller(&stack, "reads"), body("private")).await.0, "forbidden");
    assert_eq!(post(caller(&stack, "app"), body("private")).await.1, "key");
    let good = |visibility: &str| json!({"visibility": visibility, "key": "k", "value": "v"});
    assert_eq!(post(caller(&stack, "app"), good("public")).await.0, "forbidden");
    assert_eq!(post(caller(&stack, "app"), good("none")).await, refused("invalid_field", "visibility"));
    assert_eq!(post(caller(&stack, "reads"), good("none")).await.0, "forbidden");
    assert_eq!(post(caller(&stack, "boss"), good("public")).await.0, "200 OK");
}
