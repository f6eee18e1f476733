//! MemoryService.

use std::sync::Arc;

use gateway_proto::v1::memory_service_server::MemoryService;
use gateway_proto::v1::{
    DeleteMemoryByOriginRequest, DeleteMemoryByOriginResponse, DeleteMemoryRequest, DeleteMemoryResponse,
    GetMemoryRequest, GetMemoryResponse, GetMemoryUsageRequest, GetMemoryUsageResponse, ListMemoryRequest,
    ListMemoryResponse, PutMemoryRequest, PutMemoryResponse,
};
use gateway_proto::{ApiError, Rpc};
use gateway_storage::{Bucket, Buckets, MemoryRecord, Origin, Visibility, private_buckets};
use tonic::{Request, Response, Status, async_trait};

use super::convert::{memory_entry, memory_usage};
use super::{Adapter, Opened, acting_scope, answered, kept};
use crate::conversations::Paging;
use crate::gate::{idempotency_key, owner, reader};
use crate::memory::{self, MemoryKey, MemoryValue, NewEntry, parse_visibility};

/// Where a query names the key.
const KEY: &str = "query.key";
/// Where a query names the visibility.
const VISIBILITY: &str = "query.visibility";

#[async_trait]
impl MemoryService for Adapter {
    async fn put_memory(&self, request: Request<PutMemoryRequest>) -> Result<Response<PutMemoryResponse>, Status> {
        const RPC: Rpc = Rpc::PutMemory;
        let mut opened = self.open(request, RPC)?;
        let id = opened.call.request_id.clone();
        let put = async {
            let bucket = bucket(&opened, RPC, &opened.message.visibility)?;
            // Whichever way the scope was named: in another one it is another request.
            bucket.scope.as_ref().clone_into(&mut opened.message.scope_id);
            let claim = idempotency_key(&opened.headers, RPC, &opened.message)?;
            let Opened { call, identity, message, .. } = opened;
            let scope = Arc::clone(&bucket.scope);
            let entry = NewEntry {
                bucket,
                key: MemoryKey::parse(message.key, "key")?,
                value: MemoryValue::parse(message.value)?,
                origin: Origin::Human,
                confirmation: None,
            };
            let answer = move |record: &MemoryRecord| PutMemoryResponse { entry: Some(memory_entry(record, &scope)) };
            let owner = owner(&call, &identity);
            answered(memory::put(&self.shared, &call, &owner, entry, claim, kept(answer.clone())).await?, answer)
        };
        put.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }

    async fn get_memory(&self, request: Request<GetMemoryRequest>) -> Result<Response<GetMemoryResponse>, Status> {
        let opened = self.open(request, Rpc::GetMemory)?;
        let id = opened.call.request_id.clone();
        let found = async {
            let bucket = bucket(&opened, Rpc::GetMemory, &opened.message.visibility)?;
            let key = MemoryKey::parse(opened.message.key, KEY)?;
            let record = memory::get(&self.shared, &bucket, &key).await?;
            Ok(GetMemoryResponse { entry: Some(memory_entry(&record, &bucket.scope)) })
        };
        found.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }

    async fn list_memory(&self, request: Request<ListMemoryRequest>) -> Result<Response<ListMemoryResponse>, Status> {
        let opened = self.open(request, Rpc::ListMemory)?;
        let listed = async {
            let bucket = bucket(&opened, Rpc::ListMemory, &opened.message.visibility)?;
            let scope = Arc::clone(&bucket.scope);
            let buckets = match bucket.visibility() {
                Visibility::Private => private_buckets(&reader(&opened.call, &opened.identity), &scope),
                Visibility::Public => Buckets::One(bucket),
            };
            let paging = Paging { limit: opened.message.limit, offset: opened.message.offset };
            let (listed, slice) = memory::list(&self.shared, &buckets, paging).await?;
            Ok(ListMemoryResponse {
                items: listed.items.iter().map(|record| memory_entry(record, &scope)).collect(),
                total: i64::try_from(listed.total).unwrap_or(i64::MAX),
                limit: slice.limit.into(),
                offset: slice.offset.into(),
            })
        };
        listed.await.map(Response::new).map_err(|error| self.fail(&opened.call.request_id, error))
    }

    async fn delete_memory(
        &self,
        request: Request<DeleteMemoryRequest>,
    ) -> Result<Response<DeleteMemoryResponse>, Status> {
        const RPC: Rpc = Rpc::DeleteMemory;
        let mut opened = self.open(request, RPC)?;
        let id = opened.call.request_id.clone();
        let deleted = async {
            let bucket = bucket(&opened, RPC, &opened.message.visibility)?;
            bucket.scope.as_ref().clone_into(&mut opened.message.scope_id);
            let claim = idempotency_key(&opened.headers, RPC, &opened.message)?;
            let Opened { call, identity, message, .. } = opened;
            let key = MemoryKey::parse(message.key, KEY)?;
            let owner = owner(&call, &identity);
            let answer = |deleted: &bool| DeleteMemoryResponse { deleted: *deleted };
            answered(memory::delete(&self.shared, &call, &owner, &bucket, key, claim, kept(answer)).await?, answer)
        };
        deleted.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }

    async fn delete_memory_by_origin(
        &self,
        request: Request<DeleteMemoryByOriginRequest>,
    ) -> Result<Response<DeleteMemoryByOriginResponse>, Status> {
        const RPC: Rpc = Rpc::DeleteMemoryByOrigin;
        let Opened { call, identity, headers, message } = self.open(request, RPC)?;
        let deleted = async {
            let claim = idempotency_key(&headers, RPC, &message)?;
            let owner = owner(&call, &identity);
            let turn = (message.conversation_id.as_str(), message.turn_id.as_str());
            let answer = |deleted: &u32| DeleteMemoryByOriginResponse { deleted: *deleted };
            answered(memory::delete_of_turn(&self.shared, &call, &owner, turn, claim, kept(answer)).await?, answer)
        };
        deleted.await.map(Response::new).map_err(|error| self.fail(&call.request_id, error))
    }

    async fn get_memory_usage(
        &self,
        request: Request<GetMemoryUsageRequest>,
    ) -> Result<Response<GetMemoryUsageResponse>, Status> {
        let opened = self.open(request, Rpc::GetMemoryUsage)?;
        let told = async {
            let bucket = bucket(&opened, Rpc::GetMemoryUsage, &opened.message.visibility)?;
            let usage = memory::usage(&self.shared, &bucket).await?;
            let usage = memory_usage(usage, bucket.visibility(), &bucket.scope);
            Ok(GetMemoryUsageResponse { usage: Some(usage) })
        };
        told.await.map(Response::new).map_err(|error| self.fail(&opened.call.request_id, error))
    }
}

/// The bucket of this visibility that a call reaches.
fn bucket<M>(opened: &Opened<M>, rpc: Rpc, visibility: &str) -> Result<Bucket, ApiError> {
    let scope = acting_scope(opened, rpc)?;
    let visibility = parse_visibility(visibility, VISIBILITY)?;
    Ok(Bucket::of(&owner(&opened.call, &opened.identity), scope.as_str(), visibility))
}
