//! SystemPromptService.

use gateway_proto::v1::system_prompt_service_server::SystemPromptService;
use gateway_proto::v1::{
    DeleteSystemPromptVersionRequest, DeleteSystemPromptVersionResponse, EffectiveSystemPrompt,
    GetEffectiveSystemPromptRequest, GetEffectiveSystemPromptResponse, GetSystemPromptRequest, GetSystemPromptResponse,
    GetSystemPromptVersionRequest, GetSystemPromptVersionResponse, ListSystemPromptVersionsRequest,
    ListSystemPromptVersionsResponse, PutSystemPromptRequest, PutSystemPromptResponse,
    SetCurrentSystemPromptVersionRequest, SetCurrentSystemPromptVersionResponse, UnsetSystemPromptRequest,
    UnsetSystemPromptResponse,
};
use gateway_proto::{ApiError, Rpc};
use gateway_storage::{NewPrompt, PromptLevel, PromptPlace, PromptRecord, Tenant};
use tonic::{Request, Response, Status, async_trait};

use super::convert::system_prompt;
use super::{Adapter, Opened, acting_scope, answered, kept};
use crate::conversations::Paging;
use crate::gate::{self, idempotency_key, owner};
use crate::system_prompts::{self, Level, Mutation, parse_version};

#[async_trait]
impl SystemPromptService for Adapter {
    async fn put_system_prompt(
        &self,
        request: Request<PutSystemPromptRequest>,
    ) -> Result<Response<PutSystemPromptResponse>, Status> {
        const RPC: Rpc = Rpc::PutSystemPrompt;
        let mut opened = self.open(request, RPC)?;
        let id = opened.call.request_id.clone();
        let put = async {
            let place = place(&opened, RPC, &opened.message.level)?;
            name_scope(&mut opened.message.scope_id, &place);
            let claim = idempotency_key(&opened.headers, RPC, &opened.message)?;
            let Opened { call, identity, message, .. } = opened;
            let new = NewPrompt {
                content: message.content,
                note: message.note,
                author_token: call.caller.token().id.clone(),
                author_user: identity.user.as_ref().map(|user| user.as_str().to_owned()),
            };
            let by = Mutation { call: &call, owner: &owner(&call, &identity), claim };
            let at = place.clone();
            let answer =
                move |record: &PromptRecord| PutSystemPromptResponse { prompt: Some(system_prompt(record, &at)) };
            answered(system_prompts::put(&self.shared, by, &place, new, kept(answer.clone())).await?, answer)
        };
        put.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }

    async fn get_system_prompt(
        &self,
        request: Request<GetSystemPromptRequest>,
    ) -> Result<Response<GetSystemPromptResponse>, Status> {
        let opened = self.open(request, Rpc::GetSystemPrompt)?;
        let found = async {
            let place = place(&opened, Rpc::GetSystemPrompt, &opened.message.level)?;
            let record = system_prompts::current(&self.shared, &place).await?;
            Ok(GetSystemPromptResponse { prompt: Some(system_prompt(&record, &place)) })
        };
        found.await.map(Response::new).map_err(|error| self.fail(&opened.call.request_id, error))
    }

    async fn unset_system_prompt(
        &self,
        request: Request<UnsetSystemPromptRequest>,
    ) -> Result<Response<UnsetSystemPromptResponse>, Status> {
        const RPC: Rpc = Rpc::UnsetSystemPrompt;
        let mut opened = self.open(request, RPC)?;
        let id = opened.call.request_id.clone();
        let unset = async {
            let place = place(&opened, RPC, &opened.message.level)?;
            name_scope(&mut opened.message.scope_id, &place);
            let claim = idempotency_key(&opened.headers, RPC, &opened.message)?;
            let Opened { call, identity, .. } = opened;
            let by = Mutation { call: &call, owner: &owner(&call, &identity), claim };
            let answer = kept(|_: &bool| UnsetSystemPromptResponse {});
            system_prompts::unset(&self.shared, by, &place, answer).await
        };
        let unset = unset.await.map_err(|error| self.fail(&id, error));
        unset.map(|()| Response::new(UnsetSystemPromptResponse {}))
    }

    async fn list_system_prompt_versions(
        &self,
        request: Request<ListSystemPromptVersionsRequest>,
    ) -> Result<Response<ListSystemPromptVersionsResponse>, Status> {
        let opened = self.open(request, Rpc::ListSystemPromptVersions)?;
        let listed = async {
            let place = place(&opened, Rpc::ListSystemPromptVersions, &opened.message.level)?;
            let paging = Paging { limit: opened.message.limit, offset: opened.message.offset };
            let (listed, slice) = system_prompts::list(&self.shared, &place, paging).await?;
            Ok(ListSystemPromptVersionsResponse {
                items: listed.items.iter().map(|record| system_prompt(record, &place)).collect(),
                total: i64::try_from(listed.total).unwrap_or(i64::MAX),
                limit: slice.limit.into(),
                offset: slice.offset.into(),
            })
        };
        listed.await.map(Response::new).map_err(|error| self.fail(&opened.call.request_id, error))
    }

