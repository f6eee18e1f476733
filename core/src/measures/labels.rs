//! Bounds how many models and tools metrics tell apart.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// The most names of each that are told apart. Those of the operator's files come first, since they are known before any
/// server is asked for its list; a list that changes at every reading does not fill the memory of whoever scrapes.
const MOST: usize = 1000;
/// What all beyond are called. Neither an alias nor a tool has a space in its name.
const OTHERS: &str = "all others";

/// The labels of this process, which outlive its catalogs as its metrics do.
static MODELS: Labels = Labels(Mutex::new(None));
static TOOLS: Labels = Labels(Mutex::new(None));

/// The name of a model in metrics: its own, or that of all beyond the most. Not for the path of every call, since it takes a
/// lock; handles are kept.
pub(crate) fn model_label(model: &str) -> String {
    MODELS.label(model)
}

/// The name of a tool in metrics, likewise.
pub(crate) fn tool_label(tool: &str) -> String {
    TOOLS.label(tool)
}

struct Labels(Mutex<Option<HashSet<String>>>);

impl Labels {
    fn label(&self, name: &str) -> String {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names = names.get_or_insert_default();
        if !names.contains(name) {
            if names.len() >= MOST {
                return OTHERS.to_owned();
            }
            names.insert(name.to_owned());
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_most_share_a_label() {
        let labels = Labels(Mutex::new(None));
        for number in 0..MOST {
            assert_eq!(labels.label(&format!("m{number}")), format!("m{number}"));
        }
        assert_eq!(labels.label("one-more"), OTHERS);
        assert_eq!(labels.label("m0"), "m0");
    }
}
