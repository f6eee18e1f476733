//! SystemPromptService.

use gateway_proto::v1::system_prompt_service_server::SystemPromptService;
use gateway_proto::v1::{
    DeleteSystemPromptVersionRequest, DeleteSystemPromptVersionResponse, GetEffectiveSystemPromptRequest,
    GetEffectiveSystemPromptResponse, GetSystemPromptRequest, GetSystemPromptResponse, GetSystemPromptVersionRequest,
    GetSystemPromptVersionResponse, ListSystemPromptVersionsRequest, ListSystemPromptVersionsResponse,
    PutSystemPromptRequest, PutSystemPromptResponse, SetCurrentSystemPromptVersionRequest,
    SetCurrentSystemPromptVersionResponse, UnsetSystemPromptRequest, UnsetSystemPromptResponse,
};
use tonic::{Request, Response, Status, async_trait};

use super::Adapter;

#[async_trait]
impl SystemPromptService for Adapter {
    async fn put_system_prompt(
        &self,
        _: Request<PutSystemPromptRequest>,
    ) -> Result<Response<PutSystemPromptResponse>, Status> {
        todo!()
    }

    async fn get_system_prompt(
        &self,
        _: Request<GetSystemPromptRequest>,
    ) -> Result<Response<GetSystemPromptResponse>, Status> {
        todo!()
    }

    async fn unset_system_prompt(
        &self,
        _: Request<UnsetSystemPromptRequest>,
    ) -> Result<Response<UnsetSystemPromptResponse>, Status> {
        todo!()
    }

    async fn list_system_prompt_versions(
        &self,
        _: Request<ListSystemPromptVersionsRequest>,
    ) -> Result<Response<ListSystemPromptVersionsResponse>, Status> {
        todo!()
    }

    async fn get_system_prompt_version(
        &self,
        _: Request<GetSystemPromptVersionRequest>,
    ) -> Result<Response<GetSystemPromptVersionResponse>, Status> {
        todo!()
    }

    async fn set_current_system_prompt_version(
        &self,
        _: Request<SetCurrentSystemPromptVersionRequest>,
    ) -> Result<Response<SetCurrentSystemPromptVersionResponse>, Status> {
        todo!()
    }

    async fn delete_system_prompt_version(
        &self,
        _: Request<DeleteSystemPromptVersionRequest>,
    ) -> Result<Response<DeleteSystemPromptVersionResponse>, Status> {
        todo!()
    }

    async fn get_effective_system_prompt(
        &self,
        _: Request<GetEffectiveSystemPromptRequest>,
    ) -> Result<Response<GetEffectiveSystemPromptResponse>, Status> {
        todo!()
    }
}
