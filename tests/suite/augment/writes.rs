//! A write is seen by the next chat of its process, and by no chat that it does not concern.

use gateway_proto::v1::{DeleteMemoryRequest, SetCurrentSystemPromptVersionRequest, UnsetSystemPromptRequest};

use super::*;

#[tokio::test]
async fn every_write_is_seen_at_once() {
    let (server, stack) = world().await;
    let ann = Person::new(&stack).named("ann");
    let mut prompts = SystemPromptServiceClient::new(stack.grpc());
    let mut memory = MemoryServiceClient::new(stack.grpc());
    let level = || "user".to_owned();
    let sees = async || {
        ann.greet(Way::HttpWhole).await;
        added(&server)
    };
    assert_eq!(sees().await, None);
    for round in 0..20 {
        let text = format!("Prompt {round}.");
        ann.prompt("user", &text).await;
        assert_eq!(sees().await, Some(text));
    }
    let back = SetCurrentSystemPromptVersionRequest { level: level(), version: 1, ..Default::default() };
    prompts.set_current_system_prompt_version(ann.request(back)).await.unwrap();
    assert_eq!(sees().await.as_deref(), Some("Prompt 0."));
    let unset = UnsetSystemPromptRequest { level: level(), ..Default::default() };
    prompts.unset_system_prompt(ann.request(unset)).await.unwrap();
    assert_eq!(sees().await, None);
    ann.remember("private", "key", "value").await;
    assert!(sees().await.unwrap().contains(">value<"));
    let delete = DeleteMemoryRequest { visibility: "private".to_owned(), key: "key".to_owned(), ..Default::default() };
    memory.delete_memory(ann.request(delete)).await.unwrap();
    assert_eq!(sees().await, None);
}

#[tokio::test]
async fn a_write_of_one_is_seen_by_all_whom_it_concerns() {
    let (server, stack) = world().await;
    let person = Person::new(&stack);
    let (ann, bob) = (person.named("ann").within("room"), person.named("bob").within("room"));
    for somebody in [&ann, &bob, &person] {
        somebody.greet(Way::HttpWhole).await;
    }
    ann.prompt("tenant", "All.").await;
    ann.prompt("scope", "Room.").await;
    ann.remember("public", "k", "v").await;
    bob.greet(Way::HttpWhole).await;
    let text = added(&server).unwrap();
    assert!(text.starts_with("All.\n\nRoom.\n\n") && text.contains(">v<"), "{text}");
    person.greet(Way::HttpWhole).await;
    assert_eq!(added(&server).as_deref(), Some("All."));
}

/// While prompts are written as fast as they can be, each chat sees one of them whole, and none that is older than the
/// last one that was acknowledged before it began.
#[tokio::test]
async fn chats_beside_writes_see_no_old_prompt() {
    let (server, stack) = world().await;
    let ann = Person::new(&stack).named("ann");
    ann.prompt("user", "0").await;
    let acknowledged = std::cell::Cell::new(0_u32);
    let writing = async {
        for round in 1..=50_u32 {
            ann.prompt("user", &round.to_string()).await;
            acknowledged.set(round);
        }
    };
    let chatting = async {
        while acknowledged.get() < 50 {
            let least = acknowledged.get();
            ann.greet(Way::HttpWhole).await;
            let seen: u32 = added(&server).unwrap().parse().unwrap();
            assert!(seen >= least, "{seen} after {least}");
        }
    };
    tokio::join!(writing, chatting);
    ann.greet(Way::HttpWhole).await;
    assert_eq!(added(&server).as_deref(), Some("50"));
}
