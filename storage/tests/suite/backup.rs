//! Copies of a database in use.

use crate::actor::{Actor, ann, end_of};
use crate::direct::Direct;
use crate::world::World;

on_both!(a_server_has_tools_of_its_own);
mod of_a_file {
    use super::*;

    on_sqlite!(
        a_copy_holds_all_that_was_acknowledged_before,
        a_file_that_nobody_serves_is_copied,
        a_copy_replaces_nothing_and_nothing_is_no_copy,
    );

    async fn a_copy_holds_all_that_was_acknowledged_before(world: &World) {
        let ann = ann(&world.open().await);
        let acknowledged = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (ann, acknowledged, is_over) = (ann.clone(), acknowledged.clone(), is_over.clone());
                tokio::spawn(async move {
                    while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                        let id = ann.turn(None, end_of(&["a", "b"])).await;
                        acknowledged.lock().unwrap().push(id);
                    }
                })
            })
            .collect();
        let mut copies = Vec::new();
        for number in 0..10 {
            let before = acknowledged.lock().unwrap().clone();
            let copy = world.path(&format!("copy{number}.db"));
            world.address.back_up(&copy).await.unwrap().unwrap();
            copies.push((copy, before));
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        assert!(!copies.last().unwrap().1.is_empty());
        for (copy, before) in copies {
            let url = format!("sqlite:{}", copy.display());
            assert_eq!(Direct::to_sqlite(&url).await.text("PRAGMA integrity_check").await, "ok");
            let store = gateway_storage::DatabaseAddress::parse(&url).unwrap().open(gateway_storage::LEASE).await;
            let restored = Actor { store: store.unwrap(), ..ann.clone() };
            for id in before {
                assert_eq!(restored.texts(id).await, ["a", "b"]);
            }
            assert_eq!(restored.list().await.total, restored.list().await.items.len() as u64);
        }
    }

    async fn a_file_that_nobody_serves_is_copied(world: &World) {
        let actor = ann(&world.open().await);
        let id = actor.turn(None, end_of(&["a"])).await;
        drop(actor);
        crate::world::until("the file is closed", async || !world.path("gateway.db-wal").exists()).await;
        world.address.back_up(&world.path("copy.db")).await.unwrap().unwrap();
        let mut copy = Direct::to_sqlite(&format!("sqlite:{}", world.path("copy.db").display())).await;
        let id = copy.literal(id);
        assert_eq!(copy.count("conversations", &format!("id = {id}")).await, 1);
    }

    async fn a_copy_replaces_nothing_and_nothing_is_no_copy(world: &World) {
        let target = world.path("copy.db");
        world.address.back_up(&target).await.unwrap().unwrap_err();
        assert!(!target.exists() && !world.path("gateway.db").exists());
        let _store = world.open().await;
        std::fs::write(&target, "somebody else's").unwrap();
        world.address.back_up(&target).await.unwrap().unwrap_err();
        assert_eq!(std::fs::read(&target).unwrap(), b"somebody else's");
    }
}

async fn a_server_has_tools_of_its_own(world: &World) {
    let _store = world.open().await;
    assert_eq!(world.address.back_up(&world.path("copy.db")).await.is_some(), world.is_sqlite());
}
