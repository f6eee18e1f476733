//! A database of a test's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gateway_storage::{DatabaseAddress, LEASE, Store};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::direct::Direct;
use crate::postgres_server::SHARED;

/// As many tests use the server at once: each may open a few pools.
static POSTGRES_TESTS: Semaphore = Semaphore::const_new(4);
static NEXT_DATABASE: AtomicU32 = AtomicU32::new(0);
/// How long anything may take to come about.
const PATIENCE: Duration = Duration::from_secs(20);

/// A database of a test's own.
pub(crate) struct World {
    pub(crate) address: DatabaseAddress,
    url: String,
    folder: TempDir,
}

/// Runs a test on a new file of SQLite.
pub(crate) fn on_sqlite(test: impl AsyncFnOnce(&World)) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("gateway.db").display());
    let world = World { address: DatabaseAddress::parse(&url).unwrap(), url, folder };
    run(test(&world));
}

/// Runs a test on a new database of the shared server of PostgreSQL.
pub(crate) fn on_postgres(test: impl AsyncFnOnce(&World)) {
    let name = format!("test{}", NEXT_DATABASE.fetch_add(1, Ordering::Relaxed));
    let url = SHARED.url(&name);
    let world = World { address: DatabaseAddress::parse(&url).unwrap(), url, folder: tempfile::tempdir().unwrap() };
    run(async {
        let _slot = POSTGRES_TESTS.acquire().await.unwrap();
        let mut maintenance = Direct::to_postgres(&SHARED.url("postgres")).await;
        maintenance.run(&format!("CREATE DATABASE {name}")).await;
        test(&world).await;
        maintenance.run(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    });
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

impl World {
    /// Opens the store.
    pub(crate) async fn open(&self) -> Arc<dyn Store> {
        self.open_with(LEASE).await
    }

    /// Opens the store with leases of this length.
    pub(crate) async fn open_with(&self, lease: Duration) -> Arc<dyn Store> {
        self.address.open(lease).await.unwrap()
    }

    /// The store as two processes see it; SQLite serves one.
    pub(crate) async fn open_twice(&self, lease: Duration) -> [Arc<dyn Store>; 2] {
        let first = self.open_with(lease).await;
        let second = if self.is_sqlite() { Arc::clone(&first) } else { self.open_with(lease).await };
        [first, second]
    }

    /// The store as several processes see it, so many that 64 who write at once have a connection each.
    pub(crate) async fn open_for_64(&self) -> [Arc<dyn Store>; 4] {
        let [first, second] = self.open_twice(LEASE).await;
        let [third, fourth] =
            if self.is_sqlite() { [(); 2].map(|()| Arc::clone(&first)) } else { self.open_twice(LEASE).await };
        [first, second, third, fourth]
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.address, DatabaseAddress::Sqlite(_))
    }

    /// The way to the database itself.
    pub(crate) async fn direct(&self) -> Direct {
        if self.is_sqlite() { Direct::to_sqlite(&self.url).await } else { Direct::to_postgres(&self.url).await }
    }

    /// A path in a folder of the test's own, in which the file of SQLite is too.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether this text is in the file of SQLite or beside it, as it is on disk.
    pub(crate) fn holds_on_disk(&self, text: &str) -> bool {
        let files = ["gateway.db", "gateway.db-wal"].map(|name| read_if_there(&self.path(name)));
        files.iter().any(|file| file.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

fn read_if_there(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}

/// Waits until this is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "never came about: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
