//! `POST /v1/chat/completions` and ChatService.

mod answers;
mod leaving;
mod pass_through;
mod upstream_faults;
mod validation;
