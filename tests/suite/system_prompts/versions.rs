//! Versions: written, made current, unset and deleted.

use std::collections::BTreeSet;

use gateway_proto::v1::{
    DeleteSystemPromptVersionRequest, GetSystemPromptRequest, GetSystemPromptVersionRequest,
    ListSystemPromptVersionsRequest, PutSystemPromptRequest, SetCurrentSystemPromptVersionRequest,
    UnsetSystemPromptRequest,
};

use super::*;

const NONE: &str = "system_prompt_version_not_found";

#[tokio::test]
async fn versions_come_and_go_over_http() {
    let stack = Stack::demo().await;
    let ann = Caller::new(&stack).with("spass-user-id", "ann");
    let body = json!({"content": "Für immer.\r\n", "note": "first"});
    let written = ann.send(Method::PUT, "/v1/system-prompts/user", &body).await;
    assert_eq!(written.status, 201);
    let first = written.json();
    let (created_at, author) = (first["created_at"].clone(), first["author_token_id"].clone());
    assert!(created_at.as_str().unwrap().ends_with('Z') && author.is_string(), "{first}");
    assert_eq!(
        first,
        json!({
            "level": "user", "user_id": "ann", "version": 1, "is_current": true, "content": "Für immer.\r\n",
            "size_bytes": 13, "note": "first", "author_token_id": author, "author_user_id": "ann",
            "created_at": created_at,
        })
    );
    assert_eq!(ann.get("/v1/system-prompts/user").await.json(), first);
    assert_eq!(put(&ann, "user", "two").await.json()["version"], 2);
    let listed = ann.get("/v1/system-prompts/user/versions").await.json();
    let rows: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|row| (&row["version"], &row["is_current"])).collect();
    assert_eq!(rows, [(&json!(2), &json!(true)), (&json!(1), &json!(false))]);
    assert!(listed["items"][0].get("content").is_none() && listed["items"][1]["note"] == "first");
    let page = ann.get("/v1/system-prompts/user/versions?limit=1&offset=1").await.json();
    assert_eq!(
        (&page["items"][0]["version"], &page["total"], &page["limit"], &page["offset"]),
        (&json!(1), &json!(2), &json!(1), &json!(1))
    );

    // Back, and what is current cannot be deleted.
    let back = ann.send(Method::PUT, "/v1/system-prompts/user/current/1", &Value::Null).await;
    assert_eq!((back.status.as_u16(), back.json()), (200, first.clone()));
    assert_eq!(current(&ann, "user").await, "Für immer.\r\n");
    let locked = ann.delete("/v1/system-prompts/user/v/1").await;
    assert_eq!(
        (locked.status.as_u16(), locked.code_and_param()),
        (409, refused("system_prompt_current_locked", "version"))
    );
    let deleted = ann.delete("/v1/system-prompts/user/v/2").await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    let gone = ann.get("/v1/system-prompts/user/v/2").await;
    assert_eq!((gone.status.as_u16(), gone.code_and_param()), (404, refused(NONE, "version")));

    // None is current; the versions are there, and no number is used again.
    for _ in 0..2 {
        assert_eq!(ann.delete("/v1/system-prompts/user").await.status, 204);
    }
    assert_eq!(ann.get("/v1/system-prompts/user").await.code_and_param(), refused(NONE, "level"));
    assert_eq!(ann.get("/v1/system-prompts/user/v/1").await.json()["is_current"], false);
    assert_eq!(put(&ann, "user", "three").await.json()["version"], 3);
    let head = ann.send(Method::HEAD, "/v1/system-prompts/user", &Value::Null).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn versions_come_and_go_over_grpc() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    let mut service = service(&stack);
    let level = || "scope".to_owned();
    for (content, version) in [("one", 1), ("two", 2)] {
        let asked =
            PutSystemPromptRequest { level: level(), content: content.to_owned(), ..PutSystemPromptRequest::default() };
        let prompt = service.put_system_prompt(token.request(asked)).await.unwrap().into_inner().prompt.unwrap();
        assert_eq!(
            (prompt.version, prompt.scope_id.as_deref(), prompt.user_id, prompt.note),
            (version, Some("default"), None, None)
        );
    }
    let asked = ListSystemPromptVersionsRequest { level: level(), ..ListSystemPromptVersionsRequest::default() };
    let listed = service.list_system_prompt_versions(token.request(asked)).await.unwrap().into_inner();
    assert_eq!((listed.items.len(), listed.total, listed.items[0].content.as_deref()), (2, 2, None));
    let asked = SetCurrentSystemPromptVersionRequest { level: level(), version: 1, ..Default::default() };
    service.set_current_system_prompt_version(token.request(asked)).await.unwrap();
    let asked = || GetSystemPromptRequest { level: level(), ..GetSystemPromptRequest::default() };
    let got = service.get_system_prompt(token.request(asked())).await.unwrap().into_inner().prompt.unwrap();
    assert_eq!((got.version, got.content.as_deref(), got.is_current), (1, Some("one"), true));
    let delete = |version| DeleteSystemPromptVersionRequest { level: level(), version, ..Default::default() };
    let locked = service.delete_system_prompt_version(token.request(delete(1))).await.unwrap_err();
    assert_eq!(
        (locked.code(), code_and_param(&locked)),
        (tonic::Code::FailedPrecondition, refused("system_prompt_current_locked", "version"))
    );
    service.delete_system_prompt_version(token.request(delete(2))).await.unwrap();
    let unset = UnsetSystemPromptRequest { level: level(), ..UnsetSystemPromptRequest::default() };
    service.unset_system_prompt(token.request(unset)).await.unwrap();
    let none = service.get_system_prompt(token.request(asked())).await.unwrap_err();
    assert_eq!((none.code(), code_and_param(&none)), (tonic::Code::NotFound, refused(NONE, "level")));
    let asked = GetSystemPromptVersionRequest { level: level(), version: 1, ..Default::default() };
    let got = service.get_system_prompt_version(token.request(asked)).await.unwrap().into_inner().prompt.unwrap();
    assert_eq!((got.content.as_deref(), got.is_current), (Some("one"), false));
}

