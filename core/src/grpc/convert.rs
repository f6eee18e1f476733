//! Between the contract's messages and what the core works with.

mod json_form;
mod model;

pub(super) use json_form::json_request;
pub(super) use model::model;
