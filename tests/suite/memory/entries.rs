//! Entries: written, read, listed and deleted.

use gateway_proto::v1::{DeleteMemoryRequest, GetMemoryRequest, ListMemoryRequest, PutMemoryRequest};

use super::*;

#[tokio::test]
async fn an_entry_lives_and_dies_over_http() {
    let stack = Stack::demo().await;
    let ann = Caller::new(&stack).with("spass-user-id", "ann");
    let written = put(&ann, "private", "colour", "teal").await;
    assert_eq!(written.status, 200);
    let first = written.json();
    let times = (first["created_at"].clone(), first["updated_at"].clone());
    assert_eq!(
        first,
        json!({
            "visibility": "private", "scope_id": "default", "user_id": "ann", "key": "colour", "value": "teal",
            "origin": {"kind": "human"}, "created_at": times.0, "updated_at": times.1,
        })
    );
    assert!(times.0.as_str().unwrap().ends_with('Z'), "{first}");
    let second = put(&ann, "private", "colour", "").await.json();
    assert_eq!((&second["value"], &second["created_at"]), (&json!(""), &times.0));
    let read = ann.get("/v1/memory/entry?visibility=private&key=colour").await;
    assert_eq!((read.status.as_u16(), read.json()), (200, second));
    let head = ann.send(Method::HEAD, "/v1/memory/entry?visibility=private&key=colour", &Value::Null).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    for was_there in [true, false] {
        let deleted = ann.delete("/v1/memory?visibility=private&key=colour").await;
        assert_eq!((deleted.status.as_u16(), deleted.json()), (200, json!({"deleted": was_there})));
    }
    let gone = ann.get("/v1/memory/entry?visibility=private&key=colour").await;
    assert_eq!((gone.status.as_u16(), gone.code_and_param()), (404, refused("memory_not_found", "query.key")));
}

#[tokio::test]
async fn an_entry_lives_and_dies_over_grpc() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    let visibility = || "public".to_owned();
    let asked = PutMemoryRequest {
        visibility: visibility(),
        key: "k".to_owned(),
        value: Some("v".to_owned()),
        ..PutMemoryRequest::default()
    };
    let put = service(&stack).put_memory(token.request(asked)).await.unwrap().into_inner().entry.unwrap();
    assert_eq!((put.visibility.as_str(), put.scope_id.as_str(), put.user_id.as_deref()), ("public", "default", None));
    assert_eq!(put.origin.as_ref().unwrap().kind, "human");
    let asked = || GetMemoryRequest { visibility: visibility(), key: "k".to_owned(), ..GetMemoryRequest::default() };
    let got = service(&stack).get_memory(token.request(asked())).await.unwrap().into_inner().entry.unwrap();
    assert_eq!(got, put);
    let list = ListMemoryRequest { visibility: visibility(), ..ListMemoryRequest::default() };
    let listed = service(&stack).list_memory(token.request(list)).await.unwrap().into_inner();
    assert_eq!((listed.items, listed.total, listed.limit, listed.offset), (vec![put], 1, 20, 0));
    for was_there in [true, false] {
        let asked =
            DeleteMemoryRequest { visibility: visibility(), key: "k".to_owned(), ..DeleteMemoryRequest::default() };
        let deleted = service(&stack).delete_memory(token.request(asked)).await.unwrap().into_inner();
        assert_eq!(deleted.deleted, was_there);
    }
    let status = service(&stack).get_memory(token.request(asked())).await.unwrap_err();
    assert_eq!(
        (status.code(), code_and_param(&status)),
        (tonic::Code::NotFound, refused("memory_not_found", "query.key"))
    );
}

