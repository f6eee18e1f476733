//! ToolService.

use gateway_proto::v1::tool_service_server::ToolService;
use gateway_proto::v1::{ExecuteToolRequest, ExecuteToolResponse, ListToolsRequest, ListToolsResponse};
use tonic::{Request, Response, Status, async_trait};

use super::Adapter;

#[async_trait]
impl ToolService for Adapter {
    async fn list_tools(&self, _: Request<ListToolsRequest>) -> Result<Response<ListToolsResponse>, Status> {
        todo!()
    }

    async fn execute_tool(&self, _: Request<ExecuteToolRequest>) -> Result<Response<ExecuteToolResponse>, Status> {
        todo!()
    }
}
