//! What is heard of the writes of other processes.

use std::time::{Duration, Instant};

use gateway_storage::{
    Bucket, Change, ConversationId, Heard, MemoryWrite, Origin, OriginDeleted, PromptLevel, PromptPlace, Tenant, User,
    Visibility,
};
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;
use uuid::Uuid;

use crate::actor::ann;
use crate::remembering::{stored, told, write};
use crate::world::World;

/// How soon a write is heard elsewhere.
const SOON: Duration = Duration::from_secs(1);
/// How soon one is noticed of which nothing was told.
const NOTICED: Duration = Duration::from_millis(1500);
/// How soon a connection is replaced.
const REPLACED: Duration = Duration::from_secs(2);
const LISTENERS: &str =
    "FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'chat-gateway changes'";

async fn next(heard: &mut Receiver<Heard>, within: Duration) -> Heard {
    timeout(within, heard.recv()).await.unwrap().unwrap()
}

mod on_a_server {
    use super::*;

    on_postgres!(
        each_write_is_heard_by_all,
        names_that_do_not_fit_become_a_change_of_the_tenant,
        what_is_not_told_is_noticed,
        a_connection_that_is_lost_is_replaced_and_told_of,
        a_listener_ends_with_its_store,
    );

    /// From when the listener is connected, which it tells.
    async fn listening(world: &World) -> (crate::actor::Actor, Receiver<Heard>) {
        let ann = ann(&world.open().await);
        let mut heard = ann.store.heard();
        assert_eq!(next(&mut heard, REPLACED).await, Heard::Anything);
        (ann, heard)
    }

    async fn each_write_is_heard_by_all(world: &World) {
        let (ann, mut own) = listening(world).await;
        let (_other, mut others) = listening(world).await;
        let acme = Change { tenant: Tenant::new("acme"), scope: None, user: None };
        let user = User::EndUser("ann".into());
        let scope = || Some("project".into());
        let private = ann.bucket(Visibility::Private);
        let public = ann.bucket(Visibility::Public);
        let place = |level| PromptPlace { tenant: Tenant::new("acme"), level };
        let turn = (ConversationId::new_random(), Uuid::now_v7());
        let in_private = Change { scope: scope(), user: Some(user.clone()), ..acme.clone() };
        let in_public = Change { scope: scope(), ..acme.clone() };

        ann.put(&private, "k", "v").await;
        ann.put(&public, "k", "v").await;
        ann.forget(&private, "k").await;
        stored(ann.try_put(MemoryWrite { origin: Origin::Tool(Some(turn)), ..write(&public, "t", "v") }, None).await);
        let answer = std::sync::Arc::new(told::<u32>);
        let deleted = ann.store.delete_memory_of_turn(&ann.owner, turn.0, turn.1, true, None, answer).await.unwrap();
        assert_eq!(deleted, Ok(OriginDeleted::Done(1)));
        ann.put_prompt(&place(PromptLevel::Tenant), "x").await;
        ann.unset(&place(PromptLevel::Tenant), None).await;
        ann.put_prompt(&place(PromptLevel::Scope("project".into())), "x").await;
        ann.put_prompt(&place(PromptLevel::User(user.clone())), "x").await;
        let expected = [
            in_private.clone(),
            in_public.clone(),
            in_private,
            in_public.clone(),
            in_public.clone(),
            acme.clone(),
            acme.clone(),
            in_public,
            Change { user: Some(user), ..acme },
        ];
        let begin = Instant::now();
        for heard in [&mut others, &mut own] {
            for change in &expected {
                assert_eq!(next(heard, SOON).await, Heard::Change(change.clone()));
            }
        }
        assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    }

