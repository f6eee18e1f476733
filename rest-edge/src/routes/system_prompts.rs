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

pub(crate) async fn unset(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn list(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn get_version(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn set_current(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn delete(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}

pub(crate) async fn effective(_: Edge, _: Inbound) -> Result<Response, Failure> {
    todo!()
}
