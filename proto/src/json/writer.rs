//! Appends JSON text to one buffer; commas come by themselves.

use std::io::Write;

/// Writes one JSON text from front to end.
#[derive(Debug, Default)]
pub struct Writer {
    text: Vec<u8>,
    /// Whether a comma belongs before the next value or name.
    comma_due: bool,
}

impl Writer {
    /// A writer with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), comma_due: false }
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.text
    }

    /// Takes out the text so far; what is written next continues it.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.text)
    }

    /// How many bytes were written.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Writes what frames a JSON text and is none itself; what is written next is a text of its own.
    pub fn frame(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
        self.comma_due = false;
    }

    /// Opens an object.
    pub fn begin_object(&mut self) {
        self.begin(b'{');
    }

    /// Closes an object.
    pub fn end_object(&mut self) {
        self.end(b'}');
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.begin(b'[');
    }

    /// Closes an array.
    pub fn end_array(&mut self) {
        self.end(b']');
    }

    /// Writes the name of the next value. Names are our own and need no escapes.
    pub fn name(&mut self, name: &str) {
        self.separate();
        self.text.push(b'"');
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(b"\":");
        self.comma_due = false;
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.separate();
        self.text.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(length) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
            self.text.extend_from_slice(&rest[..length]);
            self.escape(rest[length]);
            rest = &rest[length + 1..];
        }
        self.text.extend_from_slice(rest);
        self.text.push(b'"');
    }

    /// Writes a double in the shortest spelling that reads back the same.
    pub fn double(&mut self, number: f64) {
        self.separate();
        drop(write!(self.text, "{number:?}"));
    }

    /// Writes a whole number.
    pub fn integer(&mut self, number: impl Into<i64>) {
        self.separate();
        drop(write!(self.text, "{}", number.into()));
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    /// Writes `null`.
    pub fn null(&mut self) {
        self.raw(b"null");
    }

    /// Writes a value that is JSON text already.
    pub fn raw(&mut self, json: &[u8]) {
        self.separate();
        self.text.extend_from_slice(json);
    }

    /// Writes the comma before a value that the caller puts behind [`Self::take`]n text itself.
    pub fn raw_elsewhere(&mut self) {
        self.separate();
    }

    /// Writes the members of an object that is JSON text already into the open object; empty text has none.
    pub fn members_of(&mut self, object: &[u8]) {
        let inner = object.trim_ascii();
        let inner = inner.strip_prefix(b"{").and_then(|inner| inner.strip_suffix(b"}")).unwrap_or_default();
        let inner = inner.trim_ascii();
        if !inner.is_empty() {
            self.raw(inner);
        }
    }

    /// Writes a member whose value is a string, when there is one.
    pub fn optional_string(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.name(name);
            self.string(text);
        }
    }

    /// Writes a member whose value is a string, `null` when there is none.
    pub fn nullable_string(&mut self, name: &str, text: Option<&str>) {
        self.name(name);
        match text {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    fn begin(&mut self, bracket: u8) {
        self.separate();
        self.text.push(bracket);
        self.comma_due = false;
    }

    fn end(&mut self, bracket: u8) {
        self.text.push(bracket);
        self.comma_due = true;
    }

    /// Writes the comma that belongs before the next value or name, if one does.
    fn separate(&mut self) {
        if self.comma_due {
            self.text.push(b',');
        }
        self.comma_due = true;
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' => b'"',
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                drop(write!(self.text, "\\u{byte:04x}"));
                return;
            }
        };
        self.text.extend_from_slice(&[b'\\', short]);
    }
}

/// The bytes that a JSON string must not hold as they are.
static ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};
