//! Whose conversations they are, and how they are listed, changed, exported and deleted.

use super::*;

const TOKENS: &str = "
tokens:
  - {id: one, bound_tenant: acme, role: user, secrets: [{value: one-secret-of-more-than-32-characters}]}
  - {id: two, bound_tenant: acme, role: user, secrets: [{value: two-secret-of-more-than-32-characters}]}
  - {id: boss, bound_tenant: acme, role: tenant_admin, secrets: [{value: boss-secret-of-more-than-32-characters}]}
  - {id: else, bound_tenant: other, role: tenant_admin, secrets: [{value: else-secret-of-more-than-32-characters}]}
  - {id: reads, bound_tenant: acme, role: readonly, secrets: [{value: reads-secret-of-more-than-32-characters}]}
  - {id: mute, bound_tenant: acme, role: user, deny_scopes: ['chat:write'], secrets: [{value: mute-secret-of-more-than-32-characters}]}
";

fn client<'a>(stack: &'a Stack, token: &str) -> Client<'a> {
    Client::new(stack).with("authorization", &format!("Bearer {token}-secret-of-more-than-32-characters"))
}

#[tokio::test]
async fn a_foreign_a_deleted_and_a_random_conversation_look_the_same() {
    let server = echo().await;
    let stack = Stack::builder().tokens(TOKENS).upstream(&server.base_url()).start().await;
    let one = client(&stack, "one");
    let ann = client(&stack, "one").with("spass-user-id", "ann");
    let (foreign, deleted) = (one.say(None, "mine").await, ann.say(None, "hers").await);
    assert_eq!(ann.send(Method::DELETE, &format!("/c1/conversations/{deleted}"), &Value::Null).await.status, 204);
    let random = "01a20c44-fc63-7524-a4db-10983425c474";
    for stranger in
        [ann, client(&stack, "two"), client(&stack, "else"), client(&stack, "one").with("spass-user-id", "one")]
    {
        let stranger = stranger.with("x-request-id", "same");
        for (method, rest, body) in [
            (Method::GET, "", Value::Null),
            (Method::PATCH, "", json!({"title": "x"})),
            (Method::DELETE, "", Value::Null),
            (Method::GET, "/messages", Value::Null),
            (Method::GET, "/export", Value::Null),
        ] {
            let mut answers = Vec::new();
            for id in [foreign.as_str(), &deleted, random, "nonsense"] {
                let answer = stranger.send(method.clone(), &format!("/c1/conversations/{id}{rest}"), &body).await;
                assert_eq!(
                    (answer.status.as_u16(), answer.header("x-error-code")),
                    (404, Some("conversation_not_found"))
                );
                answers.push(answer.body);
            }
            answers.dedup();
            assert_eq!(answers.len(), 1, "{method} {rest}");
        }
        for id in [foreign.as_str(), &deleted, random, "nonsense"] {
            let answer = stranger.turn(say(Some(id), "x")).await;
            assert_eq!(answer.code_and_param(), ("conversation_not_found".to_owned(), "conversation_id".to_owned()));
        }
    }
    assert_eq!(one.told(&foreign).await, ["user: mine", "assistant: [mine]"]);
}

#[tokio::test]
async fn an_administrator_sees_the_tenant_and_scopes_hold() {
    let server = echo().await;
    let stack = Stack::builder().tokens(TOKENS).upstream(&server.base_url()).start().await;
    let id = client(&stack, "one").with("spass-user-id", "ann").say(None, "x").await;
    client(&stack, "two").say(None, "y").await;
    let listed = client(&stack, "boss").get("/c1/conversations").await.json();
    assert_eq!(
        (&listed["total"], &listed["items"][0]["user_id"], &listed["items"][1]["user_id"]),
        (&json!(2), &Value::Null, &json!("ann"))
    );
    assert_eq!(client(&stack, "boss").get("/c1/conversations?user_id=ann").await.json()["total"], 1);
    assert_eq!(client(&stack, "boss").get(&format!("/c1/conversations/{id}")).await.status, 200);
    assert_eq!(client(&stack, "else").get("/c1/conversations").await.json()["total"], 0);
    let refused = client(&stack, "boss").with("spass-user-id", "bob").get("/c1/conversations?user_id=ann").await;
    assert_eq!(refused.code_and_param(), ("invalid_field".to_owned(), "query.user_id".to_owned()));
    for token in ["reads", "mute"] {
        assert_eq!(client(&stack, token).turn(say(None, "x")).await.code_and_param().0, "forbidden");
    }
    assert_eq!(client(&stack, "reads").get("/c1/conversations").await.status, 200);
}

#[tokio::test]
async fn conversations_are_listed_newest_first_and_changed_in_place() {
    let server = echo().await;
    let stack = stack_with(&server).await;
    let client = Client::new(&stack).with("spass-user-id", "ann");
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.insert(0, client.say(None, &number.to_string()).await);
    }
    let page = async |query: &str| {
        let listed = client.get(&format!("/c1/conversations{query}")).await.json();
        assert_eq!(listed["total"], 5);
        let ids = listed["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(page("").await, ids);
    assert_eq!(page("?limit=2&offset=1").await, ids[1..3]);
    assert_eq!(page(&format!("?limit=2&after={}", ids[2])).await, ids[3..]);
    for (query, param) in [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("offset=10001", "query.offset"),
        ("limit=x", "query.limit"),
        ("after=x", "query.after"),
    ] {
        let refused = client.get(&format!("/c1/conversations?{query}")).await;
        assert_eq!(refused.code_and_param(), ("invalid_field".to_owned(), param.to_owned()));
    }
    let path = format!("/c1/conversations/{}", ids[0]);
    let metadata = r#"{"b":"\u00e4","a":"1"}"#;
    let body = format!(r#"{{"title":"Grüße","metadata":{metadata}}}"#);
    let changed = client.0.send_text(Method::PATCH, &path, &body).await;
    assert_eq!(changed.json()["title"], "Grüße");
    assert!(String::from_utf8(changed.body.to_vec()).unwrap().contains(metadata));
    assert_eq!(client.send(Method::PATCH, &path, &json!({"title": null})).await.json()["title"], Value::Null);
    let export = client.get(&format!("{path}/export")).await.json();
    assert_eq!(
        (&export["conversation"]["metadata"]["a"], &export["messages"][1]["content"]),
        (&json!("1"), &json!("[4]"))
    );
    for (body, param) in [
        (json!({}), "update_mask"),
        (json!({"title": ""}), "title"),
        (json!({"titel": "x"}), "titel"),
        (json!({"metadata": {"a": 1}}), "metadata.a"),
    ] {
        assert_eq!(client.send(Method::PATCH, &path, &body).await.code_and_param().1, param);
    }
}
