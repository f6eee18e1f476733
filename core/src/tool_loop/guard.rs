//! Notices when a model repeats itself.

use std::collections::HashSet;

use serde_json::Value;

/// The calls of the steps so far.
#[derive(Debug, Default)]
pub(super) struct Guard {
    seen: HashSet<Signature>,
}

/// A tool with its arguments, however they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Signature {
    tool: String,
    arguments: String,
}

impl Signature {
    /// That of a call.
    pub(super) fn of(tool: &str, arguments: &str) -> Self {
        // The order of members and the white space between them make no other call.
        let canonical = serde_json::from_str::<Value>(arguments).map(|value| value.to_string());
        Self { tool: tool.to_owned(), arguments: canonical.unwrap_or_else(|_| arguments.to_owned()) }
    }
}

impl Guard {
    /// Whether one of the calls of this step was made in an earlier one.
    pub(super) fn is_repeated(&self, step: &[Signature]) -> bool {
        step.iter().any(|call| self.seen.contains(call))
    }

    /// Takes note of a step.
    pub(super) fn note(&mut self, step: impl IntoIterator<Item = Signature>) {
        self.seen.extend(step);
    }

    /// Forgets the calls of these tools, which may give something else now.
    pub(super) fn forget(&mut self, is_stale: impl Fn(&str) -> bool) {
        self.seen.retain(|call| !is_stale(&call.tool));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_is_known_however_it_is_written() {
        let mut guard = Guard::default();
        guard.note([Signature::of("recall", r#"{"key":"a","visibility":"private"}"#)]);
        assert!(guard.is_repeated(&[Signature::of("recall", r#"{ "visibility" : "private", "key" : "\u0061" }"#)]));
        assert!(!guard.is_repeated(&[Signature::of("recall", r#"{"key":"b","visibility":"private"}"#)]));
        assert!(!guard.is_repeated(&[Signature::of("forget", r#"{"key":"a","visibility":"private"}"#)]));
    }

    #[test]
    fn broken_arguments_are_themselves() {
        let mut guard = Guard::default();
        guard.note([Signature::of("recall", "{broken")]);
        assert!(guard.is_repeated(&[Signature::of("recall", "{broken")]));
        assert!(!guard.is_repeated(&[Signature::of("recall", "{broken ")]));
    }

    #[test]
    fn what_may_give_something_else_is_forgotten() {
        let mut guard = Guard::default();
        guard.note([Signature::of("recall", "{}"), Signature::of("remember", "{}")]);
        guard.forget(|tool| tool == "recall");
        assert!(!guard.is_repeated(&[Signature::of("recall", "{}")]));
        assert!(guard.is_repeated(&[Signature::of("remember", "{}")]));
    }
}
