//! The routes as metrics and log lines tell them apart: by their templates.

use gateway_proto::Operation;
use http::Method;

/// The routes without an RPC behind them.
const WITHOUT_RPC: [&str; 3] = ["/healthz", "/openapi.json", "/docs/errors"];
/// What is no route, and a method that a route does not have.
const OTHER: &str = "other";

/// The place of a route among all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

impl Place {
    /// The place of all that has no route.
    pub(super) const OTHER: Self = Self(Operation::ALL.len() + WITHOUT_RPC.len());
    /// How many places there are.
    pub(super) const COUNT: usize = Self::OTHER.0 + 1;

    /// The place of a route of the contract.
    pub(super) fn of(operation: Operation) -> Self {
        Self(operation as usize)
    }

    /// The place of what has no RPC behind it; a route of the contract is found by the router.
    pub(super) fn before_routing(method: &Method, path: &str) -> Self {
        let is_read = *method == Method::GET || *method == Method::HEAD;
        let found = WITHOUT_RPC.iter().position(|route| is_read && *route == path);
        found.map_or(Self::OTHER, |place| Self(Operation::ALL.len() + place))
    }

    pub(super) fn index(self) -> usize {
        self.0
    }
}

/// The method and the template of the route at a place.
pub(super) fn names(index: usize) -> (&'static str, &'static str) {
    if let Some(operation) = Operation::ALL.get(index) {
        return (operation.method(), operation.path());
    }
    match WITHOUT_RPC.get(index - Operation::ALL.len()) {
        Some(route) => ("GET", route),
        None => (OTHER, OTHER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_place_of_its_own() {
        let names: std::collections::HashSet<_> = (0..Place::COUNT).map(names).collect();
        assert_eq!(names.len(), Place::COUNT);
        for operation in Operation::ALL {
            assert_eq!(super::names(Place::of(*operation).index()), (operation.method(), operation.path()));
        }
    }

    #[test]
    fn what_has_no_route_is_all_one() {
        assert_eq!(names(Place::before_routing(&Method::GET, "/healthz").index()), ("GET", "/healthz"));
        for (method, path) in [(Method::POST, "/healthz"), (Method::GET, "/nothing"), (Method::GET, "/v1/models")] {
            assert_eq!(Place::before_routing(&method, path), Place::OTHER);
        }
    }
}
