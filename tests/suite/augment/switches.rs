//! The header `SPASS-Augment`.

use super::*;

#[tokio::test]
async fn each_part_is_switched_by_itself_and_told_of() {
    let (server, stack) = world().await;
    let ann = Person::new(&stack).named("ann");
    ann.prompt("user", "Prompt.").await;
    ann.remember("private", "key", "value").await;
    for (switches, expected) in [
        ("", (true, true)),
        ("system-prompt=off", (false, true)),
        ("memory=off", (true, false)),
        ("system-prompt=off, memory=off", (false, false)),
        ("memory=on, server-tools=off", (true, true)),
    ] {
        for way in Way::ALL {
            assert_eq!(ann.with("spass-augment", switches).greet(way).await.added(), expected, "{switches} {way:?}");
            let text = added(&server).unwrap_or_default();
            assert_eq!((text.contains("Prompt."), text.contains("<memory>")), expected, "{switches} {way:?}");
            assert_eq!(text.is_empty(), expected == (false, false));
        }
    }
    // Several lines are one.
    let both = ann.with("spass-augment", "memory=off").with("spass-augment", "system-prompt=off");
    for way in Way::ALL {
        assert_eq!(both.greet(way).await.added(), (false, false), "{way:?}");
    }
}

#[tokio::test]
async fn anything_else_is_refused_before_the_model_server_is_asked() {
    let (server, stack) = world().await;
    for wrong in ["memory", "memory=maybe", "memory=?0", "tools=off", "memory=off;", "memory=off,"] {
        for way in Way::ALL {
            let outcome = Person::new(&stack).with("spass-augment", wrong).greet(way).await;
            let expected = ("invalid_field".to_owned(), "headers.spass-augment".to_owned());
            assert_eq!(outcome.error, Some(expected), "{wrong} {way:?}");
        }
    }
    assert_eq!(server.chats().len(), 0);
}

#[tokio::test]
async fn where_nothing_is_stored_nothing_is_added_and_that_is_told() {
    let (server, stack) = world().await;
    for way in Way::ALL {
        let outcome = Person::new(&stack).with("spass-augment", "system-prompt=on, memory=on").greet(way).await;
        assert_eq!((outcome.added(), added(&server)), ((false, false), None), "{way:?}");
    }
}
