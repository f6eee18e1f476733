//! What goes along with chats while the database does not work.

use std::path::PathBuf;

use super::*;
use crate::conversations::storage_works;

/// A database file that is put aside, so that the database does not work until it is put back.
struct Aside {
    file: PathBuf,
}

impl Aside {
    /// Puts it aside, and waits until that was noticed by somebody's turn.
    async fn put(person: &Person<'_>) -> Self {
        let file = person.stack.folder().join("data/gateway.db");
        std::fs::rename(&file, file.with_extension("aside")).unwrap();
        assert_eq!(person.greet(Way::HttpTurn).await.code(), "storage_error");
        storage_works(person.stack, false).await;
        Self { file }
    }

    /// Puts it back, and waits until the database works.
    async fn back(self, stack: &Stack) {
        std::fs::rename(self.file.with_extension("aside"), &self.file).unwrap();
        storage_works(stack, true).await;
    }
}

const STATELESS: [Way; 4] = [Way::HttpWhole, Way::HttpStream, Way::GrpcWhole, Way::GrpcStream];

#[tokio::test]
async fn what_was_read_before_serves_and_absence_too() {
    let (server, stack) = world().await;
    let (ann, bob) = (Person::new(&stack).named("ann"), Person::new(&stack).named("bob"));
    ann.prompt("user", "Prompt.").await;
    ann.greet(Way::HttpWhole).await;
    bob.greet(Way::HttpWhole).await;
    let aside = Aside::put(&ann).await;
    for way in STATELESS {
        for (person, expected) in [(&ann, Some("Prompt.")), (&bob, None)] {
            let outcome = person.greet(way).await;
            // Had the database been asked, this would tell of it.
            assert_eq!(outcome.told("spass-applied"), None, "{way:?}");
            assert_eq!((added(&server).as_deref(), outcome.added().0), (expected, expected.is_some()), "{way:?}");
        }
    }
    aside.back(&stack).await;
    ann.prompt("user", "Another.").await;
    ann.greet(Way::HttpWhole).await;
    assert_eq!(added(&server).as_deref(), Some("Another."));
}

#[tokio::test]
async fn what_was_never_read_is_skipped_and_told_until_the_database_works() {
    let (server, stack) = world().await;
    let ann = Person::new(&stack).named("ann");
    ann.prompt("user", "Prompt.").await;
    let aside = Aside::put(&ann).await;
    for way in STATELESS {
        let outcome = ann.greet(way).await;
        assert_eq!(outcome.told("spass-applied"), Some("augment_skipped"), "{way:?}");
        assert_eq!((outcome.added(), added(&server)), ((false, false), None), "{way:?}");
        // Whoever wants nothing misses nothing.
        let outcome = ann.with("spass-augment", "system-prompt=off, memory=off").greet(way).await;
        assert_eq!(outcome.told("spass-applied"), None, "{way:?}");
    }
    aside.back(&stack).await;
    for way in STATELESS {
        let outcome = ann.greet(way).await;
        assert_eq!((outcome.told("spass-applied"), outcome.added()), (None, (true, false)), "{way:?}");
    }
}

#[tokio::test]
async fn a_tenant_that_requires_its_prompts_gets_an_error_where_they_are_not_known() {
    let server = echo().await;
    let token = "strict-secret-of-more-than-32-characters-for-tests";
    let tokens = format!(
        "tenants:\n  - {{id: strict, prompt_required: true}}\n\
         tokens:\n  - {{id: t, bound_tenant: strict, role: tenant_admin, secrets: [{{value: '{token}'}}]}}\n"
    );
    let stack = Stack::builder().upstream(&server.base_url()).tokens(&tokens).start().await;
    let (ann, bob) = (Person::of_token(&stack, token).named("ann"), Person::of_token(&stack, token).named("bob"));
    ann.prompt("tenant", "Prompt.").await;
    ann.greet(Way::HttpWhole).await;
    let aside = Aside::put(&ann).await;
    let calls = server.chats().len();
    for way in STATELESS {
        assert_eq!(bob.greet(way).await.error, Some(("storage_error".to_owned(), String::new())), "{way:?}");
    }
    assert_eq!(server.chats().len(), calls);
    for way in STATELESS {
        assert_eq!(ann.greet(way).await.added(), (true, false), "{way:?}");
        let without = bob.with("spass-augment", "system-prompt=off").greet(way).await;
        assert_eq!(without.told("spass-applied"), Some("augment_skipped"), "{way:?}");
    }
    aside.back(&stack).await;
    assert_eq!(bob.greet(Way::HttpWhole).await.added(), (true, false));
}
