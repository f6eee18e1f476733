//! MemoryService.

use gateway_proto::v1::memory_service_server::MemoryService;
use gateway_proto::v1::{
    DeleteMemoryByOriginRequest, DeleteMemoryByOriginResponse, DeleteMemoryRequest, DeleteMemoryResponse,
    GetMemoryRequest, GetMemoryResponse, GetMemoryUsageRequest, GetMemoryUsageResponse, ListMemoryRequest,
    ListMemoryResponse, PutMemoryRequest, PutMemoryResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::Adapter;

#[async_trait]
impl MemoryService for Adapter {
    async fn put_memory(&self, _: Request<PutMemoryRequest>) -> Result<Response<PutMemoryResponse>, Status> {
        todo!()
    }

    async fn get_memory(&self, _: Request<GetMemoryRequest>) -> Result<Response<GetMemoryResponse>, Status> {
        todo!()
    }

    async fn list_memory(&self, _: Request<ListMemoryRequest>) -> Result<Response<ListMemoryResponse>, Status> {
        todo!()
    }

    async fn delete_memory(&self, _: Request<DeleteMemoryRequest>) -> Result<Response<DeleteMemoryResponse>, Status> {
        todo!()
    }

    async fn delete_memory_by_origin(
        &self,
        _: Request<DeleteMemoryByOriginRequest>,
    ) -> Result<Response<DeleteMemoryByOriginResponse>, Status> {
        todo!()
    }

    async fn get_memory_usage(
        &self,
        _: Request<GetMemoryUsageRequest>,
    ) -> Result<Response<GetMemoryUsageResponse>, Status> {
        todo!()
    }
}
