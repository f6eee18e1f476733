//! Who may call what, over both wires: every RPC and every route against every kind of caller. The calls come from the
//! route table, so that a new one does not build until `samples` says how it is called and whose things it reaches.

mod raw;
mod revocation;
mod samples;
mod tenants;

use std::fmt::Write;

use gateway_proto::{Access, ApiError, Operation, Rpc};
use gateway_tests::Stack;
use http::Method;

use raw::{Caller, call};
use samples::{Reach, message, reach, request};

/// A conversation that nobody has.
const RANDOM_ID: &str = "01a20c44-fc63-7524-a4db-10983425c474";

/// The text of a secret of the token of this id.
fn secret(id: &str) -> String {
    format!("{}-secret-of-more-than-32-characters-for-tests", id.replace(':', "."))
}

/// Every scope that any RPC needs.
fn needed_scopes() -> Vec<&'static str> {
    let of = |rpc: &Rpc| match rpc.access() {
        Access::Scopes(scopes) => scopes,
        Access::Public | Access::Authenticated => &[],
    };
    let mut scopes: Vec<_> = Rpc::ALL.iter().flat_map(of).copied().collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// A token that holds everything, one without each scope, one that holds each RPC's scopes alone, and one of another
/// tenant.
fn tokens() -> String {
    let scopes = needed_scopes();
    let mut text = "tokens:\n".to_owned();
    let mut add = |id: &str, tenant: &str, denied: &[&str]| {
        writeln!(
            text,
            "  - {{id: '{id}', bound_tenant: {tenant}, role: tenant_admin, deny_scopes: {denied:?}, secrets: [{{value: '{}'}}]}}",
            secret(id)
        )
        .unwrap();
    };
    add("all", "acme", &[]);
    add("elsewhere", "other", &[]);
    for scope in &scopes {
        add(&format!("without:{scope}"), "acme", &[scope]);
    }
    for rpc in Rpc::ALL {
        let Access::Scopes(needed) = rpc.access() else { continue };
        let others: Vec<_> = scopes.iter().copied().filter(|scope| !needed.contains(scope)).collect();
        add(&format!("only:{}", rpc.name()), "acme", &others);
    }
    text
}

async fn stack() -> Stack {
    Stack::builder().tokens(&tokens()).start().await
}

/// A conversation of the user `ann` of `acme`.
async fn conversation(stack: &Stack) -> String {
    let bearer = format!("Bearer {}", secret("all"));
    let headers = [("authorization", bearer.as_str()), ("spass-user-id", "ann"), ("content-type", "application/json")];
    let body = r#"{"model": "demo", "message": "mine"}"#;
    let answer = stack.send(Method::POST, "/c1/chat", &headers, body).await;
    answer.header("x-conversation-id").unwrap().to_owned()
}

/// The code of what an RPC is answered; `ok` when it is served.
async fn rpc_code(stack: &Stack, rpc: Rpc, caller: &Caller, conversation: &str) -> String {
    match call(stack, rpc, caller, message(rpc, conversation)).await {
        Ok(()) => "ok".to_owned(),
        Err(status) => ApiError::from_status(&status).unwrap().code().facts().code.to_owned(),
    }
}

/// Status, code and body of what a route is answered; the request id is the same for all.
async fn route_answer(
    stack: &Stack,
    operation: Operation,
    caller: &Caller,
    conversation: &str,
) -> (u16, String, bytes::Bytes) {
    let (path, body) = request(operation, conversation);
    let mut headers = vec![("content-type", "application/json"), ("x-request-id", "same")];
    headers.extend(caller.headers());
    let method = operation.method().parse().unwrap();
    let answer = stack.send(method, &path, &headers, body).await;
    let code = answer.header("x-error-code").unwrap_or("ok").to_owned();
    (answer.status.as_u16(), code, answer.body)
}

