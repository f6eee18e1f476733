//! All RPCs and all HTTP routes with an RPC behind them, made by the build from the options on the RPCs.
//!
//! The core's gate and the edge's handlers match exhaustively over these enums, so that an RPC without access or a
//! route without a handler does not compile.

/// Who may call an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a token.
    Public,
    /// Any valid token; the gate does not charge the limiter.
    Authenticated,
    /// A valid token that holds these scopes, each of which may name a request field in braces.
    Scopes(&'static [&'static str]),
}

#[derive(Debug)]
struct RpcFacts {
    name: &'static str,
    path: &'static str,
    service: &'static str,
    streams: bool,
    access: Access,
}

#[derive(Debug)]
struct OperationFacts {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    rpcs: &'static [Rpc],
    description: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/route_table.rs"));

impl Rpc {
    /// Every RPC, service by service.
    pub const ALL: &'static [Self] = &RPCS;

    const fn facts(self) -> &'static RpcFacts {
        &RPC_FACTS[self as usize]
    }

    /// The RPC's own name, as in `CreateChatCompletion`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// The path on the gRPC wire, as in `/chatgateway.v1.ChatService/CreateChatCompletion`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.facts().path
    }

    /// The full name of its service.
    #[must_use]
    pub const fn service(self) -> &'static str {
        self.facts().service
    }

    /// Whether its answer is a stream.
    #[must_use]
    pub const fn streams(self) -> bool {
        self.facts().streams
    }

    /// Who may call it.
    #[must_use]
    pub const fn access(self) -> Access {
        self.facts().access
    }

    /// Whether it only reads: each scope that it needs is one of reading.
    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self.access(), Access::Scopes(scopes) if scopes.iter().all(|scope| scope.contains(":read")))
    }

    /// The id of the HTTP route that leads to it, as in `createTurn`: of several the first. Unary and stream of one
    /// thing share it. For an RPC without one, its own path.
    #[must_use]
    pub fn route(self) -> &'static str {
        let operation = Operation::ALL.iter().find(|operation| operation.rpcs().contains(&self));
        operation.map_or(self.path(), |operation| operation.id())
    }

    /// The RPC with this path on the gRPC wire.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rpc| rpc.path() == path)
    }
}

impl Operation {
    /// Every HTTP route with an RPC behind it.
    pub const ALL: &'static [Self] = &OPERATIONS;

    const fn facts(self) -> &'static OperationFacts {
        &OPERATION_FACTS[self as usize]
    }

    /// The operation id in the OpenAPI document.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.facts().id
    }

    /// The HTTP method, in upper case.
    #[must_use]
    pub const fn method(self) -> &'static str {
        self.facts().method
    }

    /// The path template of `google.api.http`, as in `/v1/models/{alias=**}`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.facts().path
    }

    /// The RPCs behind it; unary and stream of one thing share a route.
    #[must_use]
    pub const fn rpcs(self) -> &'static [Rpc] {
        self.facts().rpcs
    }

    /// Who may call it: all RPCs of a route agree, which a test holds.
    #[must_use]
    pub const fn access(self) -> Access {
        self.rpcs()[0].access()
    }

    /// What it does: the first RPC's comment.
    #[must_use]
    pub const fn description(self) -> &'static str {
        self.facts().description
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rpcs_of_a_route_agree_on_access() {
        for operation in Operation::ALL {
            for rpc in operation.rpcs() {
                assert_eq!(rpc.access(), operation.access(), "{}", operation.id());
            }
        }
    }

    #[test]
    fn every_rpc_is_found_by_its_path() {
        for rpc in Rpc::ALL {
            assert_eq!(Rpc::from_path(rpc.path()), Some(*rpc));
            assert_eq!(rpc.path(), format!("/{}/{}", rpc.service(), rpc.name()));
        }
        assert_eq!(Rpc::from_path("/chatgateway.v1.ChatService/Nothing"), None);
    }
}
