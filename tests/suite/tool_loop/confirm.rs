//! The confirm step of public writes by tools.

use gateway_proto::v1::ExecuteToolRequest;
use gateway_proto::v1::tool_service_client::ToolServiceClient;
use gateway_proto::{ApiError, ErrorCode};

use super::*;

const TOKENS: &str = "
tenants:
  - {id: later, confirm_in_later_turn: true}
tokens:
  - {id: acme, bound_tenant: acme, role: tenant_admin, secrets: [{value: acme-secret-of-more-than-32-characters-x}]}
  - {id: other, bound_tenant: other, role: tenant_admin, secrets: [{value: other-secret-of-more-than-32-characters-x}]}
  - {id: later, bound_tenant: later, role: tenant_admin, secrets: [{value: later-secret-of-more-than-32-characters-x}]}
";

fn client<'a>(stack: &'a Stack, token: &str) -> Client<'a> {
    let bearer = format!("Bearer {token}-secret-of-more-than-32-characters-x");
    Client::new(stack).with("authorization", &bearer).with("spass-user-id", "ann")
}

fn write(token: Option<&str>) -> Value {
    let mut arguments = json!({"key": "k", "value": "v", "visibility": "public"});
    if let Some(token) = token {
        arguments["confirm_token"] = token.into();
    }
    arguments
}

async fn ask(client: &Client<'_>) -> String {
    let asked = client.execute("memory_remember", write(None)).await;
    assert_eq!(asked.status, 200, "{}", asked.json());
    let asked = asked.json();
    assert_eq!((&asked["is_error"], &asked["result"]["confirm_required"]), (&false.into(), &true.into()));
    assert_eq!(asked["result"]["expires_in"], 60);
    asked["result"]["confirm_token"].as_str().unwrap().to_owned()
}

