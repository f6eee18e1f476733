//! STUB

use axum::response::Response;

use super::Inbound;
use crate::error::Failure;
use crate::state::Edge;

pub(crate) async fn list(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn execute(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}
