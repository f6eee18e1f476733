//! What the token file says of a tenant, over both wires.

use http::Method;
use serde_json::{Value, json};

use super::*;

const TOKENS: &str = "
tenants:
  - {id: strict, require_user_id: true, models: {allow: [demo]}, default_scope: lobby}
  - {id: barred, models: {deny: ['de*']}}
tokens:
  - {id: user, bound_tenant: strict, role: user, scope_ids: [lobby, room-*], secrets: [{value: user-secret-of-more-than-32-characters-for-tests}]}
  - {id: boss, bound_tenant: strict, role: tenant_admin, secrets: [{value: boss-secret-of-more-than-32-characters-for-tests}]}
  - {id: barred, bound_tenant: barred, role: user, secrets: [{value: barred-secret-of-more-than-32-characters-for-tests}]}
  - {id: any, role: user, secrets: [{value: any-secret-of-more-than-32-characters-for-tests}]}
";

async fn stack() -> Stack {
    Stack::builder().tokens(TOKENS).start().await
}

async fn code(stack: &Stack, method: Method, path: &str, caller: &Caller, body: Value) -> (String, String) {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(caller.headers());
    let body = if body.is_null() { String::new() } else { body.to_string() };
    stack.send(method, path, &headers, body).await.code_and_param()
}

fn refused(code: &str, param: &str) -> (String, String) {
    (code.to_owned(), param.to_owned())
}

fn ok() -> (String, String) {
    refused("200 OK", "")
}

#[tokio::test]
async fn a_tenant_may_want_its_end_users_named() {
    let stack = stack().await;
    let missing = || refused("missing_field", "headers.spass-user-id");
    let chat = || json!({"model": "demo", "messages": [{"role": "user", "content": "x"}]});
    let (user, boss) = (Caller::new(&secret("user")), Caller::new(&secret("boss")));
    assert_eq!(code(&stack, Method::POST, "/v1/chat/completions", &user, chat()).await, missing());
    assert_eq!(code(&stack, Method::GET, "/c1/conversations", &user, Value::Null).await, missing());
    assert_eq!(code(&stack, Method::GET, "/c1/conversations?user_id=ann", &user, Value::Null).await, ok());
    let turn = |user_id: Option<&str>| json!({"model": "demo", "message": "x", "user_id": user_id.unwrap_or_default()});
    assert_eq!(code(&stack, Method::POST, "/c1/chat", &user, turn(Some("ann"))).await, ok());
    assert_eq!(
        code(&stack, Method::POST, "/c1/chat", &user, json!({"model": "demo", "message": "x"})).await,
        missing()
    );
    let ann = Caller::new(&secret("user")).with("spass-user-id", "ann");
    assert_eq!(code(&stack, Method::POST, "/v1/chat/completions", &ann, chat()).await, ok());
    // An administrator sees everything when reading, and writes for somebody.
    assert_eq!(code(&stack, Method::GET, "/c1/conversations", &boss, Value::Null).await, ok());
    assert_eq!(
        code(&stack, Method::POST, "/c1/chat", &boss, json!({"model": "demo", "message": "x"})).await,
        missing()
    );
    for rpc in [Rpc::CreateChatCompletion, Rpc::StreamTurn, Rpc::ListConversations] {
        assert_eq!(rpc_code(&stack, rpc, &user, "").await, "missing_field", "{rpc:?}");
        assert_eq!(rpc_code(&stack, rpc, &ann, "").await, "ok", "{rpc:?}");
    }
    // Before a fault of a field, as identity comes before fields.
    assert_eq!(code(&stack, Method::POST, "/v1/chat/completions", &user, json!({"model": 1})).await, missing());
    assert_eq!(code(&stack, Method::POST, "/v1/chat/completions", &ann, json!({"model": 1})).await.1, "model");
}

#[tokio::test]
async fn a_model_that_a_tenant_may_not_use_looks_unknown() {
    let stack = stack().await;
    let barred = Caller::new(&secret("barred"));
    for (path, body) in [
        ("/v1/chat/completions", json!({"model": "MODEL", "messages": [{"role": "user", "content": "x"}]})),
        ("/c1/chat", json!({"model": "MODEL", "message": "x"})),
        ("/v1/models/MODEL", Value::Null),
    ] {
        let method = if body.is_null() { Method::GET } else { Method::POST };
        let mut headers = vec![("content-type", "application/json"), ("x-request-id", "same")];
        headers.extend(barred.headers());
        let mut answers = Vec::new();
        for alias in ["demo", "nope"] {
            let body = if body.is_null() { String::new() } else { body.to_string().replace("MODEL", alias) };
            let answer = stack.send(method.clone(), &path.replace("MODEL", alias), &headers, body).await;
            assert_eq!(answer.header("x-error-code"), Some("model_not_in_allowlist"), "{path}");
            answers.push(String::from_utf8_lossy(&answer.body).replace(alias, "ALIAS"));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    for rpc in [Rpc::CreateChatCompletion, Rpc::StreamChatCompletion, Rpc::CreateTurn, Rpc::StreamTurn, Rpc::GetModel] {
        assert_eq!(rpc_code(&stack, rpc, &barred, "").await, "model_not_in_allowlist", "{rpc:?}");
    }
    for (path, member) in [("/v1/models", "data"), ("/v1/info", "models")] {
        for (token, count) in [("barred", 0), ("boss", 1)] {
            let bearer = format!("Bearer {}", secret(token));
            let listed = stack.send(Method::GET, path, &[("authorization", &bearer)], "").await.json();
            assert_eq!(listed[member].as_array().unwrap().len(), count, "{path} {token}");
        }
    }
}

#[tokio::test]
async fn a_token_names_only_the_scopes_it_may() {
    let stack = stack().await;
    let in_scope =
        |scope: &str| Caller::new(&secret("user")).with("spass-user-id", "ann").with("spass-scope-id", scope);
    for (scope, expected) in [("lobby", "ok"), ("room-7", "ok"), ("default", "forbidden"), ("lobby2", "forbidden")] {
        for rpc in [Rpc::CreateChatCompletion, Rpc::StreamTurn, Rpc::ListModels] {
            assert_eq!(rpc_code(&stack, rpc, &in_scope(scope), "").await, expected, "{rpc:?} in {scope}");
        }
    }
    let (status, code, _) = route_answer(&stack, Operation::ListModels, &in_scope("elsewhere"), "").await;
    assert_eq!((status, code.as_str()), (403, "forbidden"));
}

#[tokio::test]
async fn an_unbound_token_acts_for_the_tenant_that_is_named() {
    let stack = stack().await;
    let any = |tenant: &str| Caller::new(&secret("any")).with("x-tenant-id", tenant);
    let unnamed = Caller::new(&secret("any"));
    let (_, code, _) = route_answer(&stack, Operation::ListModels, &unnamed, "").await;
    assert_eq!(code, "missing_field");
    // What holds for a tenant holds for whoever acts for it.
    assert_eq!(rpc_code(&stack, Rpc::CreateChatCompletion, &any("strict"), "").await, "missing_field");
    assert_eq!(rpc_code(&stack, Rpc::CreateChatCompletion, &any("barred"), "").await, "model_not_in_allowlist");
    assert_eq!(rpc_code(&stack, Rpc::CreateChatCompletion, &any("of-which-nothing-is-said"), "").await, "ok");
}
