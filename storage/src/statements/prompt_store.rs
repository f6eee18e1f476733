//! The part of the store that keeps system prompts, over what an engine gives.

use async_trait::async_trait;

use super::Engine;
use crate::error::StoreError;
use crate::identity::Owner;
use crate::memory::KeyedAnswer;
use crate::prompts::{Heard, NewPrompt, PromptChanged, PromptPlace, PromptRecord, PromptStack, PromptStore};
use crate::records::{KeyClaim, Listed};

#[async_trait]
impl PromptStore for Engine {
    async fn put_prompt(
        &self,
        _: &Owner,
        _: &PromptPlace,
        _: NewPrompt,
        _: Option<KeyClaim>,
        _: KeyedAnswer<PromptRecord>,
    ) -> Result<PromptChanged<PromptRecord>, StoreError> {
        todo!()
    }
    async fn current_prompt(&self, _: &PromptPlace) -> Result<Option<PromptRecord>, StoreError> {
        todo!()
    }
    async fn prompt(&self, _: &PromptPlace, _: u32) -> Result<Option<PromptRecord>, StoreError> {
        todo!()
    }
    async fn prompts(&self, _: &PromptPlace, _: u32, _: u32) -> Result<Listed<PromptRecord>, StoreError> {
        todo!()
    }
    async fn unset_prompt(
        &self,
        _: &Owner,
        _: &PromptPlace,
        _: Option<KeyClaim>,
        _: KeyedAnswer<bool>,
    ) -> Result<PromptChanged<bool>, StoreError> {
        todo!()
    }
    async fn set_current_prompt(
        &self,
        _: &Owner,
        _: &PromptPlace,
        _: u32,
        _: Option<KeyClaim>,
        _: KeyedAnswer<PromptRecord>,
    ) -> Result<PromptChanged<PromptRecord>, StoreError> {
        todo!()
    }
    async fn delete_prompt(
        &self,
        _: &Owner,
        _: &PromptPlace,
        _: u32,
        _: Option<KeyClaim>,
        _: KeyedAnswer<()>,
    ) -> Result<PromptChanged<()>, StoreError> {
        todo!()
    }
    async fn prompt_stack(&self, _: &Owner, _: Option<&str>) -> Result<PromptStack, StoreError> {
        Ok(PromptStack::default())
    }
    fn heard(&self) -> tokio::sync::broadcast::Receiver<Heard> {
        tokio::sync::broadcast::channel(1).1
    }
}
