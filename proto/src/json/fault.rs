//! What can be wrong with a JSON text, and where.

use std::borrow::Cow;
use std::fmt::Write;

use crate::{ApiError, ErrorCode};

/// A fault in a JSON text. Boxed, so that the way without faults stays small.
#[derive(Debug)]
pub struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    what: What,
    /// From the inside out: each level adds its own on the way up.
    path: Vec<Step>,
}

#[derive(Debug)]
enum What {
    /// The text is not JSON that every reader understands alike.
    Syntax { message: Cow<'static, str>, offset: usize },
    /// The text is JSON and a value is not what it should be.
    Value(ApiError),
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
}

impl Fault {
    pub(super) fn syntax(message: impl Into<Cow<'static, str>>, offset: usize) -> Self {
        Self(Box::new(Parts { what: What::Syntax { message: message.into(), offset }, path: Vec::new() }))
    }

    /// The value here is wrong; `error` says why. Its `param` is relative to this place and may be absent.
    #[must_use]
    pub fn value(error: ApiError) -> Self {
        Self(Box::new(Parts { what: What::Value(error), path: Vec::new() }))
    }

    /// `invalid_field` here. The message continues the sentence that begins with the path, as in `must be a string`.
    #[must_use]
    pub fn invalid(rest_of_sentence: impl AsRef<str>) -> Self {
        // The path is known only at the top, where `into_error` puts it before the sentence.
        Self::value(ApiError::new(ErrorCode::InvalidField, rest_of_sentence.as_ref()))
    }

    /// `missing_field`: the member of this name is required here.
    #[must_use]
    pub fn missing(member: &str) -> Self {
        Self::value(ApiError::new(ErrorCode::MissingField, "is required.")).in_member(member)
    }

    /// Says that the fault is inside this member.
    #[must_use]
    pub fn in_member(mut self, name: &str) -> Self {
        self.0.path.push(Step::Member(name.to_owned()));
        self
    }

    /// Says that the fault is inside this element, counted from 0.
    #[must_use]
    pub fn in_element(mut self, index: usize) -> Self {
        self.0.path.push(Step::Element(index));
        self
    }

    /// The path of the place, as in `messages[0].content[1].image_url.url`.
    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.0.path.iter().rev() {
            match step {
                Step::Member(name) if path.is_empty() => path.push_str(name),
                Step::Member(name) => path.extend([".", name]),
                Step::Element(index) => drop(write!(path, "[{index}]")),
            }
        }
        path
    }

    /// The error for a client. `text` is what was read; `what` names it in a sentence, as in `The body`.
    #[must_use]
    pub fn into_error(self, text: &[u8], what: &str) -> ApiError {
        let path = self.path();
        match self.0.what {
            What::Syntax { message, offset } => {
                let before = &text[..offset.min(text.len())];
                let line = 1 + memchr::memchr_iter(b'\n', before).count();
                let column = 1 + before.len() - memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
                let error = ApiError::new(
                    ErrorCode::InvalidJson,
                    format!("{what} is not valid JSON: {message} at line {line}, column {column}."),
                )
                .with_metadata("line", line.to_string())
                .with_metadata("column", column.to_string());
                if path.is_empty() { error } else { error.with_param(path) }
            }
            What::Value(error) => place(error, path),
        }
    }
}

/// Puts the path before a sentence that waits for it, and makes it the param.
fn place(error: ApiError, path: String) -> ApiError {
    let waits_for_path = matches!(error.code(), ErrorCode::InvalidField | ErrorCode::MissingField);
    match (waits_for_path, path.is_empty()) {
        (true, true) => ApiError::new(error.code(), format!("The value {}", error.message())),
        (true, false) => ApiError::new(error.code(), format!("'{path}' {}", error.message())).with_param(path),
        (false, true) => error,
        (false, false) => error.with_param(path),
    }
}