async fn refused(client: &Client<'_>, arguments: Value) {
    let answer = client.execute("memory_remember", arguments.clone()).await;
    let told = answer.code_and_param();
    assert_eq!(told, ("memory_confirm_required".to_owned(), "confirm_token".to_owned()), "{arguments}");
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn a_public_write_takes_two_calls_and_the_second_counts_once() {
    let stack = Stack::builder().tokens(TOKENS).start().await;
    let client = client(&stack, "acme");
    let token = ask(&client).await;
    assert!(token.len() >= 32, "{token}");
    assert_eq!(client.memory("public").await, Vec::<String>::new());
    let done = client.execute("memory_remember", write(Some(&token))).await.json();
    assert_eq!(done["result"], json!({"stored": true, "key": "k", "visibility": "public"}));
    assert_eq!(client.memory("public").await, ["k=v"]);
    refused(&client, write(Some(&token))).await;
}

#[tokio::test]
async fn a_thousand_hostile_variants_and_none_is_accepted() {
    let stack = Stack::builder().tokens(TOKENS).start().await;
    let good = client(&stack, "acme");
    let token = ask(&good).await;
    let with = |name: &str, value: &str| {
        let mut arguments = write(Some(&token));
        arguments[name] = value.into();
        arguments
    };
    // Other arguments, another user, scope or tenant, with the very token.
    refused(&good, with("key", "K")).await;
    refused(&good, with("value", "v ")).await;
    refused(&client(&stack, "acme").with("spass-user-id", "bob"), write(Some(&token))).await;
    refused(&client(&stack, "acme").with("spass-scope-id", "room"), write(Some(&token))).await;
    refused(&client(&stack, "other"), write(Some(&token))).await;
    // Tokens that are close to it, and guesses.
    let mut tried = 5;
    for index in 0..token.len() {
        for change in ["A", "b", "7", "_"] {
            let near = format!("{}{change}{}", &token[..index], &token[index + 1..]);
            if near != token {
                refused(&good, write(Some(&near))).await;
                tried += 1;
            }
        }
    }
    let doubled = format!("{token}{token}");
    for near in
        [&token[1..], &token[..token.len() - 1], &doubled, &token.to_uppercase(), "null", "\u{0}", "' OR 1=1 --"]
    {
        refused(&good, write(Some(near))).await;
        tried += 1;
    }
    while tried < 1_000 {
        refused(&good, write(Some(&format!("guess-{tried}-{}", "x".repeat(tried % 64))))).await;
        tried += 1;
    }
    assert_eq!(good.memory("public").await, Vec::<String>::new());
    // After all that it still holds for the one who got it, and for one of many who come at once.
    let mut at_once = Vec::new();
    for _ in 0..16 {
        at_once.push(async {
            client(&stack, "acme").execute("memory_remember", write(Some(&token))).await.status.as_u16()
        });
    }
    let mut came = futures_util::future::join_all(at_once).await;
    came.sort_unstable();
    assert_eq!((came[0], &came[1..]), (200, &[400; 15][..]));
    assert_eq!(good.memory("public").await, ["k=v"]);
}

#[tokio::test]
async fn over_grpc_it_is_the_same_refusal() {
    let stack = Stack::builder().start().await;
    let client = Client::new(&stack);
    let over_http = client.execute("memory_remember", write(Some("forged"))).await.error();
    let arguments = write(Some("forged")).to_string().into();
    let message =
        ExecuteToolRequest { name: "memory_remember".to_owned(), arguments_json: arguments, ..Default::default() };
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {BEARER}").parse().unwrap());
    let status = ToolServiceClient::new(stack.grpc()).execute_tool(request).await.unwrap_err();
    let error = ApiError::from_status(&status).unwrap();
    assert_eq!((status.code(), error.code()), (tonic::Code::InvalidArgument, ErrorCode::MemoryConfirmRequired));
    assert_eq!((error.param(), error.message()), (over_http["param"].as_str(), over_http["message"].as_str().unwrap()));
}

#[tokio::test]
async fn inside_the_loop_every_case_is_a_result() {
    for form in FORMS {
        let server = model_by(|body| match results(body).len() {
            0 => asks(&[("memory_remember", write(None)), ("memory_remember", write(Some("forged")))]),
            2 => {
                let told: Value = serde_json::from_str(results(body)[0]).unwrap();
                asks(&[("memory_remember", write(told["confirm_token"].as_str()))])
            }
            _ => text("Done."),
        })
        .await;
        let stack = stack_of(&server).start().await;
        let client = Client::new(&stack);
        assert_eq!(Came::of(client.chat(form, json!({})).await, form).text, "Done.");
        assert_eq!(client.memory("public").await, ["k=v"]);
        let sent = bodies(&server);
        let forged: Value = serde_json::from_str(results(&sent[1])[1]).unwrap();
        assert_eq!(forged["error"]["code"], "memory_confirm_required");
    }
}

/// A model that asks, then confirms as often as it is asked to, with the token that it got in its first turn.
fn stubborn(body: &Value) -> Says {
    let token = |text: &&str| {
        let told: Value = serde_json::from_str(text).unwrap_or_default();
        told["confirm_token"].as_str().map(str::to_owned)
    };
    let last = body["messages"].as_array().unwrap().last().unwrap();
    match (results(body).iter().find_map(token), last["role"].as_str().unwrap(), last["content"].as_str().unwrap()) {
        (None, _, _) => asks(&[("memory_remember", write(None))]),
        (Some(token), "user", "yes") => asks(&[("memory_remember", write(Some(&token)))]),
        (Some(token), "tool", told) if told.contains("\"confirm_required\":true") => {
            asks(&[("memory_remember", write(Some(&token)))])
        }
        _ => text("Done."),
    }
}

#[tokio::test]
async fn where_the_tenant_says_so_the_user_confirms_in_the_next_turn() {
    for form in FORMS {
        let server = model_by(stubborn).await;
        let stack = stack_of(&server).tokens(TOKENS).start().await;
        let client = client(&stack, "later");
        let first = client.turn(form, json!({"message": "tell everybody"})).await;
        let id = first.header("x-conversation-id").unwrap().to_owned();
        // In the same turn the model confirms in vain.
        assert_eq!(Came::of(first, form).text, "Done.");
        assert_eq!(client.memory("public").await, Vec::<String>::new());
        let sent = bodies(&server);
        assert!(results(&sent[2])[1].contains("memory_confirm_required"), "{:?}", results(&sent[2]));
        Came::of(client.turn(form, json!({"message": "yes", "conversation_id": id})).await, form);
        assert_eq!(client.memory("public").await, ["k=v"]);
    }
}

#[tokio::test]
async fn after_the_next_turn_it_is_too_late() {
    let server = model_by(stubborn).await;
    let stack = stack_of(&server).tokens(TOKENS).start().await;
    let client = client(&stack, "later");
    let first = client.turn(Form::Whole, json!({"message": "tell everybody"})).await;
    let id = first.header("x-conversation-id").unwrap().to_owned();
    for message in ["something else", "yes"] {
        Came::of(client.turn(Form::Whole, json!({"message": message, "conversation_id": id})).await, Form::Whole);
    }
    assert_eq!(client.memory("public").await, Vec::<String>::new());
}
