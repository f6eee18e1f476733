//! Who may call what, over both wires: every RPC and every route against every kind of caller. The calls come from the
//! route table, so that a new one does not build until `samples` says how it is called and whose things it reaches.

mod kinds;
mod raw;
mod revocation;
mod samples;
mod tenants;

use std::fmt::Write;

use gateway_proto::{Access, ApiError, Operation, Rpc};
use gateway_tests::Stack;
use http::Method;

use raw::{Caller, call};
use samples::{Reach, kinds, message, message_of, reach, request, request_of};

/// A conversation that nobody has.
const RANDOM_ID: &str = "01a20c44-fc63-7524-a4db-10983425c474";
/// What a caller who is let in may be told.
const SERVED: [&str; 5] = [
    "ok",
    "conversation_not_found",
    "memory_not_found",
    "system_prompt_version_not_found",
    "system_prompt_current_locked",
];

/// The text of a secret of the token of this id.
fn secret(id: &str) -> String {
    format!("{}-secret-of-more-than-32-characters-for-tests", id.replace(':', "."))
}

/// The scopes that a call of this kind needs.
fn needed(access: Access, kind: &str) -> Vec<String> {
    let Access::Scopes(templates) = access else { return Vec::new() };
    let of = |template: &&str| template.replace("{visibility}", kind).replace("{level}", kind);
    templates.iter().map(of).collect()
}

/// The scopes that the sample of this kind needs.
fn needed_by(rpc: Rpc, kind: &str) -> Vec<String> {
    let of_sample = samples::needed_by_sample(rpc).iter().map(|scope| (*scope).to_owned());
    needed(rpc.access(), kind).into_iter().chain(of_sample).collect()
}

/// Every scope that any RPC needs.
fn needed_scopes() -> Vec<String> {
    let of = |rpc: &Rpc| {
        let access = rpc.access();
        kinds(access).iter().flat_map(move |kind| needed(access, kind))
    };
    let mut scopes: Vec<_> = Rpc::ALL.iter().flat_map(of).collect();
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}

/// A token that holds everything, one without each scope, one that holds each RPC's scopes alone, and one of another
/// tenant.
fn tokens() -> String {
    let scopes = needed_scopes();
    let mut text = "tokens:\n".to_owned();
    let mut add = |id: &str, tenant: &str, denied: &[String]| {
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
        add(&format!("without:{scope}"), "acme", std::slice::from_ref(scope));
    }
    for rpc in Rpc::ALL {
        for kind in kinds(rpc.access()) {
            let needed = needed_by(*rpc, kind);
            let others: Vec<_> = scopes.iter().filter(|scope| !needed.contains(scope)).cloned().collect();
            add(&format!("only:{}:{kind}", rpc.name()), "acme", &others);
        }
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
    code_of(call(stack, rpc, caller, message(rpc, conversation)).await)
}

fn code_of(answer: Result<Vec<u8>, tonic::Status>) -> String {
    match answer {
        Ok(_) => "ok".to_owned(),
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
    answer_to(stack, operation, caller, request(operation, conversation)).await
}

async fn answer_to(
    stack: &Stack,
    operation: Operation,
    caller: &Caller,
    (path, body): (String, String),
) -> (u16, String, bytes::Bytes) {
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
    for rpc in Rpc::ALL.iter().copied().filter(|rpc| matches!(rpc.access(), Access::Scopes(_))) {
        for kind in kinds(rpc.access()) {
            let needed = needed_by(rpc, kind);
            let of = async |token: &str| {
                code_of(call(&stack, rpc, &Caller::new(&secret(token)), message_of(rpc, RANDOM_ID, kind)).await)
            };
            for scope in needed_scopes() {
                let code = of(&format!("without:{scope}")).await;
                assert_eq!(code == "forbidden", needed.contains(&scope), "{rpc:?} {kind} without {scope}: {code}");
            }
            let code = of(&format!("only:{}:{kind}", rpc.name())).await;
            assert!(SERVED.contains(&code.as_str()), "{rpc:?} {kind} with its scopes alone: {code}");
        }
    }
    for operation in Operation::ALL.iter().copied() {
        for kind in kinds(operation.access()) {
            for scope in needed(operation.access(), kind) {
                let caller = Caller::new(&secret(&format!("without:{scope}")));
                let asked = request_of(operation, RANDOM_ID, kind);
                let (status, code, body) = answer_to(&stack, operation, &caller, asked).await;
                assert_eq!((status, code.as_str()), (403, "forbidden"), "{operation:?} without {scope}");
                // What is missing is for the operator's log.
                assert!(!String::from_utf8_lossy(&body).contains(&scope), "{operation:?}");
            }
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
    conversation(&stack).await;
    for rpc in [Rpc::PutMemory, Rpc::PutSystemPrompt] {
        assert_eq!(rpc_code(&stack, rpc, &owner, RANDOM_ID).await, "ok", "{rpc:?}");
    }
    for rpc in Rpc::ALL.iter().copied().filter(|rpc| reach(*rpc) == Reach::List) {
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
