//! WhoAmI: what the gateway sees in a credential, and what it charges.

use gateway_proto::v1::identity_service_client::IdentityServiceClient;
use gateway_proto::v1::{RequestEnd, WhoAmIRequest, WhoAmIResponse};
use gateway_proto::{ApiError, Rpc};
use gateway_tests::Stack;
use tonic::{Request, Status};

const TOKENS: &str = "
tokens:
  - {id: app, bound_tenant: acme, role: readonly, extra_scopes: [chat:write], deny_scopes: [usage:read], secrets: [{value: app-secret-of-more-than-32-characters}]}
  - {id: reads, bound_tenant: acme, role: readonly, secrets: [{value: reads-secret-of-more-than-32-characters}]}
";

async fn stack() -> Stack {
    Stack::builder().tokens(TOKENS).set("--rate-limit-per-second", 0.001).set("--rate-limit-burst", 2).start().await
}

async fn ask(stack: &Stack, token: &str, rpc: &str, end: RequestEnd) -> Result<WhoAmIResponse, Status> {
    let mut request = Request::new(WhoAmIRequest { rpc: rpc.to_owned(), request_end: end.into() });
    let bearer = format!("Bearer {token}-secret-of-more-than-32-characters");
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    IdentityServiceClient::new(stack.grpc()).who_am_i(request).await.map(tonic::Response::into_inner)
}

fn code(status: &Status) -> &'static str {
    ApiError::from_status(status).unwrap().code().facts().code
}

#[tokio::test]
async fn a_token_is_told_what_it_is() {
    let stack = stack().await;
    let answer = ask(&stack, "app", "", RequestEnd::Unspecified).await.unwrap();
    assert_eq!(
        (answer.tenant_id.as_str(), answer.token_id.as_str(), answer.role.as_str()),
        ("acme", "app", "readonly")
    );
    assert!(answer.scopes.contains(&"chat:write".to_owned()) && !answer.scopes.contains(&"usage:read".to_owned()));
    assert_eq!(answer.admission, None);
    let limit = answer.rate_limit.unwrap();
    assert_eq!((limit.limited, limit.burst, limit.remaining, limit.reset_seconds), (true, 2, 2, 0));
    assert_eq!(code(&ask(&stack, "bad", "", RequestEnd::Unspecified).await.unwrap_err()), "invalid_authorization");
}

#[tokio::test]
async fn asking_is_free_and_ending_is_charged() {
    let stack = stack().await;
    let remaining = async |end| ask(&stack, "app", "", end).await.map(|answer| answer.rate_limit.unwrap().remaining);
    for _ in 0..5 {
        assert_eq!(remaining(RequestEnd::Unspecified).await.unwrap(), 2);
    }
    assert_eq!(remaining(RequestEnd::AtBody).await.unwrap(), 1);
    assert_eq!(remaining(RequestEnd::AtFields).await.unwrap(), 0);
    assert_eq!(remaining(RequestEnd::Unspecified).await.unwrap(), 0);
    assert_eq!(code(&remaining(RequestEnd::AtBody).await.unwrap_err()), "rate_limit_exceeded");
}

#[tokio::test]
async fn admission_is_told_without_being_used() {
    let stack = stack().await;
    let chat = Rpc::CreateChatCompletion.path().trim_start_matches('/');
    let admission = async |token, end| ask(&stack, token, chat, end).await.map(|answer| answer.admission.unwrap());
    assert!(admission("app", RequestEnd::Unspecified).await.unwrap().admitted);
    let refused = admission("reads", RequestEnd::Unspecified).await.unwrap();
    assert_eq!((refused.admitted, refused.code.as_str()), (false, "forbidden"));
    // At the end of a request at its fields, identity and scope must hold.
    assert_eq!(code(&admission("reads", RequestEnd::AtFields).await.unwrap_err()), "forbidden");
    admission("app", RequestEnd::AtBody).await.unwrap();
    admission("app", RequestEnd::AtBody).await.unwrap();
    let refused = admission("app", RequestEnd::Unspecified).await.unwrap();
    assert_eq!((refused.code.as_str(), refused.retry_after_seconds), ("rate_limit_exceeded", 1000));
    let status = ask(&stack, "app", "no/such", RequestEnd::Unspecified).await.unwrap_err();
    assert_eq!(ApiError::from_status(&status).unwrap().param(), Some("rpc"));
}