#[tokio::test]
async fn whoever_has_no_accepted_token_reaches_only_what_is_public() {
    let stack = stack().await;
    let nobody = Caller::nobody();
    let stranger = Caller::new("a-token-that-nobody-knows-of-40-characters");
    let wrong_tenant = Caller::new(&secret("all")).with("x-tenant-id", "other");
    for rpc in Rpc::ALL.iter().copied() {
        let is_public = rpc.access() == Access::Public;
        let expected = |code: &str| if is_public { "ok".to_owned() } else { code.to_owned() };
        assert_eq!(rpc_code(&stack, rpc, &nobody, RANDOM_ID).await, expected("missing_authorization"), "{rpc:?}");
        for caller in [&stranger, &wrong_tenant] {
            assert_eq!(rpc_code(&stack, rpc, caller, RANDOM_ID).await, expected("invalid_authorization"), "{rpc:?}");
        }
    }
    for operation in Operation::ALL.iter().copied() {
        let is_public = operation.access() == Access::Public;
        let expected = |code: &str| if is_public { (200, "ok".to_owned()) } else { (401, code.to_owned()) };
        let (status, code, _) = route_answer(&stack, operation, &nobody, RANDOM_ID).await;
        assert_eq!((status, code), expected("missing_authorization"), "{operation:?}");
        for caller in [&stranger, &wrong_tenant] {
            let (status, code, _) = route_answer(&stack, operation, caller, RANDOM_ID).await;
            assert_eq!((status, code), expected("invalid_authorization"), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn each_scope_that_a_call_needs_is_needed_and_no_other() {
    let stack = stack().await;
    for rpc in Rpc::ALL.iter().copied() {
        let Access::Scopes(needed) = rpc.access() else { continue };
        for scope in needed_scopes() {
            let caller = Caller::new(&secret(&format!("without:{scope}")));
            let code = rpc_code(&stack, rpc, &caller, RANDOM_ID).await;
            assert_eq!(code == "forbidden", needed.contains(&scope), "{rpc:?} without {scope}: {code}");
        }
        let enough = Caller::new(&secret(&format!("only:{}", rpc.name())));
        let code = rpc_code(&stack, rpc, &enough, RANDOM_ID).await;
        assert!(["ok", "conversation_not_found"].contains(&code.as_str()), "{rpc:?} with its scopes alone: {code}");
    }
    for operation in Operation::ALL.iter().copied() {
        let Access::Scopes(needed) = operation.access() else { continue };
        for scope in needed {
            let caller = Caller::new(&secret(&format!("without:{scope}")));
            let (status, code, body) = route_answer(&stack, operation, &caller, RANDOM_ID).await;
            assert_eq!((status, code.as_str()), (403, "forbidden"), "{operation:?} without {scope}");
            // What is missing is for the operator's log.
            assert!(!String::from_utf8_lossy(&body).contains(scope), "{operation:?}");
        }
    }
}

#[tokio::test]
async fn what_is_another_tenants_or_users_is_not_there() {
    let stack = stack().await;
    let theirs = conversation(&stack).await;
    let owner = Caller::new(&secret("all")).with("spass-user-id", "ann");
    let other_user = Caller::new(&secret("all")).with("spass-user-id", "bob");
    let other_tenant = Caller::new(&secret("elsewhere")).with("spass-user-id", "ann");
    let other_administrator = Caller::new(&secret("elsewhere"));
    for stranger in [&other_user, &other_tenant, &other_administrator] {
        for rpc in Rpc::ALL.iter().copied().filter(|rpc| reach(*rpc) == Reach::Conversation) {
            assert_eq!(rpc_code(&stack, rpc, stranger, &theirs).await, "conversation_not_found", "{rpc:?}");
        }
        for operation in Operation::ALL.iter().copied() {
            if reach(operation.rpcs()[0]) != Reach::Conversation {
                continue;
            }
            let foreign = route_answer(&stack, operation, stranger, &theirs).await;
            assert_eq!((foreign.0, foreign.1.as_str()), (404, "conversation_not_found"), "{operation:?}");
            assert_eq!(foreign, route_answer(&stack, operation, stranger, RANDOM_ID).await, "{operation:?}");
        }
    }
    // Nothing of it was changed, and its owner reaches it; the deletion comes last.
    let mut own: Vec<_> = Rpc::ALL.iter().copied().filter(|rpc| reach(*rpc) == Reach::Conversation).collect();
    own.sort_by_key(|rpc| *rpc == Rpc::DeleteConversation);
    for rpc in own {
        assert_eq!(rpc_code(&stack, rpc, &owner, &theirs).await, "ok", "{rpc:?}");
    }
    // What reaches everything of a tenant reaches nothing of another.
    for rpc in Rpc::ALL.iter().copied().filter(|rpc| reach(*rpc) == Reach::List) {
        conversation(&stack).await;
        let operation = samples::face(rpc);
        for (caller, total) in [(&owner, 1), (&other_user, 0), (&other_tenant, 0), (&other_administrator, 0)] {
            let (_, _, body) = route_answer(&stack, operation, caller, RANDOM_ID).await;
            let listed: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(listed["total"].as_u64().unwrap() > 0, total > 0, "{rpc:?}: {listed}");
        }
    }
    for rpc in Rpc::ALL.iter().copied().filter(|rpc| reach(*rpc) == Reach::Tenant) {
        let operation = samples::face(rpc);
        let rows = async |caller: &Caller| {
            let (_, _, body) = route_answer(&stack, operation, caller, RANDOM_ID).await;
            let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
            told["items"].as_array().unwrap().len()
        };
        // What was done is told a moment later.
        while rows(&owner).await == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((rows(&other_tenant).await, rows(&other_administrator).await), (0, 0), "{rpc:?}");
    }
}
