//! What the tests of memory and prompts do all the time.

use std::sync::Arc;

use bytes::Bytes;
use gateway_storage::{
    Bucket, Buckets, KeyClaim, KeyState, Listed, MemoryRecord, MemoryWrite, MemoryWritten, NewPrompt, Origin,
    PromptChanged, PromptPlace, PromptRecord, Visibility,
};

use crate::actor::Actor;
use crate::direct::Direct;

pub(crate) const SCOPE: &str = "project";

/// A value that a person writes.
pub(crate) fn write(bucket: &Bucket, key: &str, value: &str) -> MemoryWrite {
    MemoryWrite {
        bucket: bucket.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
        origin: Origin::Human,
        confirmation: None,
    }
}

pub(crate) fn new_prompt(content: &str) -> NewPrompt {
    NewPrompt { content: content.to_owned(), note: None, author_token: "app".to_owned(), author_user: None }
}

/// An answer that tells what it was made of.
pub(crate) fn told<T: std::fmt::Debug>(what: &T) -> Bytes {
    format!("{what:?}").into()
}

/// What was stored.
pub(crate) fn stored(written: MemoryWritten) -> MemoryRecord {
    match written {
        MemoryWritten::Stored(record) => record,
        other => panic!("nothing is stored: {other:?}"),
    }
}

impl Actor {
    /// The bucket of this actor in the scope of the tests.
    pub(crate) fn bucket(&self, visibility: Visibility) -> Bucket {
        Bucket::of(&self.owner, SCOPE, visibility)
    }

    pub(crate) async fn try_put(&self, write: MemoryWrite, key: Option<KeyClaim>) -> MemoryWritten {
        self.store.put_memory(&self.owner, write, key, Arc::new(told)).await.unwrap()
    }

    pub(crate) async fn put(&self, bucket: &Bucket, key: &str, value: &str) -> MemoryRecord {
        stored(self.try_put(write(bucket, key, value), None).await)
    }

    pub(crate) async fn try_forget(
        &self,
        bucket: &Bucket,
        key: &str,
        claim: Option<KeyClaim>,
    ) -> Result<bool, KeyState> {
        self.store.delete_memory(&self.owner, bucket, key, claim, Arc::new(told)).await.unwrap()
    }

    pub(crate) async fn forget(&self, bucket: &Bucket, key: &str) -> bool {
        self.try_forget(bucket, key, None).await.unwrap()
    }

    pub(crate) async fn recall(&self, bucket: &Bucket, key: &str) -> Option<MemoryRecord> {
        self.store.memory(bucket, key).await.unwrap()
    }

    /// The keys of a bucket, with the check that all is counted.
    pub(crate) async fn keys(&self, bucket: &Bucket) -> Vec<String> {
        let listed = self.list_memory(&Buckets::One(bucket.clone())).await;
        let usage = self.store.memory_usage(bucket).await.unwrap();
        let bytes: usize = listed.items.iter().map(|entry| entry.key.len() + entry.value.len()).sum();
        assert_eq!((u64::from(usage.entries), usage.bytes as usize), (listed.total, bytes));
        assert_eq!(listed.items.len() as u64, listed.total);
        listed.items.into_iter().map(|entry| entry.key).collect()
    }

    pub(crate) async fn list_memory(&self, buckets: &Buckets) -> Listed<MemoryRecord> {
        self.store.memories(buckets, 10_000, 0).await.unwrap()
    }

    pub(crate) async fn put_prompt(&self, place: &PromptPlace, content: &str) -> PromptRecord {
        let (owner, answer) = (&self.owner, Arc::new(told::<PromptRecord>));
        match self.store.put_prompt(owner, place, new_prompt(content), None, answer).await.unwrap() {
            PromptChanged::Done(record) => record,
            other => panic!("nothing is stored: {other:?}"),
        }
    }

    pub(crate) async fn set_current(
        &self,
        place: &PromptPlace,
        version: u32,
        claim: Option<KeyClaim>,
    ) -> PromptChanged<PromptRecord> {
        self.store.set_current_prompt(&self.owner, place, version, claim, Arc::new(told)).await.unwrap()
    }

    pub(crate) async fn unset(&self, place: &PromptPlace, claim: Option<KeyClaim>) -> PromptChanged<bool> {
        self.store.unset_prompt(&self.owner, place, claim, Arc::new(told)).await.unwrap()
    }

    pub(crate) async fn delete_prompt(
        &self,
        place: &PromptPlace,
        version: u32,
        claim: Option<KeyClaim>,
    ) -> PromptChanged<()> {
        self.store.delete_prompt(&self.owner, place, version, claim, Arc::new(told)).await.unwrap()
    }

    /// The numbers of all versions, newest first, with the check that all is counted.
    pub(crate) async fn versions(&self, place: &PromptPlace) -> Vec<u32> {
        let listed = self.store.prompts(place, 10_000, 0).await.unwrap();
        assert_eq!(listed.items.len() as u64, listed.total);
        listed.items.iter().map(|record| record.version).collect()
    }
}

/// How many changes were counted.
pub(crate) async fn changes(direct: &mut Direct) -> i64 {
    direct.number("SELECT CAST(COALESCE(SUM(counter), 0) AS BIGINT) FROM stack_changes").await
}

/// How many rows there are of what is remembered.
pub(crate) async fn rows_of_memory(direct: &mut Direct) -> [i64; 4] {
    let mut rows = [0; 4];
    for (table, rows) in
        ["memory_entries", "memory_buckets", "memory_confirmations", "idempotency_keys"].iter().zip(&mut rows)
    {
        *rows = direct.count(table, "1 = 1").await;
    }
    rows
}