#[tokio::test]
async fn a_prompt_is_as_long_as_its_bytes() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    for sign in ["x", "ä", "\u{1f600}"] {
        let most = sign.repeat(8192 / sign.len());
        let written = put(&token, "tenant", &most).await;
        assert_eq!((written.status.as_u16(), &written.json()["size_bytes"]), (201, &json!(8192)));
        let refused_one = put(&token, "tenant", &format!("{most}x")).await;
        assert_eq!(
            (refused_one.status.as_u16(), refused_one.code_and_param()),
            (400, refused("system_prompt_too_large", "content"))
        );
        let message = refused_one.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("8193") && message.contains("8192"), "{message}");
        assert_eq!(current(&token, "tenant").await, most);
    }
    let small = Stack::builder().set("--max-system-prompt-bytes-per-level", 1024).start().await;
    let token = Caller::new(&small);
    assert_eq!(put(&token, "tenant", &"x".repeat(1024)).await.status, 201);
    assert_eq!(put(&token, "tenant", &"x".repeat(1025)).await.code_and_param().0, "system_prompt_too_large");
}

#[tokio::test]
async fn what_is_wrong_with_a_field_is_told_alike() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    for (level, content, note, code, param) in [
        ("room", "x", None, "invalid_field", "level"),
        ("user", "", None, "missing_field", "content"),
        ("user", "a\0b", None, "invalid_field", "content"),
        ("user", "x", Some("a\nb"), "invalid_field", "note"),
        ("user", "x", Some("\0"), "invalid_field", "note"),
    ] {
        let content_member = if content.is_empty() { Value::Null } else { content.into() };
        let body = json!({"content": content_member, "note": note});
        let http = token.send(Method::PUT, &format!("/v1/system-prompts/{level}"), &body).await;
        assert_eq!(http.code_and_param(), refused(code, param), "{level} {content:?} {note:?}");
        let asked = PutSystemPromptRequest {
            level: level.to_owned(),
            content: content.to_owned(),
            note: note.map(str::to_owned),
            ..PutSystemPromptRequest::default()
        };
        let grpc = service(&stack).put_system_prompt(token.request(asked)).await.unwrap_err();
        assert_eq!(code_and_param(&grpc), refused(code, param));
        assert_eq!(http.error()["message"], ApiError::from_status(&grpc).unwrap().message());
    }
    for (version, code, param) in [
        ("0", "invalid_field", "version"),
        ("x", "invalid_field", "version"),
        ("-1", "invalid_field", "version"),
        ("7", NONE, "version"),
        ("99999999999", NONE, "version"),
    ] {
        for path in [format!("v/{version}"), format!("current/{version}")] {
            let method = if path.starts_with('v') { Method::GET } else { Method::PUT };
            let answer = token.send(method, &format!("/v1/system-prompts/user/{path}"), &Value::Null).await;
            assert_eq!(answer.code_and_param(), refused(code, param), "{path}");
        }
    }
    let asked = GetSystemPromptVersionRequest { level: "user".to_owned(), ..Default::default() };
    let status = service(&stack).get_system_prompt_version(token.request(asked)).await.unwrap_err();
    assert_eq!(code_and_param(&status), refused("invalid_field", "version"));
    let misspelt = token.send(Method::PUT, "/v1/system-prompts/user", &json!({"contents": "x"})).await;
    assert_eq!(misspelt.code_and_param(), refused("invalid_field", "contents"));
    // Nothing else is at these paths.
    for (method, path) in
        [(Method::PUT, "effective"), (Method::POST, "user"), (Method::GET, "user/v"), (Method::PATCH, "user/v/1")]
    {
        let answer = token.send(method, &format!("/v1/system-prompts/{path}"), &json!({})).await;
        assert_eq!(answer.code_and_param().0, "route_not_found", "{path}");
    }
}

