//! The part of the store that remembers, over what an engine gives.

use async_trait::async_trait;
use uuid::Uuid;

use super::Engine;
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
        _: &Owner,
        _: MemoryWrite,
        _: Option<KeyClaim>,
        _: KeyedAnswer<MemoryRecord>,
    ) -> Result<MemoryWritten, StoreError> {
        todo!()
    }
    async fn memory(&self, _: &Bucket, _: &str) -> Result<Option<MemoryRecord>, StoreError> {
        todo!()
    }
    async fn memories(&self, _: &Buckets, _: u32, _: u32) -> Result<Listed<MemoryRecord>, StoreError> {
        todo!()
    }
    async fn memory_usage(&self, _: &Bucket) -> Result<BucketUsage, StoreError> {
        todo!()
    }
    async fn delete_memory(
        &self,
        _: &Owner,
        _: &Bucket,
        _: &str,
        _: Option<KeyClaim>,
        _: KeyedAnswer<bool>,
    ) -> Result<Result<bool, KeyState>, StoreError> {
        todo!()
    }
    async fn delete_memory_of_turn(
        &self,
        _: &Owner,
        _: ConversationId,
        _: Uuid,
        _: bool,
        _: Option<KeyClaim>,
        _: KeyedAnswer<u32>,
    ) -> Result<Result<OriginDeleted, KeyState>, StoreError> {
        todo!()
    }
    async fn ask_confirmation(&self, _: ConfirmationRequest) -> Result<(), StoreError> {
        todo!()
    }
    async fn expire_confirmations(&self, _: &Owner, _: ConversationId, _: Uuid) -> Result<(), StoreError> {
        todo!()
    }
}
