//! ToolService.

use gateway_proto::Rpc;
use gateway_proto::v1::tool_service_server::ToolService;
use gateway_proto::v1::{ExecuteToolRequest, ExecuteToolResponse, ListToolsRequest, ListToolsResponse, ServerTool};
use tonic::{Request, Response, Status, async_trait};

use super::{Adapter, Opened};
use crate::gate::{idempotency_key, owner, scope};
use crate::tools::{Moment, Tool, ToolContext, execute};

#[async_trait]
impl ToolService for Adapter {
    async fn list_tools(&self, request: Request<ListToolsRequest>) -> Result<Response<ListToolsResponse>, Status> {
        let Opened { call, .. } = self.open(request, Rpc::ListTools)?;
        let tools = self.shared.tools().listed(call.caller.token());
        Ok(Response::new(ListToolsResponse { items: tools.iter().map(|tool| server_tool(&**tool)).collect() }))
    }

    async fn execute_tool(
        &self,
        request: Request<ExecuteToolRequest>,
    ) -> Result<Response<ExecuteToolResponse>, Status> {
        let Opened { call, identity, headers, message } = self.open(request, Rpc::ExecuteTool)?;
        let id = call.request_id.clone();
        let executed = async {
            let key = idempotency_key(&headers, Rpc::ExecuteTool, &message)?;
            let context = ToolContext {
                shared: self.shared.clone(),
                owner: owner(&call, &identity),
                scope: scope(&call.caller, &identity),
                call,
                moment: Moment::of_request(),
            };
            execute(context, &message.name, message.arguments_json, key).await
        };
        executed.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }
}

fn server_tool(tool: &dyn Tool) -> ServerTool {
    let facts = tool.facts();
    ServerTool {
        name: facts.name.clone(),
        description: facts.description.clone(),
        parameters_json: facts.parameters.clone(),
    }
}