#[tokio::test]
async fn a_repeated_write_is_done_once() {
    let stack = Stack::demo().await;
    let keyed = Caller::new(&stack).with("idempotency-key", "once");
    let plain = Caller::new(&stack);
    let first = put(&keyed, "user", "one").await.json();
    assert_eq!(put(&plain, "user", "two").await.json()["version"], 2);
    let again = put(&keyed, "user", "one").await;
    assert_eq!((again.status.as_u16(), again.json()), (201, first));
    assert_eq!(
        put(&keyed, "user", "three").await.code_and_param(),
        refused("invalid_field", "headers.idempotency-key")
    );
    assert_eq!(put(&keyed, "tenant", "one").await.code_and_param().0, "invalid_field");
    for _ in 0..2 {
        assert_eq!(keyed.delete("/v1/system-prompts/user/v/1").await.status, 204);
    }
    assert_eq!(plain.delete("/v1/system-prompts/user/v/1").await.code_and_param().0, NONE);
    // Errors are not kept: the same request is done once it can be.
    assert_eq!(keyed.delete("/v1/system-prompts/user/v/2").await.code_and_param().0, "invalid_field");
    let second = Caller::new(&stack).with("idempotency-key", "twice");
    assert_eq!(second.delete("/v1/system-prompts/user/v/2").await.code_and_param().0, "system_prompt_current_locked");
    assert_eq!(plain.delete("/v1/system-prompts/user").await.status, 204);
    assert_eq!(second.delete("/v1/system-prompts/user/v/2").await.status, 204);
}

#[tokio::test]
async fn writers_at_once_get_numbers_of_their_own_and_one_is_current() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    let contents: Vec<_> = (0..40).map(|number| format!("prompt {number}")).collect();
    let written = futures_util::future::join_all(contents.iter().map(|content| put(&token, "tenant", content))).await;
    let numbers: BTreeSet<_> = written.iter().map(|answer| answer.json()["version"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=40).collect());
    let listed = token.get("/v1/system-prompts/tenant/versions?limit=100").await.json();
    let rows = listed["items"].as_array().unwrap();
    let current: Vec<_> =
        rows.iter().filter(|row| row["is_current"] == true).map(|row| row["version"].clone()).collect();
    assert_eq!((rows.len(), current), (40, vec![json!(40)]));
}

#[tokio::test]
async fn without_its_database_prompts_fail_and_come_back() {
    let stack = Stack::demo().await;
    let token = Caller::new(&stack);
    put(&token, "user", "one").await;
    let file = stack.folder().join("data/gateway.db");
    std::fs::rename(&file, file.with_extension("aside")).unwrap();
    for answer in [put(&token, "user", "two").await, token.get("/v1/system-prompts/effective").await] {
        assert_eq!((answer.status.as_u16(), answer.code_and_param().0.as_str()), (500, "storage_error"));
    }
    std::fs::rename(file.with_extension("aside"), &file).unwrap();
    while current(&token, "user").await == "storage_error" {
        tokio::task::yield_now().await;
    }
    assert_eq!(current(&token, "user").await, "one");
}