    async fn names_that_do_not_fit_become_a_change_of_the_tenant(world: &World) {
        let (ann, mut heard) = listening(world).await;
        let change = Change { tenant: Tenant::new("acme"), scope: None, user: None };
        ann.put(&Bucket::of(&ann.owner, &"ü".repeat(1300), Visibility::Private), "k", "v").await;
        let Heard::Change(whole) = next(&mut heard, SOON).await else { panic!("it fits") };
        assert_eq!(whole.user, Some(ann.owner.user.clone()));
        ann.put(&Bucket::of(&ann.owner, &bulky(), Visibility::Private), "k", "v").await;
        assert_eq!(next(&mut heard, SOON).await, Heard::Change(change));
        let tenant = Tenant::new(&bulky());
        ann.put_prompt(&PromptPlace { tenant, level: PromptLevel::Tenant }, "x").await;
        assert_eq!(next(&mut heard, NOTICED).await, Heard::Anything);
    }

    /// A name longer than a notification, which an index takes because little of it is left once it is packed.
    fn bulky() -> String {
        "x".repeat(9000)
    }

    async fn what_is_not_told_is_noticed(world: &World) {
        let (ann, mut heard) = listening(world).await;
        let mut direct = world.direct().await;
        direct.run("INSERT INTO stack_changes SELECT n, 0 FROM generate_series(0, 15) AS n").await;
        for _ in 0..2 {
            direct.run("UPDATE stack_changes SET counter = counter + 1 WHERE shard = 7").await;
            assert_eq!(next(&mut heard, NOTICED).await, Heard::Anything);
        }
        // One that is told does not hide those before it of which nothing was.
        direct.run("UPDATE stack_changes SET counter = counter + 1").await;
        let private = ann.bucket(Visibility::Private);
        ann.put(&private, "k", "v").await;
        assert_eq!(next(&mut heard, NOTICED).await, Heard::Anything);
        // Those of other shards may take until the counters are compared.
        while timeout(NOTICED, heard.recv()).await.is_ok() {}
        // A word that nobody understands may mean anything.
        direct.run("SELECT pg_notify('chat_gateway_stacks', 'v2')").await;
        assert_eq!(next(&mut heard, SOON).await, Heard::Anything);
        // Where all is told, nothing else is.
        for _ in 0..3 {
            ann.put(&private, "k", "v").await;
            assert!(matches!(next(&mut heard, SOON).await, Heard::Change(_)));
        }
        timeout(NOTICED, heard.recv()).await.unwrap_err();
    }

    async fn a_connection_that_is_lost_is_replaced_and_told_of(world: &World) {
        let (ann, mut heard) = listening(world).await;
        let mut direct = world.direct().await;
        for _ in 0..3 {
            assert_eq!(direct.number(&format!("SELECT COUNT(*) {LISTENERS}")).await, 1);
            direct.run(&format!("SELECT pg_terminate_backend(pid) {LISTENERS}")).await;
            assert_eq!(next(&mut heard, REPLACED).await, Heard::Anything);
            // The traffic has no part in it.
            assert!(*ann.store.availability().borrow());
            ann.put(&ann.bucket(Visibility::Private), "k", "v").await;
            assert!(matches!(next(&mut heard, SOON).await, Heard::Change(_)));
        }
    }

    async fn a_listener_ends_with_its_store(world: &World) {
        let (ann, mut heard) = listening(world).await;
        drop(ann);
        assert!(timeout(REPLACED, heard.recv()).await.unwrap().is_err());
        let mut direct = world.direct().await;
        let gone = async || direct.number(&format!("SELECT COUNT(*) {LISTENERS}")).await == 0;
        crate::world::until("the listener ends", gone).await;
    }
}

mod in_a_file {
    use super::*;

    on_sqlite!(nothing_is_heard_and_nothing_is_closed);

    async fn nothing_is_heard_and_nothing_is_closed(world: &World) {
        let ann = ann(&world.open().await);
        let mut heard = ann.store.heard();
        ann.put(&ann.bucket(Visibility::Private), "k", "v").await;
        assert!(matches!(heard.try_recv(), Err(tokio::sync::broadcast::error::TryRecvError::Empty)));
    }
}