#[tokio::test]
async fn a_bucket_is_listed_by_key_page_by_page() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    for key in ["b", "ä", "a", "B", "\u{1f600}"] {
        assert_eq!(put(&token, "private", key, "v").await.status, 200);
    }
    let listed = |query: &'static str| {
        let token = &token;
        async move {
            let page = token.get(&format!("/v1/memory?visibility=private{query}")).await.json();
            let keys: Vec<_> = page["items"].as_array().unwrap().iter().map(|entry| entry["key"].clone()).collect();
            (keys, page["total"].clone(), page["limit"].clone(), page["offset"].clone())
        }
    };
    let all = vec![json!("B"), json!("a"), json!("b"), json!("ä"), json!("\u{1f600}")];
    assert_eq!(listed("").await, (all.clone(), json!(5), json!(20), json!(0)));
    assert_eq!(listed("&limit=2&offset=1").await, (all[1..3].to_vec(), json!(5), json!(2), json!(1)));
    assert_eq!(listed("&offset=10000").await, (vec![], json!(5), json!(20), json!(10_000)));
    for bad in ["limit=0", "limit=101", "limit=x", "offset=-1", "offset=10001"] {
        let param = format!("query.{}", bad.split('=').next().unwrap());
        let answer = token.get(&format!("/v1/memory?visibility=private&{bad}")).await;
        assert_eq!(answer.code_and_param(), refused("invalid_field", &param), "{bad}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_field_is_told_alike() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    let over_http = async |body: &Value| token.send(Method::POST, "/v1/memory", body).await;
    let long = "ä".repeat(129);
    for (key, value, visibility, code, param) in [
        ("", Some("v"), "private", "missing_field", "key"),
        ("a\nb", Some("v"), "private", "invalid_field", "key"),
        (&long, Some("v"), "private", "invalid_field", "key"),
        ("k", None, "private", "missing_field", "value"),
        ("k", Some("a\0b"), "private", "invalid_field", "value"),
        ("k", Some("v"), "", "missing_field", "visibility"),
        ("k", Some("v"), "Private", "invalid_field", "visibility"),
    ] {
        let key_member = if key.is_empty() { Value::Null } else { key.into() };
        let http = over_http(&json!({"key": key_member, "value": value, "visibility": visibility})).await;
        assert_eq!(http.code_and_param(), refused(code, param), "{key:?} {value:?} {visibility:?}");
        let asked = PutMemoryRequest {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            visibility: visibility.to_owned(),
            ..PutMemoryRequest::default()
        };
        let grpc = service(&stack).put_memory(token.request(asked)).await.unwrap_err();
        assert_eq!(code_and_param(&grpc), refused(code, param));
        assert_eq!(http.error()["message"], ApiError::from_status(&grpc).unwrap().message());
    }
    for (path, code, param) in [
        ("/v1/memory", "missing_field", "query.visibility"),
        ("/v1/memory?visibility=all", "invalid_field", "query.visibility"),
        ("/v1/memory/usage?visibility=", "missing_field", "query.visibility"),
        ("/v1/memory/entry?visibility=public", "missing_field", "query.key"),
        ("/v1/memory/entry?visibility=public&key=", "invalid_field", "query.key"),
        ("/v1/memory/entry?visibility=public&key=%00", "invalid_field", "query.key"),
        ("/v1/memory/entry?visibility=public&visibility=private&key=k", "invalid_field", "query.visibility"),
    ] {
        assert_eq!(token.get(path).await.code_and_param(), refused(code, param), "{path}");
    }
    // A typing error is not lost in silence.
    let body = json!({"key": "k", "value": "v", "visibilty": "public"});
    assert_eq!(over_http(&body).await.code_and_param(), refused("invalid_field", "visibilty"));
    let twice = r#"{"key": "k", "key": "k", "value": "v", "visibility": "public"}"#;
    assert_eq!(token.send_text(Method::POST, "/v1/memory", twice).await.code_and_param().0, "invalid_json");
    let surrogate = r#"{"key": "k", "value": "\ud800", "visibility": "public"}"#;
    assert_eq!(token.send_text(Method::POST, "/v1/memory", surrogate).await.code_and_param().0, "invalid_json");
}

#[tokio::test]
async fn a_repeated_write_is_done_once() {
    let stack = Stack::demo().await;
    let keyed = Caller::new(&stack).with("idempotency-key", "once");
    let plain = Caller::new(&stack);
    let first = put(&keyed, "private", "k", "one").await;
    assert_eq!(put(&plain, "private", "k", "two").await.status, 200);
    let again = put(&keyed, "private", "k", "one").await;
    assert_eq!((again.status.as_u16(), again.json()), (200, first.json()));
    assert_eq!(value(&plain, "private", "k").await, "two");
    // Another request: another value, another scope, but not another way to name the same one.
    let other = || refused("invalid_field", "headers.idempotency-key");
    assert_eq!(put(&keyed, "private", "k", "three").await.code_and_param(), other());
    let elsewhere = Caller::new(&stack).with("idempotency-key", "once").with("spass-scope-id", "room");
    assert_eq!(put(&elsewhere, "private", "k", "one").await.code_and_param(), other());
    let named = Caller::new(&stack).with("idempotency-key", "once").with("spass-scope-id", "default");
    assert_eq!(put(&named, "private", "k", "one").await.json(), first.json());
    // A deletion tells the same again, too.
    let path = "/v1/memory?visibility=private&key=k";
    assert_eq!(keyed.delete(path).await.json(), json!({"deleted": true}));
    assert_eq!(keyed.delete(path).await.json(), json!({"deleted": true}));
    assert_eq!(plain.delete(path).await.json(), json!({"deleted": false}));
}

#[tokio::test]
async fn without_its_database_memory_fails_and_comes_back() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    put(&token, "private", "k", "v").await;
    let file = stack.folder().join("data/gateway.db");
    std::fs::rename(&file, file.with_extension("aside")).unwrap();
    let failed = put(&token, "private", "k", "w").await;
    assert_eq!((failed.status.as_u16(), failed.code_and_param().0.as_str()), (500, "storage_error"));
    let asked =
        || GetMemoryRequest { visibility: "private".to_owned(), key: "k".to_owned(), ..GetMemoryRequest::default() };
    let status = service(&stack).get_memory(token.request(asked())).await.unwrap_err();
    assert_eq!(code_and_param(&status).0, "storage_error");
    std::fs::rename(file.with_extension("aside"), &file).unwrap();
    while service(&stack).get_memory(token.request(asked())).await.is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&token, "private", "k").await, "v");
}
