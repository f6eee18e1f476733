//! The store, over what an engine gives: `write` and `read`, which run statements in a transaction of their own.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use super::{Engine, budgets, conversations, keys, sweep, turns, usage, work};
use crate::error::StoreError;
use crate::identity::{Owner, Reader, Tenant};
use crate::ids::{ConversationId, ProcessId};
use crate::records::{
    Begun, ConversationChanges, ConversationRecord, FinishedTurn, KeyClaim, KeyState, KeyedRun, Listed, MessageRecord,
    Mutated, NewTurn, Page, RunningTurn, Stored, Swept,
};
use crate::store::{AnswerOf, Store};
use crate::usage::{BudgetAsk, BudgetWindow, UsageBatch, UsageBucket, UsageRange};

#[async_trait]
impl Store for Engine {
    async fn look_up_key(&self, owner: &Owner, key: &KeyClaim) -> Result<KeyState, StoreError> {
        self.read(work!([owner, key], |connection| keys::look_up(connection, &owner, &key))).await
    }

    async fn begin_turn(&self, owner: &Owner, turn: NewTurn) -> Result<Begun, StoreError> {
        let context = self.context;
        self.write(work!([owner, turn], |connection| turns::begin(connection, context, &owner, &turn))).await
    }

    async fn history(
        &self,
        owner: &Owner,
        conversation: ConversationId,
        from_sequence: u32,
    ) -> Result<Vec<Bytes>, StoreError> {
        self.read(work!([owner], |connection| conversations::history(connection, &owner, conversation, from_sequence)))
            .await
    }

    async fn renew_turn(&self, owner: &Owner, turn: &RunningTurn) -> Result<bool, StoreError> {
        let context = self.context;
        self.write(work!([owner, turn], |connection| turns::renew(connection, context, &owner, &turn))).await
    }

    async fn finish_turn(&self, owner: &Owner, turn: &RunningTurn, end: FinishedTurn) -> Result<Stored, StoreError> {
        let context = self.context;
        self.write(work!([owner, turn, end], |connection| turns::finish(connection, context, &owner, &turn, &end)))
            .await
    }

    async fn abandon_turn(&self, owner: &Owner, turn: &RunningTurn) -> Result<(), StoreError> {
        let context = self.context;
        self.write(work!([owner, turn], |connection| turns::abandon(connection, context, &owner, &turn))).await
    }

    async fn begin_keyed(&self, owner: &Owner, run: &KeyedRun) -> Result<KeyState, StoreError> {
        let context = self.context;
        self.write(work!([owner, run], |connection| keys::begin(connection, context, &owner, &run))).await
    }

    async fn renew_keyed(&self, owner: &Owner, run: &KeyedRun) -> Result<bool, StoreError> {
        let context = self.context;
        self.write(work!([owner, run], |connection| keys::renew(connection, context, &owner, &run.key, run.run))).await
    }

    async fn finish_keyed(&self, owner: &Owner, run: &KeyedRun, answer: Bytes) -> Result<Stored, StoreError> {
        self.write(work!([owner, run, answer], |connection| keys::finish(connection, &owner, &run, &answer))).await
    }

    async fn abandon_keyed(&self, owner: &Owner, run: &KeyedRun) -> Result<(), StoreError> {
        self.write(work!([owner, run], |connection| keys::release(connection, &owner, &run.key, run.run))).await
    }

    async fn conversations(&self, reader: &Reader, page: Page) -> Result<Listed<ConversationRecord>, StoreError> {
        self.read(work!([reader], |connection| conversations::list(connection, &reader, page))).await
    }

    async fn conversation(
        &self,
        reader: &Reader,
        id: ConversationId,
    ) -> Result<Option<ConversationRecord>, StoreError> {
        self.read(work!([reader], |connection| conversations::get(connection, &reader, id))).await
    }

    async fn messages(
        &self,
        reader: &Reader,
        id: ConversationId,
        offset: u32,
        limit: u32,
    ) -> Result<Option<(ConversationRecord, Vec<MessageRecord>)>, StoreError> {
        self.read(work!([reader], |connection| conversations::messages(connection, &reader, id, offset, limit))).await
    }

    async fn update_conversation(
        &self,
        owner: &Owner,
        id: ConversationId,
        changes: ConversationChanges,
        key: Option<KeyClaim>,
        answer: AnswerOf,
    ) -> Result<Mutated<ConversationRecord>, StoreError> {
        let context = self.context;
        self.write(work!([owner, changes, key], |connection| conversations::update(
            connection,
            context,
            &owner,
            id,
            &changes,
            key.as_ref(),
            answer
        )))
        .await
    }

    async fn delete_conversation(
        &self,
        owner: &Owner,
        id: ConversationId,
        key: Option<KeyClaim>,
    ) -> Result<Mutated<()>, StoreError> {
        let context = self.context;
        self.write_erasing(
            work!([owner, key], |connection| conversations::delete(connection, context, &owner, id, key.as_ref())),
            |deleted| *deleted == Mutated::Done(()),
        )
        .await
    }

    async fn fold_usage(&self, process: ProcessId, batch: UsageBatch) -> Result<u64, StoreError> {
        self.write(work!([batch], |connection| usage::fold(connection, process, &batch))).await
    }

    async fn usage(&self, tenant: &Tenant, range: UsageRange) -> Result<Vec<UsageBucket>, StoreError> {
        self.read(work!([tenant], |connection| usage::read(connection, &tenant, range))).await
    }

    async fn take_budget(&self, process: ProcessId, window: &BudgetWindow, ask: BudgetAsk) -> Result<u64, StoreError> {
        self.write(work!([window], |connection| budgets::take(connection, process, &window, ask))).await
    }

    async fn return_budgets(&self, process: ProcessId, amounts: Vec<(BudgetWindow, i64)>) -> Result<(), StoreError> {
        self.write(work!([amounts], |connection| budgets::give_back(connection, process, &amounts))).await
    }

    async fn reclaim_budgets(&self, process: ProcessId) -> Result<(), StoreError> {
        self.write(work!([], |connection| budgets::reclaim(connection, process))).await
    }

    async fn note_process(&self, process: ProcessId) -> Result<u32, StoreError> {
        self.write(work!([], |connection| budgets::note_process(connection, process))).await
    }

    async fn sweep(&self, retention: Option<Duration>) -> Result<Swept, StoreError> {
        self.write_erasing(work!([], |connection| sweep::sweep(connection, retention)), |swept: &Swept| {
            swept.conversation_rows > 0
        })
        .await
    }

    fn availability(&self) -> watch::Receiver<bool> {
        self.availability.receiver()
    }

    fn queue_depth(&self) -> u32 {
        self.waiting()
    }

    async fn check(&self) -> Result<(), StoreError> {
        if !self.availability.works() {
            return Err(StoreError::Unavailable);
        }
        self.read(work!([], |connection| async move { sqlx::query("SELECT 1").execute(connection).await.map(drop) }))
            .await
    }
}
