//! What the routes of conversations ask the core, and what they make of its answers.

use axum::body::Body;
use futures_util::TryStreamExt;
use gateway_proto::ErrorCode;
use gateway_proto::v1;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::router::router;

mod fake_core;

use fake_core::{FakeCore, edge_over};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn param(&self) -> Value {
        assert_eq!(self.headers["x-error-code"], ErrorCode::InvalidField.facts().code, "{}", self.body);
        self.json()["error"]["param"].clone()
    }
}

async fn send(core: &FakeCore, method: Method, path: &str, body: &str) -> Answer {
    let request = axum::extract::Request::builder().method(method).uri(path).header("idempotency-key", "k");
    let request = request.header("content-length", body.len()).body(Body::from(body.to_owned())).unwrap();
    let answer = router(&edge_over(core), &[]).oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let pieces: Vec<_> = body.into_data_stream().try_collect().await.unwrap();
    Answer { status: head.status, headers: head.headers, body: String::from_utf8(pieces.concat()).unwrap() }
}

const PATH: &str = "/c1/conversations/0195";

#[tokio::test]
async fn a_turn_is_answered_whole_on_both_paths() {
    let core = FakeCore::default();
    for path in ["/c1/chat", "/c1/chat/completions?user_id=ann"] {
        let answer = send(&core, Method::POST, path, r#"{"model":"m","message":"hi","user_id":"ann"}"#).await;
        assert_eq!((answer.status, answer.json()["object"].as_str()), (StatusCode::OK, Some("chat.completion")));
        assert_eq!(answer.headers["x-conversation-id"], "c");
        let turn = core.asked::<v1::CreateTurnRequest>().turn.unwrap();
        assert_eq!((turn.user_id.as_str(), &turn.message_json[..]), ("ann", &br#""hi""#[..]));
        assert_eq!(core.idempotency_key().as_deref(), Some("k"));
    }
}

#[tokio::test]
async fn a_turn_is_streamed_as_a_chat_is() {
    let core = FakeCore::default();
    let body = r#"{"message":"hi","stream":true,"stream_options":{"include_usage":true}}"#;
    let answer = send(&core, Method::POST, "/c1/chat?user_id=ann", body).await;
    assert_eq!(answer.headers["content-type"], "text/event-stream");
    assert_eq!(answer.headers["x-conversation-id"], "c");
    let events: Vec<_> = answer.body.split_terminator("\n\n").collect();
    assert_eq!((events.len(), events[2]), (3, "data: [DONE]"));
    let chunk: Value = serde_json::from_str(events[0].strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&chunk["object"], chunk.get("usage")), (&json!("chat.completion.chunk"), Some(&Value::Null)));
    assert_eq!(core.asked::<v1::StreamTurnRequest>().turn.unwrap().user_id, "ann");
}

#[tokio::test]
async fn conversations_are_read_by_query_and_id() {
    let core = FakeCore::default();
    let list = send(&core, Method::GET, "/c1/conversations?limit=2&after=a&user_id=ann", "").await;
    assert_eq!((&list.json()["items"][0]["id"], &list.json()["total"]), (&json!("c"), &json!(7)));
    let asked = core.asked::<v1::ListConversationsRequest>();
    assert_eq!((asked.limit, asked.offset, asked.after.as_str(), asked.user_id.as_str()), (Some(2), None, "a", "ann"));

    let one = send(&core, Method::GET, &format!("{PATH}?user_id=ann"), "").await;
    assert_eq!((&one.json()["id"], &one.json()["messages"]), (&json!("c"), &json!([])));
    let asked = core.asked::<v1::GetConversationRequest>();
    assert_eq!((asked.conversation_id.as_str(), asked.user_id.as_str()), ("0195", "ann"));

    let messages = send(&core, Method::GET, &format!("{PATH}/messages?offset=3"), "").await;
    assert_eq!((&messages.json()["items"], &messages.json()["offset"]), (&json!([]), &json!(3)));
    let asked = core.asked::<v1::ListMessagesRequest>();
    assert_eq!((asked.conversation_id.as_str(), asked.limit, asked.offset), ("0195", None, Some(3)));

    let export = send(&core, Method::GET, &format!("{PATH}/export"), "").await;
    assert_eq!((&export.json()["version"], &export.json()["conversation"]["id"]), (&json!(1), &json!("c")));
    assert_eq!(core.asked::<v1::ExportConversationRequest>().conversation_id, "0195");
}

#[tokio::test]
async fn conversations_are_changed_and_deleted() {
    let core = FakeCore::default();
    let row = send(&core, Method::PATCH, PATH, r#"{"metadata":{"a":"b" }}"#).await;
    assert_eq!((&row.json()["id"], row.json().get("messages")), (&json!("c"), None));
    let asked = core.asked::<v1::UpdateConversationRequest>();
    assert_eq!((asked.conversation_id.as_str(), &asked.metadata_json[..]), ("0195", &br#"{"a":"b" }"#[..]));
    assert_eq!(asked.update_mask.unwrap().paths, ["metadata_json"]);

    let gone = send(&core, Method::DELETE, &format!("{PATH}?user_id=ann"), "").await;
    assert_eq!((gone.status, gone.body.as_str(), gone.headers.get("content-type")), (StatusCode::NO_CONTENT, "", None));
    assert_eq!(core.asked::<v1::DeleteConversationRequest>().user_id, "ann");
    assert_eq!(core.idempotency_key().as_deref(), Some("k"));
}

#[tokio::test]
async fn a_fault_of_the_edges_ends_at_the_fields_of_its_rpc() {
    let core = FakeCore::default();
    for (method, path, body, param, rpc) in [
        (Method::GET, "/c1/conversations?limit=x", "", "query.limit", "ListConversations"),
        (Method::GET, "/c1/conversations?offset=1&offset=2", "", "query.offset", "ListConversations"),
        (Method::GET, "/c1/conversations/0195/messages?limit=%ff", "", "query.limit", "ListMessages"),
        (Method::GET, "/c1/conversations/0195?user_id=", "", "query.user_id", "GetConversation"),
        (Method::GET, "/c1/conversations/0195/export?user_id=a&user_id=b", "", "query.user_id", "ExportConversation"),
        (Method::DELETE, "/c1/conversations/0195?user_id=%ff", "", "query.user_id", "DeleteConversation"),
        (Method::PATCH, PATH, r#"{"titel":"x"}"#, "titel", "UpdateConversation"),
        (Method::POST, "/c1/chat", r#"{"user_id":7}"#, "user_id", "CreateTurn"),
        (Method::POST, "/c1/chat?user_id=bob", r#"{"user_id":"ann"}"#, "body.user_id", "CreateTurn"),
    ] {
        assert_eq!(send(&core, method, path, body).await.param(), param, "{path}");
        let asked = core.asked::<v1::WhoAmIRequest>();
        assert_eq!(asked.rpc, format!("chatgateway.v1.ConversationService/{rpc}"), "{path}");
        assert_eq!(asked.request_end(), v1::RequestEnd::AtFields, "{path}");
    }
    let answer = send(&core, Method::POST, "/c1/chat", "{").await;
    assert_eq!(answer.headers["x-error-code"], "invalid_json");
    assert_eq!(core.asked::<v1::WhoAmIRequest>().request_end(), v1::RequestEnd::AtBody);
}

#[tokio::test]
async fn other_methods_and_paths_are_not_there() {
    let core = FakeCore::default();
    for (method, path) in [
        (Method::GET, "/c1/chat"),
        (Method::POST, "/c1/conversations"),
        (Method::PUT, PATH),
        (Method::GET, "/c1/conversations/"),
        (Method::DELETE, "/c1/conversations/0195/messages"),
    ] {
        assert_eq!(send(&core, method, path, "").await.headers["x-error-code"], "route_not_found", "{path}");
    }
    assert_eq!(send(&core, Method::HEAD, PATH, "").await.status, StatusCode::OK);
}
