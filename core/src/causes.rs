//! Errors with what caused them, for the log.

use std::error::Error;

/// What caused an error, and what caused that; empty without a cause.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
