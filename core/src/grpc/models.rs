//! ModelService.

use gateway_proto::Rpc;
use gateway_proto::v1::model_service_server::ModelService;
use gateway_proto::v1::{GetModelRequest, GetModelResponse, ListModelsRequest, ListModelsResponse};
use tonic::{Request, Response, Status, async_trait};

use super::{Adapter, Opened, convert};

#[async_trait]
impl ModelService for Adapter {
    async fn list_models(&self, request: Request<ListModelsRequest>) -> Result<Response<ListModelsResponse>, Status> {
        let Opened { call, .. } = self.open(request, Rpc::ListModels)?;
        let catalog = self.shared.catalog().load();
        let models = catalog.models_of(call.caller.tenant()).map(|model| convert::model(model)).collect();
        Ok(Response::new(ListModelsResponse { models }))
    }

    async fn get_model(&self, request: Request<GetModelRequest>) -> Result<Response<GetModelResponse>, Status> {
        let Opened { call, message, .. } = self.open(request, Rpc::GetModel)?;
        let catalog = self.shared.catalog().load();
        let found = catalog.find(call.caller.tenant(), &message.alias).map(|model| convert::model(model));
        let model = found.map_err(|error| self.fail(&call.request_id, error))?;
        Ok(Response::new(GetModelResponse { model: Some(model) }))
    }
}
