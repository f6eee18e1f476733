//! What a message wants of memory, read from a few English phrases.

/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 64;
/// How many words of a fact that has no "is" make its key.
const KEY_WORDS: usize = 4;

const POLITE: &[&str] = &["please", "can you", "could you", "will you", "would you"];
/// What stands between the thing and what is said of it.
const BETWEEN: &[&str] = &[" is called ", " are called ", " is named ", " are named ", " is ", " are ", ": ", " = "];
const TO_ALL: &[&str] = &["for everyone", "for everybody", "for all of us", "publicly"];
const WHAT_IS: &[&str] = &["what is", "what's", "what are", "who is", "who are", "where is", "where are", "when is"];
/// What a question about a thing that might have been told begins with; others are no business of memory.
const TOLD: &[&str] = &["my", "our", "the"];
const CALLED: &[&str] = &[" called", " named"];

/// What a message wants of memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Remember {
        key: String,
        value: String,
        visibility: &'static str,
    },
    /// Without a key: everything.
    Recall {
        key: Option<String>,
    },
    Forget {
        key: String,
        visibility: &'static str,
    },
    /// That what was to be confirmed is.
    Confirm,
}

impl Wish {
    /// Reads a message; none when it has nothing to do with memory.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = after_all(text.trim(), POLITE);
        if let Some(fact) = after(text, "remember") {
            return Self::remember(fact);
        }
        if let Some(thing) = after(text, "forget") {
            let (thing, visibility) = audience(thing);
            let thing = after_all(thing, &["about", "that", "what"]);
            let thing = split(thing).map_or(thing, |(thing, _)| thing);
            return Some(Self::Forget { key: key(thing)?, visibility });
        }
        if let Some(thing) = after_any(text, &["what do you remember", "do you remember", "recall"]) {
            return Some(Self::Recall { key: key(after_all(thing, &["about", "what"])) });
        }
        if let Some(thing) = after_any(text, WHAT_IS).filter(|thing| after_any(thing, TOLD).is_some()) {
            return Some(Self::Recall { key: key(thing) });
        }
        let text = text.trim_end_matches(is_end);
        ["yes", "confirm", "yes, confirm"].iter().any(|yes| yes.eq_ignore_ascii_case(text)).then_some(Self::Confirm)
    }

    fn remember(fact: &str) -> Option<Self> {
        let (fact, visibility) = audience(fact);
        let fact = after_all(fact, &["that"]);
        let said = fact.trim_end_matches(is_end);
        if let Some((thing, value)) = split(said) {
            return Some(Self::Remember { key: key(thing)?, value: unquoted(value.trim()).to_owned(), visibility });
        }
        if fact.ends_with('?') {
            return Some(Self::Recall { key: key(said) });
        }
        let words: Vec<_> = said.split_whitespace().take(KEY_WORDS).collect();
        Some(Self::Remember { key: key(&words.join(" "))?, value: said.to_owned(), visibility })
    }
}

/// What comes after a phrase that the text begins with, in whichever case.
fn after<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    let (begin, rest) = text.split_at_checked(phrase.len())?;
    let ends = !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '\'' | '_'));
    (ends && begin.eq_ignore_ascii_case(phrase))
        .then(|| rest.trim_start_matches(|next: char| next.is_whitespace() || matches!(next, ':' | ',')))
}

fn after_any<'a>(text: &'a str, phrases: &[&str]) -> Option<&'a str> {
    phrases.iter().find_map(|phrase| after(text, phrase))
}

/// What is left when all of the phrases are gone that the text begins with.
fn after_all<'a>(text: &'a str, phrases: &[&str]) -> &'a str {
    let mut text = text;
    while let Some(rest) = after_any(text, phrases) {
        text = rest;
    }
    text
}

/// Takes off whom it is for, which may stand in front or at the end.
fn audience(text: &str) -> (&str, &'static str) {
    if let Some(rest) = after_any(text, TO_ALL) {
        return (rest, "public");
    }
    let end = text.trim_end_matches(is_end);
    let before = TO_ALL.iter().find_map(|phrase| {
        let (rest, last) = end.split_at_checked(end.len().checked_sub(phrase.len())?)?;
        (last.eq_ignore_ascii_case(phrase) && rest.ends_with(' ')).then(|| rest.trim_end_matches([' ', ',']))
    });
    before.map_or((text, "private"), |rest| (rest, "public"))
}

/// The thing and what is said of it.
fn split(fact: &str) -> Option<(&str, &str)> {
    let lower = fact.to_ascii_lowercase();
    let places = BETWEEN.iter().filter_map(|between| Some((lower.find(between)?, between.len())));
    // Where two begin at one place, the longer one is meant.
    let (begin, length) = places.min_by_key(|(begin, length)| (*begin, usize::MAX - length))?;
    Some((&fact[..begin], &fact[begin + length..]))
}

/// A short name for a thing; none when nothing is left of it.
fn key(thing: &str) -> Option<String> {
    let thing = thing.trim().trim_end_matches(is_end).to_lowercase();
    let thing = CALLED.iter().find_map(|called| thing.strip_suffix(called)).unwrap_or(&thing);
    let key: String = unquoted(thing.trim()).chars().take(MAX_KEY_CHARS).collect();
    Some(key.trim().to_owned()).filter(|key| !key.is_empty())
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn is_end(last: char) -> bool {
    last.is_whitespace() || matches!(last, '.' | '!' | '?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_understood() {
        let remember = |key: &str, value: &str, visibility| {
            Some(Wish::Remember { key: key.to_owned(), value: value.to_owned(), visibility })
        };
        let recall = |key: Option<&str>| Some(Wish::Recall { key: key.map(str::to_owned) });
        let forget = |key: &str, visibility| Some(Wish::Forget { key: key.to_owned(), visibility });
        for (text, wish) in [
            ("Remember that my cat is called Mia.", remember("my cat", "Mia", "private")),
            ("please remember: the wifi code is 1234", remember("the wifi code", "1234", "private")),
            ("Remember the WiFi code: 12.34", remember("the wifi code", "12.34", "private")),
            ("can you remember that my name is \"Ann Lee\"?", remember("my name", "Ann Lee", "private")),
            ("remember for everyone that lunch is at 12", remember("lunch", "at 12", "public")),
            ("remember publicly: the door is green", remember("the door", "green", "public")),
            ("Remember that the office is closed, for everyone!", remember("the office", "closed", "public")),
            ("remember I like green tea a lot", remember("i like green tea", "I like green tea a lot", "private")),
            ("can you remember my cat's name?", recall(Some("my cat's name"))),
            ("what is my cat called?", recall(Some("my cat"))),
            ("What's the wifi code?", recall(Some("the wifi code"))),
            ("Do you remember the wifi code?", recall(Some("the wifi code"))),
            ("what do you remember?", recall(None)),
            ("what do you remember about my cat?", recall(Some("my cat"))),
            ("recall the wifi code", recall(Some("the wifi code"))),
            ("recall", recall(None)),
            ("forget the wifi code", forget("the wifi code", "private")),
            ("Please forget what my cat is called.", forget("my cat", "private")),
            ("forget lunch for everyone", forget("lunch", "public")),
            ("yes", Some(Wish::Confirm)),
            ("Yes, confirm.", Some(Wish::Confirm)),
            ("forget", None),
            ("remember", None),
            ("What is 2 + 2?", None),
            ("I remember that my cat is called Mia", None),
            ("Hello", None),
            ("", None),
            ("\u{1f408}", None),
        ] {
            assert_eq!(Wish::read(text), wish, "{text}");
        }
    }
}
