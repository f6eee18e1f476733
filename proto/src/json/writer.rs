//! Appends JSON text to one buffer; commas come by themselves.

use std::io::Write;

/// Writes one JSON text from front to end.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A writer with room for this many bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// The text.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// Opens an object.
    pub fn begin_object(&mut self) {
        self.separate();
        self.0.push(b'{');
    }

    /// Closes an object.
    pub fn end_object(&mut self) {
        self.0.push(b'}');
    }

    /// Opens an array.
    pub fn begin_array(&mut self) {
        self.separate();
        self.0.push(b'[');
    }

    /// Closes an array.
    pub fn end_array(&mut self) {
        self.0.push(b']');
    }

    /// Writes the name of the next value. Names are our own and need no escapes.
    pub fn name(&mut self, name: &str) {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Writes a string.
    pub fn string(&mut self, text: &str) {
        self.separate();
        self.0.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(length) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
            self.0.extend_from_slice(&rest[..length]);
            self.escape(rest[length]);
            rest = &rest[length + 1..];
        }
        self.0.extend_from_slice(rest);
        self.0.push(b'"');
    }

    /// Writes a double in the shortest spelling that reads back the same.
    pub fn double(&mut self, number: f64) {
        self.separate();
        drop(write!(self.0, "{number:?}"));
    }

    /// Writes a whole number.
    pub fn integer(&mut self, number: impl Into<i64>) {
        self.separate();
        drop(write!(self.0, "{}", number.into()));
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
        self.0.extend_from_slice(json);
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

    /// Writes the comma that belongs before the next value or name, if one does.
    fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(b',');
        }
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
                drop(write!(self.0, "\\u{byte:04x}"));
                return;
            }
        };
        self.0.extend_from_slice(&[b'\\', short]);
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
