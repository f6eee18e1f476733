//! An estimate of how many tokens a message costs, made without the model's own tokenizer.
//!
//! A token of English or of code is about four bytes; a character outside ASCII counts as a token of its own, which is
//! near the truth for Chinese and too much for German; an image in the message counts as a fixed number whatever its
//! size, since its base64 is not what the model reads; and each message has a little on top for its frame. The estimate
//! is meant to be a little high: what is left out too early costs less than a request that the model refuses.

use bytes::Bytes;
use memchr::memmem;

/// What frames a message.
const FRAME: u64 = 4;
/// What an image in detail costs at the large providers, about.
const IMAGE: u64 = 1024;
/// As many bytes are counted together: no count of them is more than a byte can hold.
const PIECE: usize = 128;
/// How an image within a message begins.
const DATA_URI: &[u8] = b"\"data:";

/// About how many tokens these JSON texts cost.
#[must_use]
pub fn estimate<'a>(texts: impl IntoIterator<Item = &'a Bytes>) -> u64 {
    let of_text = |text: &Bytes| {
        let mut count = TokenCount::default();
        count.json(text);
        FRAME + count.tokens()
    };
    texts.into_iter().map(of_text).sum()
}

/// A count of text that comes in pieces, so that what is rounded is the whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenCount {
    ascii: u64,
    others: u64,
    images: u64,
}

impl TokenCount {
    /// Counts a piece of text.
    pub fn text(&mut self, text: &[u8]) {
        // In pieces that can be counted in single bytes, of which the processor takes many at once.
        for piece in text.chunks(PIECE) {
            let count = |counts: fn(u8) -> bool| piece.iter().map(|byte| u8::from(counts(*byte))).sum::<u8>();
            self.ascii += u64::from(count(|byte| byte.is_ascii()));
            // The first byte of each character, and not those that go on with it.
            self.others += u64::from(count(|byte| byte >= 0xC0));
        }
    }

    /// Counts a piece of JSON, in which there may be images.
    pub fn json(&mut self, mut text: &[u8]) {
        while let Some(begin) = memmem::find(text, DATA_URI) {
            let rest = &text[begin + DATA_URI.len()..];
            // A data URI holds no escape, so that the next quote ends it.
            let end = memchr::memchr(b'"', rest).unwrap_or(rest.len());
            self.images += 1;
            self.text(&text[..begin]);
            text = &rest[end..];
        }
        self.text(text);
    }

    /// About how many tokens that is.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.ascii.div_ceil(4) + self.others + self.images * IMAGE
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> u64 {
        estimate([&Bytes::from(text.to_owned())])
    }

    #[test]
    fn text_counts_by_what_it_is_written_in() {
        assert_eq!(of(""), 4);
        assert_eq!(of("12345678"), 6);
        assert_eq!(of("日本語"), 7);
        assert_eq!(estimate(&[Bytes::from_static(b"1234"), Bytes::from_static(b"1")]), 10);
    }

    #[test]
    fn an_image_counts_the_same_whatever_its_size() {
        let image = |size| format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "A".repeat(size));
        assert_eq!(of(&image(4)), of(&image(1 << 20)));
        assert!(of(&image(4)) > IMAGE);
    }
}
