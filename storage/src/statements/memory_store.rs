//! The part of the store that remembers, over what an engine gives.

use async_trait::async_trait;
use uuid::Uuid;

use super::origins::Origin;
use super::{Engine, confirmations, memory, origins, work};
use crate::error::StoreError;
use crate::identity::Owner;
use crate::ids::ConversationId;
use crate::memory::{
    Bucket, BucketUsage, Buckets, ConfirmationRequest, KeyedAnswer, MemoryRecord, MemoryStore, MemoryWrite,
    MemoryWritten, OriginDeleted,
};
use crate::records::{KeyClaim, KeyState, Listed};

#[async_trait]
impl MemoryStore for Engine {
    async fn put_memory(
        &self,
        owner: &Owner,
        write: MemoryWrite,
        key: Option<KeyClaim>,
        answer: KeyedAnswer<MemoryRecord>,
    ) -> Result<MemoryWritten, StoreError> {
        let context = self.context;
        self.write(work!([owner, write, key, answer], |connection| memory::put(
            connection,
            context,
            &owner,
            &write,
            key.as_ref(),
            &answer
        )))
        .await
    }

    async fn memory(&self, bucket: &Bucket, key: &str) -> Result<Option<MemoryRecord>, StoreError> {
        let key = key.to_owned();
        self.read(work!([bucket, key], |connection| memory::get(connection, &bucket, &key))).await
    }

    async fn memories(&self, buckets: &Buckets, limit: u32, offset: u32) -> Result<Listed<MemoryRecord>, StoreError> {
        self.read(work!([buckets], |connection| memory::list(connection, &buckets, limit, offset))).await
    }

    async fn memory_usage(&self, bucket: &Bucket) -> Result<BucketUsage, StoreError> {
        self.read(work!([bucket], |connection| memory::usage(connection, &bucket))).await
    }

    async fn delete_memory(
        &self,
        owner: &Owner,
        bucket: &Bucket,
        key: &str,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<bool>,
    ) -> Result<Result<bool, KeyState>, StoreError> {
        let (context, key) = (self.context, key.to_owned());
        self.write_erasing(
            work!([owner, bucket, key, claim, answer], |connection| memory::delete(
                connection,
                context,
                &owner,
                &bucket,
                &key,
                claim.as_ref(),
                &answer
            )),
            |deleted| *deleted == Ok(true),
        )
        .await
    }

    async fn delete_memory_of_turn(
        &self,
        owner: &Owner,
        conversation: ConversationId,
        turn: Uuid,
        may_delete_public: bool,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<u32>,
    ) -> Result<Result<OriginDeleted, KeyState>, StoreError> {
        let (context, origin) = (self.context, Origin { conversation, turn, may_delete_public });
        self.write_erasing(
            work!([owner, claim, answer], |connection| origins::delete(
                connection,
                context,
                &owner,
                origin,
                claim.as_ref(),
                &answer
            )),
            |deleted| !matches!(deleted, Ok(OriginDeleted::Done(0) | OriginDeleted::PublicAmongThem) | Err(_)),
        )
        .await
    }

    async fn ask_confirmation(&self, request: ConfirmationRequest) -> Result<(), StoreError> {
        self.write(work!([request], |connection| confirmations::ask(connection, &request))).await
    }

    async fn expire_confirmations(
        &self,
        owner: &Owner,
        conversation: ConversationId,
        turn: Uuid,
    ) -> Result<(), StoreError> {
        self.write(work!([owner], |connection| confirmations::expire(connection, &owner, conversation, turn))).await
    }
}
