use tempfile::TempDir;

use super::*;

/// A writer of a table `written (number INTEGER PRIMARY KEY)`, and the folder of its file.
async fn writer() -> (Writer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let connection = open_writer(&path, true).await.unwrap();
    let writer = Writer::start(path, Some(connection));
    writer.run(|connection| run(connection, "CREATE TABLE written (number INTEGER PRIMARY KEY) STRICT")).await.unwrap();
    (writer, folder)
}

fn run<'c>(connection: &'c mut Connection, statement: &'static str) -> Running<'c, ()> {
    Box::pin(async move { sqlx::query(statement).execute(connection).await.map(drop) })
}

fn insert(connection: &mut Connection, number: i64) -> Running<'_, ()> {
    Box::pin(async move {
        let query = sqlx::query("INSERT INTO written (number) VALUES ($1)").bind(number);
        query.execute(connection).await.map(drop)
    })
}

/// Inserts a number; of three, the second fails afterwards and the third panics.
fn insert_and_fail(connection: &mut Connection, number: i64) -> Running<'_, ()> {
    Box::pin(async move {
        insert(connection, number).await?;
        match number % 3 {
            0 => Ok(()),
            1 => Err(sqlx::Error::RowNotFound),
            _ => panic!("on purpose"),
        }
    })
}

async fn number(writer: &Writer, query: &'static str) -> i64 {
    let read = writer.run(move |connection| {
        Box::pin(async move { sqlx::query(query).fetch_one(connection).await?.try_get::<i64, _>(0) })
    });
    read.await.unwrap()
}

/// How many commits the journal holds: a frame that ends one says how large the database is then.
fn commits(folder: &TempDir) -> usize {
    let journal = std::fs::read(folder.path().join("test.db-wal")).unwrap();
    let page_size = u32::from_be_bytes(journal[8..12].try_into().unwrap()) as usize;
    // Frames of an earlier round stay behind; they carry other salts than the journal.
    let salts = &journal[16..24];
    let frames = journal[32..].chunks(24 + page_size);
    frames.filter(|frame| &frame[8..16] == salts && frame[4..8] != [0; 4]).count()
}

#[tokio::test]
async fn the_connection_writes_as_promised() {
    let (writer, _folder) = writer().await;
    for (pragma, expected) in [("PRAGMA synchronous", 2), ("PRAGMA secure_delete", 1), ("PRAGMA busy_timeout", 5000)] {
        assert_eq!(number(&writer, pragma).await, expected, "{pragma}");
    }
    writer.truncate_journal().await;
    assert_eq!(number(&writer, "PRAGMA busy_timeout").await, 5000);
}

// The clock stands still, so that a batch ends only when nobody waits any more.
#[tokio::test(start_paused = true)]
async fn writes_that_come_together_are_one_commit() {
    let (writer, folder) = writer().await;
    let before = commits(&folder);
    let writes = (0..64).map(|number| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.run(move |connection| insert(connection, number)).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    let made = commits(&folder) - before;
    assert!((1..=2).contains(&made), "{made} commits of 64 writes");
    assert_eq!(number(&writer, "SELECT COUNT(*) FROM written").await, 64);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_or_panics_takes_nobody_with_it() {
    let (writer, folder) = writer().await;
    let before = commits(&folder);
    let writes = (0..30_i64).map(|number| {
        let writer = writer.clone();
        tokio::spawn(async move { (number, writer.run(move |connection| insert_and_fail(connection, number)).await) })
    });
    for write in writes.collect::<Vec<_>>() {
        match write.await.unwrap() {
            (number, Ok(())) => assert_eq!(number % 3, 0),
            (number, Err(StoreError::Database(_))) => assert_eq!(number % 3, 1),
            (number, Err(StoreError::Panicked)) => assert_eq!(number % 3, 2),
            other => panic!("{other:?}"),
        }
    }
    assert!(commits(&folder) - before <= 2);
    assert_eq!(number(&writer, "SELECT COUNT(*) FROM written WHERE number % 3 = 0").await, 10);
    assert_eq!(number(&writer, "SELECT COUNT(*) FROM written").await, 10);
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_fails_all_of_its_batch_and_the_next_one_works() {
    let (writer, _folder) = writer().await;
    // A job that ends the transaction of all; what comes after it cannot be committed with the rest.
    let rogue = writer.clone();
    let breaking = tokio::spawn(async move { rogue.run(|connection| run(connection, "ROLLBACK")).await });
    let writes = (0..8).map(|number| {
        let writer = writer.clone();
        tokio::spawn(async move { writer.run(move |connection| insert(connection, number)).await })
    });
    let writes: Vec<_> = writes.collect();
    assert!(matches!(breaking.await.unwrap(), Err(StoreError::Batch(_))));
    let mut acknowledged = 0;
    for write in writes {
        acknowledged += i64::from(write.await.unwrap().is_ok());
    }
    assert_eq!(number(&writer, "SELECT COUNT(*) FROM written").await, acknowledged);
    writer.run(|connection| insert(connection, 99)).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_cannot_write_is_opened_anew() {
    use sqlx::ConnectOptions as _;
    let (writer, folder) = writer().await;
    drop(writer);
    let path = folder.path().join("test.db");
    let read_only = super::super::options(&path).read_only(true).connect().await.unwrap();
    let writer = Writer::start(path, Some(read_only));
    writer.run(|connection| insert(connection, 1)).await.unwrap_err();
    writer.run(|connection| insert(connection, 1)).await.unwrap();
    assert_eq!(number(&writer, "SELECT COUNT(*) FROM written").await, 1);
}
