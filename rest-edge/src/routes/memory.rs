//! STUB

use axum::response::Response;

use super::Inbound;
use crate::error::Failure;
use crate::state::Edge;

pub(crate) async fn put(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn get(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn list(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn delete(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn delete_by_origin(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn usage(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}
