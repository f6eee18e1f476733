//! The logic of the cache alone; what it does with a database is tested from outside.

use std::sync::atomic::AtomicUsize;

use futures_util::poll;
use gateway_storage::{Tenant, User};
use tokio::sync::{oneshot, watch};

use super::*;

impl Weigh for usize {
    fn weight(&self) -> usize {
        *self
    }
}

type Numbers = Arc<Cache<usize>>;

fn key(tenant: &str, user: &str, scope: Option<&str>) -> Key {
    let owner = Owner { tenant: Tenant::new(tenant), user: User::EndUser(user.into()) };
    let parts = Parts { prompts: true, public: true, private: true };
    Key { owner, place: Place { scope: scope.map(Into::into), parts } }
}

fn ann() -> Key {
    key("acme", "ann", Some("room"))
}

fn change(tenant: &str, scope: Option<&str>, user: Option<&str>) -> Change {
    let user = user.map(|user| User::EndUser(user.into()));
    Change { tenant: Tenant::new(tenant), scope: scope.map(Into::into), user }
}

async fn read(cache: &Numbers, key: Key, value: usize) -> usize {
    cache.read(key, || async move { Ok(value) }).await.unwrap()
}

fn unavailable() -> Result<usize, StoreError> {
    Err(StoreError::Unavailable)
}

#[tokio::test]
async fn a_value_is_read_once_and_again_after_a_change() {
    let cache = Numbers::default();
    assert_eq!(cache.fresh(&ann()), None);
    assert_eq!(read(&cache, ann(), 1).await, 1);
    assert_eq!(cache.fresh(&ann()), Some(1));
    assert_eq!(read(&cache, ann(), 2).await, 1);
    cache.changed(&change("acme", None, None));
    assert_eq!((cache.fresh(&ann()), cache.last(&ann())), (None, Some(1)));
    assert_eq!(read(&cache, ann(), 2).await, 2);
    cache.everything_changed();
    assert_eq!(cache.fresh(&ann()), None);
}

#[tokio::test]
async fn a_change_touches_only_what_it_concerns() {
    let keys = [
        ann(),
        key("acme", "ann", Some("hall")),
        key("acme", "ann", None),
        key("acme", "bob", Some("room")),
        key("other", "ann", Some("room")),
    ];
    for (scope, user, outdated) in [
        (None, None, [true, true, true, true, false]),
        (Some("room"), None, [true, false, false, true, false]),
        (None, Some("ann"), [true, true, true, false, false]),
        (Some("room"), Some("ann"), [true, false, false, false, false]),
        (Some("attic"), None, [false; 5]),
        (None, Some("eve"), [false; 5]),
    ] {
        let cache = Numbers::default();
        for key in &keys {
            read(&cache, key.clone(), 1).await;
        }
        cache.changed(&change("acme", scope, user));
        cache.changed(&change("nobody", None, None));
        assert_eq!(keys.each_ref().map(|key| cache.fresh(key).is_none()), outdated, "{scope:?} {user:?}");
    }
}

#[tokio::test]
async fn many_who_ask_at_once_read_once_and_whoever_asked_first_may_leave() {
    let cache = Numbers::default();
    let (count, gate) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(false));
    let ask = || {
        let (cache, count, mut opened) = (Arc::clone(&cache), Arc::clone(&count), gate.subscribe());
        async move {
            let work = || async move {
                count.fetch_add(1, Ordering::Relaxed);
                opened.wait_for(|opened| *opened).await.unwrap();
                Ok(7)
            };
            cache.read(ann(), work).await
        }
    };
    let mut first = Box::pin(ask());
    assert!(poll!(&mut first).is_pending());
    drop(first);
    let mut others: Vec<_> = (0..100).map(|_| Box::pin(ask())).collect();
    for other in &mut others {
        assert!(poll!(other).is_pending());
    }
    gate.send_replace(true);
    for other in others {
        assert_eq!(other.await.unwrap(), 7);
    }
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_was_read_while_it_changed_is_not_kept_and_not_given_to_whoever_asks_later() {
    let cache = Numbers::default();
    let (give, given) = oneshot::channel();
    let mut before = Box::pin(cache.read(ann(), || async move { Ok(given.await.unwrap()) }));
    assert!(poll!(&mut before).is_pending());
    cache.changed(&change("acme", Some("room"), Some("ann")));
    assert_eq!(read(&cache, ann(), 2).await, 2);
    give.send(1).unwrap();
    assert_eq!(before.await.unwrap(), 1);
    assert_eq!(cache.fresh(&ann()), Some(2));
}

#[tokio::test]
async fn what_cannot_be_read_is_what_was_read_last() {
    let cache = Numbers::default();
    let failed = cache.read(ann(), || async { unavailable() }).await;
    assert!(matches!(*failed.unwrap_err(), StoreError::Unavailable));
    read(&cache, ann(), 1).await;
    cache.everything_changed();
    assert_eq!(cache.read(ann(), || async { unavailable() }).await.unwrap(), 1);
    // It is not fresh for that.
    assert_eq!(cache.fresh(&ann()), None);
    assert_eq!(read(&cache, ann(), 2).await, 2);
}

#[tokio::test]
async fn a_reading_that_panics_is_an_error_and_the_next_one_begins_anew() {
    let cache = Numbers::default();
    let failed = cache.read(ann(), || async { panic!("a bug") }).await;
    assert!(matches!(*failed.unwrap_err(), StoreError::Panicked));
    assert_eq!(read(&cache, ann(), 1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_database_is_waited_for_once() {
    let cache = Numbers::default();
    let (bob, begin) = (key("acme", "bob", None), Instant::now());
    read(&cache, bob.clone(), 1).await;
    let (give, given) = oneshot::channel();
    let slow = cache.read(ann(), || async move { Ok(given.await.unwrap()) }).await;
    assert!(matches!(*slow.unwrap_err(), StoreError::TimedOut));
    assert_eq!(begin.elapsed(), PATIENCE);
    // Whoever joins that reading has waited already, and whoever begins another does so for a moment only.
    assert!(cache.read(ann(), || async { Ok(0) }).await.is_err());
    assert_eq!(begin.elapsed(), PATIENCE);
    cache.everything_changed();
    assert_eq!(cache.read(bob.clone(), std::future::pending).await.unwrap(), 1);
    assert_eq!(begin.elapsed(), PATIENCE + IMPATIENCE);
    // It answers in the end, which is told to nobody, and is one that works again.
    give.send(3).unwrap();
    while cache.is_slow.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    cache.everything_changed();
    assert_eq!(cache.read(bob, std::future::pending).await.unwrap(), 1);
    assert_eq!(begin.elapsed(), PATIENCE + IMPATIENCE + PATIENCE);
}
