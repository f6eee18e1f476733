//! Memory and system prompts: who sees and changes those of a user, of a scope, and of a tenant.

use super::samples::KEY;
use super::*;

/// What stands in everything that is Ann's or her tenant's.
const MARK: &str = "a-mark-that-only-acme-knows";

struct Thing {
    kind: &'static str,
    is_prompt: bool,
}

impl Thing {
    fn all() -> impl Iterator<Item = Self> {
        let memory = ["private", "public"].map(|kind| Self { kind, is_prompt: false });
        let prompts = ["user", "scope", "tenant"].map(|kind| Self { kind, is_prompt: true });
        memory.into_iter().chain(prompts)
    }

    /// Whether the other users of the tenant share it.
    fn is_shared(&self) -> bool {
        !matches!(self.kind, "private" | "user")
    }

    /// The RPCs that reach it, reads and writes.
    fn rpcs(&self) -> impl Iterator<Item = Rpc> {
        let template = if self.is_prompt { "{level}" } else { "{visibility}" };
        let reaches = move |rpc: &Rpc| needed(rpc.access(), template).iter().any(|scope| scope.ends_with(template));
        Rpc::ALL.iter().copied().filter(reaches)
    }

    async fn write(&self, stack: &Stack, owner: &Caller) {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(owner.headers());
        let (method, path, body) = if self.is_prompt {
            (Method::PUT, format!("/v1/system-prompts/{}", self.kind), format!(r#"{{"content": "{MARK}"}}"#))
        } else {
            let body = format!(r#"{{"visibility": "{}", "key": "{KEY}", "value": "{MARK}"}}"#, self.kind);
            (Method::POST, "/v1/memory".to_owned(), body)
        };
        let answer = stack.send(method, &path, &headers, body).await;
        assert!(answer.status.is_success(), "{}", answer.json());
    }

    /// All that a caller is told of it.
    async fn seen(&self, stack: &Stack, caller: &Caller) -> Vec<serde_json::Value> {
        let paths = if self.is_prompt {
            let path = format!("/v1/system-prompts/{}", self.kind);
            vec![path.clone(), format!("{path}/versions"), format!("{path}/v/1")]
        } else {
            let query = format!("visibility={}", self.kind);
            vec![
                format!("/v1/memory/entry?{query}&key={KEY}"),
                format!("/v1/memory?{query}"),
                format!("/v1/memory/usage?{query}"),
            ]
        };
        let mut seen = Vec::new();
        for path in paths {
            let mut headers = vec![("x-request-id", "same")];
            headers.extend(caller.headers());
            seen.push(stack.send(Method::GET, &path, &headers, "").await.json());
        }
        seen
    }
}

#[tokio::test]
async fn what_a_stranger_does_is_not_seen_and_what_they_see_is_nothing() {
    let stack = stack().await;
    let owner = Caller::new(&secret("all")).with("spass-user-id", "ann");
    let strangers = [
        (Caller::new(&secret("all")).with("spass-user-id", "bob"), true),
        (Caller::new(&secret("elsewhere")).with("spass-user-id", "ann"), false),
        (Caller::new(&secret("elsewhere")), false),
    ];
    for thing in Thing::all() {
        thing.write(&stack, &owner).await;
    }
    for thing in Thing::all() {
        let before = thing.seen(&stack, &owner).await;
        assert!(before[0].to_string().contains(MARK), "{before:?}");
        for (stranger, is_of_tenant) in &strangers {
            if thing.is_shared() && *is_of_tenant {
                assert_eq!(thing.seen(&stack, stranger).await, before, "{}", thing.kind);
                continue;
            }
            // Reads first, since what comes after them leaves things of the stranger's own.
            let mut rpcs: Vec<_> = thing.rpcs().collect();
            rpcs.sort_by_key(|rpc| !rpc.reads());
            assert!(rpcs.len() >= 5);
            for rpc in rpcs {
                let answer = call(&stack, rpc, stranger, message_of(rpc, RANDOM_ID, thing.kind)).await;
                let answer = answer.map(|answer| String::from_utf8_lossy(&answer).into_owned());
                assert!(!format!("{answer:?}").contains(MARK), "{rpc:?} {}: {answer:?}", thing.kind);
                let (_, _, body) = answer_to(
                    &stack,
                    samples::face(rpc),
                    stranger,
                    request_of(samples::face(rpc), RANDOM_ID, thing.kind),
                )
                .await;
                assert!(!String::from_utf8_lossy(&body).contains(MARK), "{rpc:?} {}", thing.kind);
            }
            assert_eq!(thing.seen(&stack, &owner).await, before, "{}", thing.kind);
        }
    }
    // What a chat would get is one's own, too.
    for (stranger, is_of_tenant) in &strangers {
        let (_, _, body) = route_answer(&stack, Operation::GetEffectiveSystemPrompt, stranger, "").await;
        assert_eq!(String::from_utf8_lossy(&body).contains(MARK), *is_of_tenant);
    }
}

#[tokio::test]
async fn what_is_not_there_and_what_is_foreign_look_alike() {
    let stack = stack().await;
    let owner = Caller::new(&secret("all")).with("spass-user-id", "ann");
    let stranger = Caller::new(&secret("elsewhere")).with("spass-user-id", "ann");
    for thing in Thing::all() {
        let nothing = thing.seen(&stack, &stranger).await;
        thing.write(&stack, &owner).await;
        assert_eq!(thing.seen(&stack, &stranger).await, nothing, "{}", thing.kind);
    }
}

#[tokio::test]
async fn an_administrator_who_names_nobody_lists_the_private_memory_of_everybody() {
    let stack = stack().await;
    let private = Thing { kind: "private", is_prompt: false };
    let administrator = Caller::new(&secret("all"));
    for user in ["ann", "bob"] {
        private.write(&stack, &Caller::new(&secret("all")).with("spass-user-id", user)).await;
    }
    let seen = private.seen(&stack, &administrator).await;
    let users: Vec<_> = seen[1]["items"].as_array().unwrap().iter().map(|entry| entry["user_id"].clone()).collect();
    assert_eq!((users, &seen[1]["total"]), (vec!["ann".into(), "bob".into()], &2.into()));
    // Its own bucket is another one.
    assert_eq!((&seen[0]["error"]["code"], &seen[2]["entries"]), (&"memory_not_found".into(), &0.into()));
    // In another scope there is nothing.
    let seen = private.seen(&stack, &Caller::new(&secret("all")).with("spass-scope-id", "elsewhere")).await;
    assert_eq!(seen[1]["total"], 0);
}