    async fn get_system_prompt_version(
        &self,
        request: Request<GetSystemPromptVersionRequest>,
    ) -> Result<Response<GetSystemPromptVersionResponse>, Status> {
        let opened = self.open(request, Rpc::GetSystemPromptVersion)?;
        let found = async {
            let place = place(&opened, Rpc::GetSystemPromptVersion, &opened.message.level)?;
            let version = parse_version(opened.message.version)?;
            let record = system_prompts::version(&self.shared, &place, version).await?;
            Ok(GetSystemPromptVersionResponse { prompt: Some(system_prompt(&record, &place)) })
        };
        found.await.map(Response::new).map_err(|error| self.fail(&opened.call.request_id, error))
    }

    async fn set_current_system_prompt_version(
        &self,
        request: Request<SetCurrentSystemPromptVersionRequest>,
    ) -> Result<Response<SetCurrentSystemPromptVersionResponse>, Status> {
        const RPC: Rpc = Rpc::SetCurrentSystemPromptVersion;
        let mut opened = self.open(request, RPC)?;
        let id = opened.call.request_id.clone();
        let set = async {
            let place = place(&opened, RPC, &opened.message.level)?;
            name_scope(&mut opened.message.scope_id, &place);
            let claim = idempotency_key(&opened.headers, RPC, &opened.message)?;
            let Opened { call, identity, message, .. } = opened;
            let version = parse_version(message.version)?;
            let by = Mutation { call: &call, owner: &owner(&call, &identity), claim };
            let at = place.clone();
            let answer = move |record: &PromptRecord| SetCurrentSystemPromptVersionResponse {
                prompt: Some(system_prompt(record, &at)),
            };
            let set = system_prompts::set_current(&self.shared, by, &place, version, kept(answer.clone())).await?;
            answered(set, answer)
        };
        set.await.map(Response::new).map_err(|error| self.fail(&id, error))
    }

    async fn delete_system_prompt_version(
        &self,
        request: Request<DeleteSystemPromptVersionRequest>,
    ) -> Result<Response<DeleteSystemPromptVersionResponse>, Status> {
        const RPC: Rpc = Rpc::DeleteSystemPromptVersion;
        let mut opened = self.open(request, RPC)?;
        let id = opened.call.request_id.clone();
        let deleted = async {
            let place = place(&opened, RPC, &opened.message.level)?;
            name_scope(&mut opened.message.scope_id, &place);
            let claim = idempotency_key(&opened.headers, RPC, &opened.message)?;
            let Opened { call, identity, message, .. } = opened;
            let version = parse_version(message.version)?;
            let by = Mutation { call: &call, owner: &owner(&call, &identity), claim };
            let answer = kept(|(): &()| DeleteSystemPromptVersionResponse {});
            system_prompts::delete(&self.shared, by, &place, version, answer).await
        };
        let deleted = deleted.await.map_err(|error| self.fail(&id, error));
        deleted.map(|()| Response::new(DeleteSystemPromptVersionResponse {}))
    }

    async fn get_effective_system_prompt(
        &self,
        request: Request<GetEffectiveSystemPromptRequest>,
    ) -> Result<Response<GetEffectiveSystemPromptResponse>, Status> {
        let Opened { call, identity, .. } = self.open(request, Rpc::GetEffectiveSystemPrompt)?;
        let owner = owner(&call, &identity);
        // A token that may not act in the usual scope gets chats without what belongs to it.
        let scope = gate::scope(&call.caller, &identity);
        let scope = scope.map(|scope| scope.as_str().into());
        let grants = call.caller.token().grants;
        let effective = system_prompts::effective(&self.shared, &owner, scope, |level| grants.hold(level.read_scope()));
        let effective = effective.await.map_err(|error| self.fail(&call.request_id, error))?;
        let levels = effective.levels.iter().map(|(place, record)| system_prompt(record, place)).collect();
        let effective = EffectiveSystemPrompt { levels, content: effective.content };
        Ok(Response::new(GetEffectiveSystemPromptResponse { effective: Some(effective) }))
    }
}

/// The place of the system prompt that a call reaches.
fn place<M>(opened: &Opened<M>, rpc: Rpc, level: &str) -> Result<PromptPlace, ApiError> {
    let level = match Level::parse(level)? {
        Level::Tenant => PromptLevel::Tenant,
        Level::Scope => PromptLevel::Scope(acting_scope(opened, rpc)?.as_str().into()),
        Level::User => PromptLevel::User(owner(&opened.call, &opened.identity).user),
    };
    Ok(PromptPlace { tenant: Tenant::new(opened.call.caller.tenant().id.as_str()), level })
}

/// Names the scope of a place in the message, whichever way it was named: in another one it is another request.
fn name_scope(scope_id: &mut String, place: &PromptPlace) {
    if let PromptLevel::Scope(scope) = &place.level {
        scope.as_ref().clone_into(scope_id);
    }
}
