//! How much a bucket holds, in bytes of UTF-8.

use gateway_proto::v1::PutMemoryRequest;
use tonic::Code;

use super::*;

const CAP: usize = 16_384;

#[tokio::test]
async fn a_bucket_is_full_to_the_byte() {
    let stack = Stack::demo().await;
    for (user, sign) in [("ascii", "x"), ("umlaut", "ä"), ("emoji", "\u{1f600}"), ("combined", "e\u{301}\u{323}")] {
        let caller = Caller::new(&stack).with("spass-user-id", user);
        let key = sign.repeat(2);
        let mut text = sign.repeat((CAP - key.len() - 1) / sign.len());
        text.push_str(&"y".repeat(CAP - key.len() - text.len()));
        let full = put(&caller, "private", &key, &text).await;
        assert_eq!(full.status, 200, "{user}: {}", full.json());
        let usage = caller.get("/v1/memory/usage?visibility=private").await.json();
        assert_eq!(
            usage,
            json!({
                "visibility": "private", "scope_id": "default", "entries": 1, "used_bytes": CAP, "cap_bytes": CAP,
                "remaining_bytes": 0,
            })
        );
        // One byte more does not go in, by whichever key, and what is there stays.
        for (key, value) in [(key.as_str(), format!("{text}z")), ("n", String::new())] {
            let refused = put(&caller, "private", key, &value).await;
            assert_eq!(
                (refused.status.as_u16(), refused.code_and_param()),
                (409, super::refused("memory_bucket_full", "value"))
            );
        }
        assert_eq!(used_bytes(&caller, "private").await, CAP as u64);
        // A replacement counts by what it changes.
        assert_eq!(put(&caller, "private", &key, &text[..text.len() - 1]).await.status, 200);
        assert_eq!(put(&caller, "private", "n", "").await.status, 200);
    }
}

#[tokio::test]
async fn what_is_full_tells_its_sizes_over_both_wires() {
    let stack = Stack::demo().await;
    let caller = Caller::new(&stack);
    put(&caller, "public", "k", &"x".repeat(16_000)).await;
    let http = put(&caller, "public", "other", &"y".repeat(1000)).await;
    let message = http.error()["message"].as_str().unwrap().to_owned();
    for size in ["16001", "17006", "16384"] {
        assert!(message.contains(size), "{message}");
    }
    let asked = PutMemoryRequest {
        visibility: "public".to_owned(),
        key: "other".to_owned(),
        value: Some("y".repeat(1000)),
        ..PutMemoryRequest::default()
    };
    let status = service(&stack).put_memory(caller.request(asked)).await.unwrap_err();
    let error = ApiError::from_status(&status).unwrap();
    assert_eq!((status.code(), error.message()), (Code::ResourceExhausted, message.as_str()));
    assert_eq!(error.metadata("used_bytes"), Some("16001"));
    assert_eq!((error.metadata("would_be_bytes"), error.metadata("cap_bytes")), (Some("17006"), Some("16384")));
}

#[tokio::test]
async fn writers_at_once_do_not_get_over_the_cap() {
    let stack = Stack::demo().await;
    let caller = Caller::new(&stack);
    let value = "z".repeat(1022);
    let keys: Vec<_> = (10..42).map(|number| format!("{number}")).collect();
    let written = futures_util::future::join_all(keys.iter().map(|key| put(&caller, "private", key, &value))).await;
    let stored = written.iter().filter(|answer| answer.status == 200).count();
    assert!(written.iter().all(|answer| [200, 409].contains(&answer.status.as_u16())));
    assert_eq!((stored, used_bytes(&caller, "private").await), (16, CAP as u64));
}
