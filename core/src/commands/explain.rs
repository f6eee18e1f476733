//! Why a token may make a call, or not.

use gateway_auth::{Token, TokenTable, Verdict};
use gateway_proto::{Access, Operation, Rpc};

use crate::gate::scopes_of;

/// Whether a token may make a call, and by which rule; an error when there is no such token or call.
pub(super) fn explain(table: &TokenTable, token_id: &str, call: &str) -> Result<String, String> {
    let token = table.token(token_id).ok_or_else(|| {
        let ids: Vec<_> = table.tokens.iter().map(|token| token.id.as_str()).collect();
        format!("there is no token '{token_id}'; there are: {}", ids.join(", "))
    })?;
    let rpc = find(call).ok_or_else(|| {
        let names: Vec<_> = Rpc::ALL.iter().map(|rpc| rpc.name()).collect();
        format!("there is no call '{call}'; there are: {}", names.join(", "))
    })?;
    let tenant = token.bound_tenant.as_ref().map_or("chosen by each request".to_owned(), ToString::to_string);
    let mut lines = vec![format!("token '{}': role {}, tenant {tenant}", token.id, token.grants.role.name())];
    let faces = Operation::ALL.iter().filter(|operation| operation.rpcs().contains(&rpc));
    let faces: Vec<_> = faces.map(|operation| format!("{} {}", operation.method(), operation.path())).collect();
    let faces = if faces.is_empty() { String::new() } else { format!(" ({})", faces.join(", ")) };
    lines.push(format!("call {}{faces}", rpc.path().trim_start_matches('/')));

    let (mut is_allowed, mut is_allowed_in_part) = (true, false);
    match rpc.access() {
        Access::Public => lines.push("  needs no token".to_owned()),
        Access::Authenticated => lines.push("  needs a token, whatever its scopes".to_owned()),
        Access::Scopes(templates) => {
            for template in templates {
                // Which scope of a template it is depends on what the message says.
                let mut held = 0;
                let scopes: Vec<_> = scopes_of(template).collect();
                for scope in &scopes {
                    let verdict = token.grants.verdict(*scope);
                    held += usize::from(matches!(verdict, Verdict::Extra | Verdict::Role));
                    lines.push(format!("  needs {}: {}", scope.name(), reason(verdict, token)));
                }
                is_allowed &= held > 0;
                is_allowed_in_part |= held < scopes.len();
            }
        }
    }
    for condition in conditions(table, token, rpc) {
        lines.push(format!("  {condition}"));
    }
    let verdict = match (is_allowed, is_allowed_in_part) {
        (false, _) => "denied: 403 forbidden\n",
        (true, true) => "allowed where its scope is held, else denied: 403 forbidden\n",
        (true, false) => "allowed\n",
    };
    lines.push(verdict.to_owned());
    Ok(lines.join("\n"))
}

/// The call of this name: an RPC, with or without its service, or a method and a path.
fn find(call: &str) -> Option<Rpc> {
    let call = call.trim_start_matches('/');
    let by_route =
        Operation::ALL.iter().find(|operation| format!("{} {}", operation.method(), operation.path()) == call);
    let by_route = by_route.map(|operation| operation.rpcs()[0]);
    by_route.or_else(|| {
        Rpc::ALL.iter().copied().find(|rpc| {
            let path = rpc.path().trim_start_matches('/');
            path == call || path.strip_suffix(call).is_some_and(|rest| rest.ends_with(['.', '/']))
        })
    })
}

fn reason(verdict: Verdict, token: &Token) -> String {
    match verdict {
        Verdict::Denied => "denied, deny_scopes takes it away".to_owned(),
        Verdict::Extra => "held, extra_scopes adds it".to_owned(),
        Verdict::Role => format!("held, the role {} has it", token.grants.role.name()),
        Verdict::Missing => format!("denied, neither the role {} nor extra_scopes has it", token.grants.role.name()),
    }
}

/// What else a request has to fulfil.
fn conditions(table: &TokenTable, token: &Token, rpc: Rpc) -> Vec<String> {
    let mut conditions = Vec::new();
    if matches!(rpc.access(), Access::Public) {
        return conditions;
    }
    match &token.bound_tenant {
        None => conditions.push("each request must name its tenant in X-Tenant-Id".to_owned()),
        Some(id) => {
            let tenant = table.tenant(id);
            if tenant.requires_user {
                conditions.push("each request must name its end user in SPASS-User-Id (require_user_id)".to_owned());
            }
        }
    }
    if let Some(scopes) = &token.scope_ids {
        conditions.push(format!("a scope in SPASS-Scope-Id must be one of {scopes:?} (scope_ids)"));
    }
    conditions
}

#[cfg(test)]
mod tests {
    use gateway_auth::parse_token_file;

    use super::*;

    const TOKENS: &str = "
tenants: [{id: acme, require_user_id: true}]
tokens:
  - {id: app, bound_tenant: acme, role: user, deny_scopes: ['conversations:write'], extra_scopes: ['usage:read'],
     scope_ids: [room-*], secrets: [{value: app-secret-of-more-than-32-characters}]}
  - {id: reads, role: readonly, secrets: [{value: reads-secret-of-more-than-32-characters}]}
";

    fn explained(token: &str, call: &str) -> String {
        explain(&parse_token_file(TOKENS).unwrap().table, token, call).unwrap_or_else(|wrong| wrong)
    }

    #[test]
    fn a_verdict_names_its_rule() {
        let denied = explained("app", "DeleteConversation");
        for part in [
            "token 'app': role user, tenant acme",
            "chatgateway.v1.ConversationService/DeleteConversation (DELETE /c1/conversations/{conversation_id})",
            "needs conversations:write: denied, deny_scopes takes it away",
            "must name its end user",
            r#"must be one of ["room-*"]"#,
            "denied: 403 forbidden",
        ] {
            assert!(denied.contains(part), "{denied}\nshould hold: {part}");
        }
        assert!(explained("app", "ChatService/CreateChatCompletion").ends_with("allowed\n"));
        assert!(explained("reads", "POST /v1/chat/completions").contains("denied, neither the role readonly nor"));
        assert!(
            explained("reads", "chatgateway.v1.ModelService/ListModels").contains("held, the role readonly has it")
        );
        let of_kinds = explained("app", "PUT /v1/system-prompts/{level}");
        assert!(of_kinds.contains("needs system_prompts:write:user: held, the role user has it"), "{of_kinds}");
        assert!(of_kinds.ends_with("allowed where its scope is held, else denied: 403 forbidden\n"), "{of_kinds}");
        assert!(explained("reads", "PutMemory").ends_with("\ndenied: 403 forbidden\n"));
        assert!(explained("reads", "GetReadiness").contains("needs no token"));
        assert!(explained("reads", "WhoAmI").contains("whatever its scopes"));
    }

    #[test]
    fn what_is_not_there_is_answered_with_what_is() {
        assert!(explained("nobody", "WhoAmI").contains("there are: app, reads"));
        assert!(explained("app", "Nothing").contains("CreateChatCompletion"));
        assert!(explained("app", "Completion").contains("there is no call"));
    }
}
