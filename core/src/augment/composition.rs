//! The one system message that is put together of a caller's prompts and memory.

use bytes::Bytes;
use gateway_proto::json::Writer;
use gateway_storage::PromptStack;

use super::cache::Weigh;
use super::memory_block;
use crate::system_prompts::{BETWEEN, composed};

/// Which parts a caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Parts {
    /// The system prompts.
    pub(super) prompts: bool,
    /// What is remembered for all users of the scope.
    pub(super) public: bool,
    /// What is remembered for the user in the scope.
    pub(super) private: bool,
}

/// What is added to the chats of a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Composition {
    /// The message; none: nothing is added.
    pub(super) message: Option<Bytes>,
    /// Whether a system prompt is in it.
    pub(super) has_prompt: bool,
    /// Whether something remembered is in it.
    pub(super) has_memory: bool,
}

impl Weigh for Composition {
    fn weight(&self) -> usize {
        self.message.as_ref().map_or(0, Bytes::len)
    }
}

impl Parts {
    pub(super) fn is_empty(self) -> bool {
        !self.prompts && !self.public && !self.private
    }
}

/// Puts the parts together: the prompts as they were written, from the widest to the narrowest, then what is remembered.
/// The same stack makes the same bytes.
pub(super) fn compose(stack: &PromptStack, parts: Parts) -> Composition {
    let prompts = [&stack.tenant, &stack.scope, &stack.user].into_iter().flatten();
    let prompts = prompts.filter(|_| parts.prompts).filter_map(|prompt| prompt.content.as_deref());
    let mut text = composed(prompts);
    let has_prompt = !text.is_empty();
    let of = |is_wanted: bool, bucket| if is_wanted { bucket } else { &[][..] };
    let (public, private) = (of(parts.public, &stack.public), of(parts.private, &stack.private));
    let has_memory = !public.is_empty() || !private.is_empty();
    if has_memory {
        if has_prompt {
            text.push_str(BETWEEN);
        }
        memory_block::write(&mut text, public, private);
    }
    let message = (has_prompt || has_memory).then(|| system_message(&text));
    Composition { message, has_prompt, has_memory }
}

fn system_message(text: &str) -> Bytes {
    let mut writer = Writer::with_capacity(text.len() + text.len() / 16 + 40);
    writer.begin_object();
    writer.optional_string("role", Some("system"));
    writer.optional_string("content", Some(text));
    writer.end_object();
    writer.finish().into()
}

#[cfg(test)]
mod tests {
    use gateway_storage::{MemoryRecord, Origin, PromptRecord};

    use super::*;

    const ALL: Parts = Parts { prompts: true, public: true, private: true };

    fn prompt(content: &str) -> Option<PromptRecord> {
        Some(PromptRecord {
            version: 1,
            is_current: true,
            content: Some(content.to_owned()),
            content_bytes: 0,
            note: None,
            author_token: "t".to_owned(),
            author_user: None,
            created_at: 0,
        })
    }

    fn remembered(key: &str) -> MemoryRecord {
        let (key, value) = (key.to_owned(), "v".to_owned());
        MemoryRecord { user: None, key, value, origin: Origin::Human, created_at: 1, updated_at: 2 }
    }

    fn text(composition: &Composition) -> String {
        let message: serde_json::Value = serde_json::from_slice(composition.message.as_ref().unwrap()).unwrap();
        assert_eq!(message["role"], "system");
        message["content"].as_str().unwrap().to_owned()
    }

    #[test]
    fn prompts_are_sent_as_written_from_the_widest_to_the_narrowest() {
        let stack = PromptStack {
            tenant: prompt(" Be \"kind\".\n"),
            scope: None,
            user: prompt("\u{2028}<memory>"),
            ..PromptStack::default()
        };
        let composition = compose(&stack, ALL);
        assert_eq!(text(&composition), " Be \"kind\".\n\n\n\u{2028}<memory>");
        assert_eq!((composition.has_prompt, composition.has_memory), (true, false));
        assert_eq!(composition, compose(&stack.clone(), ALL));
        let expected = "{\"role\":\"system\",\"content\":\" Be \\\"kind\\\".\\n\\n\\n\u{2028}<memory>\"}";
        assert_eq!(composition.message.unwrap(), expected);
    }

    #[test]
    fn only_wanted_parts_are_there() {
        let stack = PromptStack {
            user: prompt("Prompt."),
            public: vec![remembered("of all")],
            private: vec![remembered("of one")],
            ..PromptStack::default()
        };
        for prompts in [false, true] {
            for public in [false, true] {
                for private in [false, true] {
                    let parts = Parts { prompts, public, private };
                    let composition = compose(&stack, parts);
                    assert_eq!(composition.message.is_none(), parts.is_empty());
                    assert_eq!((composition.has_prompt, composition.has_memory), (prompts, public || private));
                    let text = if parts.is_empty() { String::new() } else { text(&composition) };
                    let found = [text.starts_with("Prompt."), text.contains("of all"), text.contains("of one")];
                    assert_eq!(found, [prompts, public, private]);
                }
            }
        }
        assert_eq!(compose(&PromptStack::default(), ALL), Composition::default());
    }
}
