//! JSON strings: finding their end, judging their escapes, and taking these away.

use std::borrow::Cow;

use super::fault::Fault;

/// Checks that bytes are UTF-8, once for a whole text.
pub fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::syntax("the text is not UTF-8", error.valid_up_to()))
}

/// A string as it was written, quotes and escapes included, and known to be valid.
#[derive(Clone, Copy, Debug)]
pub struct RawString<'a> {
    quoted: &'a str,
    has_escapes: bool,
}

impl<'a> RawString<'a> {
    /// The string with its quotes and escapes.
    #[must_use]
    pub fn quoted(self) -> &'a str {
        self.quoted
    }

    /// The string itself; borrowed unless it has escapes.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        let inner = &self.quoted[1..self.quoted.len() - 1];
        if self.has_escapes { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
    }

    /// Whether it has no characters.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.quoted.len() == 2
    }

    /// Reads the string whose opening quote is at `start`.
    pub(super) fn scan(text: &'a str, start: usize) -> Result<Self, Fault> {
        let bytes = text.as_bytes();
        let mut position = start + 1;
        let mut has_escapes = false;
        loop {
            let rest = &bytes[position..];
            let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(Fault::syntax("a string is not closed", bytes.len()));
            };
            if has_control(&rest[..length]) {
                let offset = rest.iter().position(|byte| *byte < 0x20).unwrap_or_default();
                return Err(Fault::syntax("a control character in a string must be escaped", position + offset));
            }
            position += length;
            if bytes[position] == b'"' {
                return Ok(Self { quoted: &text[start..=position], has_escapes });
            }
            has_escapes = true;
            position += escape_length(bytes, position)?;
        }
    }
}

/// Without a branch per byte, so that the compiler can look at many bytes at once.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, byte| found | (*byte < 0x20))
}

/// The length of the escape at `position`, a surrogate pair taken as one.
fn escape_length(bytes: &[u8], position: usize) -> Result<usize, Fault> {
    match bytes.get(position + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
        Some(b'u') => match code_unit(bytes, position)? {
            0xd800..=0xdbff => match (bytes.get(position + 6..position + 8), code_unit(bytes, position + 6)) {
                (Some(b"\\u"), Ok(0xdc00..=0xdfff)) => Ok(12),
                _ => Err(Fault::syntax("a lone surrogate is not a character", position)),
            },
            0xdc00..=0xdfff => Err(Fault::syntax("a lone surrogate is not a character", position)),
            _ => Ok(6),
        },
        _ => Err(Fault::syntax("there is no such escape", position)),
    }
}

/// The number that the escape of four hexadecimal digits at `position` stands for.
fn code_unit(bytes: &[u8], position: usize) -> Result<u32, Fault> {
    let digits = bytes.get(position + 2..position + 6).unwrap_or_default();
    if digits.len() < 4 {
        return Err(Fault::syntax("\\u needs four hexadecimal digits", position));
    }
    digits.iter().try_fold(0, |number, digit| {
        let digit = char::from(*digit).to_digit(16);
        digit
            .map(|digit| number * 16 + digit)
            .ok_or_else(|| Fault::syntax("\\u needs four hexadecimal digits", position))
    })
}

/// Takes the escapes of a valid string away.
fn unescape(inner: &str) -> String {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(backslash) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..backslash]);
        let escape = &rest.as_bytes()[backslash..];
        let mut length = 2;
        text.push(match escape.get(1) {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let (character, taken) = unicode_escape(escape);
                length = taken;
                character
            }
            Some(other) => char::from(*other),
            None => char::REPLACEMENT_CHARACTER,
        });
        rest = &rest[backslash + length..];
    }
    text.push_str(rest);
    text
}

/// The character of a valid escape of four hexadecimal digits or of a surrogate pair, and the length of its spelling.
fn unicode_escape(escape: &[u8]) -> (char, usize) {
    let high = code_unit(escape, 0).unwrap_or_default();
    if (0xd800..0xdc00).contains(&high) {
        let low = code_unit(escape, 6).unwrap_or_default();
        let number = 0x10000 + ((high - 0xd800) << 10) + (low & 0x3ff);
        return (char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}
