//! What a turn wrote, deleted at once.

use gateway_proto::v1::DeleteMemoryByOriginRequest;

use super::*;

const ID: &str = "01a20c44-fc63-7524-a4db-10983425c474";

#[tokio::test]
async fn what_wrote_nothing_is_nothing_to_delete() {
    let stack = Stack::demo().await;
    let caller = Caller::new(&stack);
    put(&caller, "private", "k", "v").await;
    for path in [format!("{ID}/{ID}"), format!("{ID}/x"), format!("x/{ID}"), format!("{ID}/{}", ID.to_uppercase())] {
        let answer = caller.delete(&format!("/v1/memory/origin/{path}")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"deleted": 0})), "{path}");
    }
    for (conversation, turn) in [(ID, ID), ("", ""), ("x", ID)] {
        let asked = DeleteMemoryByOriginRequest {
            conversation_id: conversation.to_owned(),
            turn_id: turn.to_owned(),
            ..DeleteMemoryByOriginRequest::default()
        };
        let answer = service(&stack).delete_memory_by_origin(caller.request(asked)).await.unwrap();
        assert_eq!(answer.into_inner().deleted, 0);
    }
    assert_eq!(value(&caller, "private", "k").await, "v");
}
