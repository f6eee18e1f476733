//! Whether a token may make a call.

use gateway_auth::{Caller, Scope, ScopeId};
use gateway_proto::{Access, Rpc};

/// Why a token may not make a call. It is for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withheld {
    /// The token lacks this scope.
    Scope(&'static str),
    /// The token may not act in the scope of memory and prompts that the request names, or that it would act in.
    ScopeId,
}

/// Whether the caller's token may make a call, in the scope of memory and prompts that it names. A call that its message
/// makes one of several kinds may be made when the token may make any of them.
pub fn permit(caller: &Caller, rpc: Rpc, scope: Option<&ScopeId>) -> Result<(), Withheld> {
    let token = caller.token();
    let is_withheld = |template: &&str| !scopes_of(template).any(|scope| token.grants.hold(scope));
    if let Some(template) = needed(rpc).iter().copied().find(is_withheld) {
        return Err(Withheld::Scope(template));
    }
    if scope.is_some_and(|scope| !token.may_name(scope)) { Err(Withheld::ScopeId) } else { Ok(()) }
}

/// Whether the caller's token may make a call of this kind: what stands in its message for the variable of the scopes
/// that it needs.
pub fn permit_kind(caller: &Caller, rpc: Rpc, kind: &str) -> Result<(), Withheld> {
    let grants = caller.token().grants;
    for template in needed(rpc) {
        let is_of_kind = |scope: &Scope| !template.contains('{') || scope.name().rsplit(':').next() == Some(kind);
        // A kind of which there is no scope is held by nobody.
        let scope = scopes_of(template).find(is_of_kind);
        if !scope.is_some_and(|scope| grants.hold(scope)) {
            return Err(Withheld::Scope(scope.map_or(template, Scope::name)));
        }
    }
    Ok(())
}

/// The scopes that a template stands for: `memory:write:{visibility}` for each visibility, and one without a variable for
/// itself.
pub(crate) fn scopes_of(template: &str) -> impl Iterator<Item = Scope> {
    let beginning = template.split('{').next().unwrap_or(template);
    let is_whole = beginning.len() == template.len();
    let is_meant =
        move |scope: &Scope| if is_whole { scope.name() == template } else { scope.name().starts_with(beginning) };
    Scope::ALL.iter().copied().filter(is_meant)
}

fn needed(rpc: Rpc) -> &'static [&'static str] {
    match rpc.access() {
        Access::Public | Access::Authenticated => &[],
        Access::Scopes(needed) => needed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_that_an_rpc_names_exists() {
        for rpc in Rpc::ALL {
            for template in needed(*rpc) {
                assert!(scopes_of(template).next().is_some(), "{} needs {template}", rpc.name());
                // What stands for the variable is the last part of the scope's name.
                assert!(!template.contains('{') || template.split(":{").count() == 2, "{template}");
                assert!(!template.contains('{') || template.ends_with('}'), "{template}");
            }
        }
    }

    #[test]
    fn a_template_stands_for_all_of_its_scopes() {
        let names = |template| scopes_of(template).map(Scope::name).collect::<Vec<_>>();
        assert_eq!(names("memory:write:{visibility}"), ["memory:write:private", "memory:write:public"]);
        assert_eq!(names("chat:write"), ["chat:write"]);
        assert!(names("nothing:{level}").is_empty());
    }
}
