//! The part of the store that keeps system prompts, over what an engine gives.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Engine, prompts, stack, work};
use crate::error::StoreError;
use crate::identity::Owner;
use crate::memory::KeyedAnswer;
use crate::prompts::{Heard, NewPrompt, PromptChanged, PromptPlace, PromptRecord, PromptStack, PromptStore};
use crate::records::{KeyClaim, Listed};

#[async_trait]
impl PromptStore for Engine {
    async fn put_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        new: NewPrompt,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<PromptRecord>,
    ) -> Result<PromptChanged<PromptRecord>, StoreError> {
        let context = self.context;
        self.write(work!([owner, place, new, claim, answer], |connection| prompts::put(
            connection,
            context,
            &owner,
            &place,
            &new,
            claim.as_ref(),
            &answer
        )))
        .await
    }

    async fn current_prompt(&self, place: &PromptPlace) -> Result<Option<PromptRecord>, StoreError> {
        self.read(work!([place], |connection| prompts::current(connection, &place))).await
    }

    async fn prompt(&self, place: &PromptPlace, version: u32) -> Result<Option<PromptRecord>, StoreError> {
        self.read(work!([place], |connection| prompts::get(connection, &place, version))).await
    }

    async fn prompts(&self, place: &PromptPlace, limit: u32, offset: u32) -> Result<Listed<PromptRecord>, StoreError> {
        self.read(work!([place], |connection| prompts::list(connection, &place, limit, offset))).await
    }

    async fn unset_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<bool>,
    ) -> Result<PromptChanged<bool>, StoreError> {
        let context = self.context;
        self.write(work!([owner, place, claim, answer], |connection| prompts::unset(
            connection,
            context,
            &owner,
            &place,
            claim.as_ref(),
            &answer
        )))
        .await
    }

    async fn set_current_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        version: u32,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<PromptRecord>,
    ) -> Result<PromptChanged<PromptRecord>, StoreError> {
        let context = self.context;
        self.write(work!([owner, place, claim, answer], |connection| prompts::set_current(
            connection,
            context,
            &owner,
            &place,
            version,
            claim.as_ref(),
            &answer
        )))
        .await
    }

    async fn delete_prompt(
        &self,
        owner: &Owner,
        place: &PromptPlace,
        version: u32,
        claim: Option<KeyClaim>,
        answer: KeyedAnswer<()>,
    ) -> Result<PromptChanged<()>, StoreError> {
        let context = self.context;
        self.write_erasing(
            work!([owner, place, claim, answer], |connection| prompts::delete(
                connection,
                context,
                &owner,
                &place,
                version,
                claim.as_ref(),
                &answer
            )),
            |deleted| *deleted == PromptChanged::Done(()),
        )
        .await
    }

    async fn prompt_stack(&self, owner: &Owner, scope: Option<&str>) -> Result<PromptStack, StoreError> {
        let scope = scope.map(str::to_owned);
        self.read(work!([owner, scope], |connection| stack::read(connection, &owner, scope.as_deref()))).await
    }

    fn heard(&self) -> broadcast::Receiver<Heard> {
        self.heard.subscribe()
    }
}
