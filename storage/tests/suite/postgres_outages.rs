//! A server that stops and starts again.

use std::time::{Duration, Instant};

use gateway_storage::{DatabaseAddress, Heard, LEASE, StoreError, Visibility};
use tokio::time::timeout;

use crate::actor::{Actor, ann, end_of, new_turn};
use crate::postgres_server::{Server, new_folder};
use crate::world::until;

/// How soon a store works again once its server does.
const RECOVERY: Duration = Duration::from_secs(2);

async fn open(server: &Server) -> Actor {
    let address = DatabaseAddress::parse(&server.url("postgres")).unwrap();
    ann(&address.open(LEASE).await.unwrap())
}

async fn until_available(ann: &Actor) {
    let mut availability = ann.store.availability();
    timeout(RECOVERY, availability.wait_for(|works| *works)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_fail_fast_while_the_server_is_stopped_and_it_comes_back_by_itself() {
    let folder = new_folder();
    let mut server = Server::start_in(folder.path());
    let ann = open(&server).await;
    let id = ann.turn(None, end_of(&["0"])).await;
    for outage in 1..4 {
        let turn = ann.begin(Some(id), None).await;
        server.stop();
        ann.store.finish_turn(&ann.owner, &turn, end_of(&["lost"])).await.unwrap_err();
        assert!(!*ann.store.availability().borrow());
        let begin = Instant::now();
        for _ in 0..100 {
            let begun = ann.store.begin_turn(&ann.owner, new_turn(None, None)).await;
            assert!(matches!(begun, Err(StoreError::Unavailable)), "{begun:?}");
            assert!(matches!(ann.store.check().await, Err(StoreError::Unavailable)));
            assert!(matches!(ann.store.conversation(&ann.reader(), id).await, Err(StoreError::Unavailable)));
        }
        assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
        server = Server::start_in(folder.path());
        until_available(&ann).await;
        ann.store.check().await.unwrap();
        ann.store.abandon_turn(&ann.owner, &turn).await.unwrap();
        ann.turn(Some(id), end_of(&[&outage.to_string()])).await;
    }
    assert_eq!(ann.texts(id).await, ["0", "1", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_heard_while_the_server_is_stopped_and_then_that_anything_may_have_changed() {
    let folder = new_folder();
    let mut server = Server::start_in(folder.path());
    let ann = open(&server).await;
    let mut heard = ann.store.heard();
    assert_eq!(timeout(RECOVERY, heard.recv()).await.unwrap().unwrap(), Heard::Anything);
    for _ in 0..2 {
        server.stop();
        ann.store.check().await.unwrap_err();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(600) {
            assert!(!*ann.store.availability().borrow());
            timeout(Duration::from_millis(50), heard.recv()).await.unwrap_err();
        }
        server = Server::start_in(folder.path());
        assert_eq!(timeout(RECOVERY, heard.recv()).await.unwrap().unwrap(), Heard::Anything);
        until_available(&ann).await;
        ann.put(&ann.bucket(Visibility::Private), "k", "v").await;
        let Heard::Change(_) = timeout(RECOVERY, heard.recv()).await.unwrap().unwrap() else { panic!("no change") };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opens_before_its_server_does() {
    let folder = new_folder();
    let mut server = Server::start_in(folder.path());
    server.stop();
    let ann = open(&server).await;
    assert!(!*ann.store.availability().borrow());
    assert!(matches!(ann.store.check().await, Err(StoreError::Unavailable)));
    let _server = Server::start_in(folder.path());
    until_available(&ann).await;
    let id = ann.turn(None, end_of(&["a"])).await;
    assert_eq!(ann.texts(id).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_the_server_ends_are_replaced() {
    let folder = new_folder();
    let server = Server::start_in(folder.path());
    let ann = open(&server).await;
    let id = ann.turn(None, end_of(&["a"])).await;
    let mut direct = crate::direct::Direct::to_postgres(&server.url("postgres")).await;
    for _ in 0..5 {
        direct
            .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chat-gateway'")
            .await;
        until("the store works again", async || ann.store.conversation(&ann.reader(), id).await.is_ok()).await;
        until_available(&ann).await;
    }
    ann.turn(Some(id), end_of(&["b"])).await;
    assert_eq!(ann.texts(id).await, ["a", "b"]);
}
