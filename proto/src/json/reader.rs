//! A pull reader: the caller says what it expects, the reader hands out borrowed pieces or a [`Fault`].

use std::borrow::Cow;

use bytes::Bytes;

use super::fault::Fault;
use super::members::{Member, Members, UnknownMembers};
use super::string::{RawString, utf8};
use super::{MAX_DEPTH, MAX_VALUES};

/// Reads one JSON text from front to end.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    position: usize,
    depth: u32,
    values: u32,
}

/// What kind of value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    Object,
    /// `[`
    Array,
    /// A string.
    String,
    /// A number.
    Number,
    /// `true` or `false`
    Boolean,
    /// `null`
    Null,
}

impl Kind {
    const fn with_article(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Null => "null",
        }
    }
}

impl<'a> Reader<'a> {
    /// A reader of this text. Refuses text that is not UTF-8.
    pub fn new(text: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self::of_str(utf8(text)?))
    }

    /// A reader of text that is known to be UTF-8.
    #[must_use]
    pub fn of_str(text: &'a str) -> Self {
        Self { text, position: 0, depth: 0, values: 0 }
    }

    /// Refuses anything but white space after the value.
    pub fn end(mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.syntax("there is text after the end of the value")),
        }
    }

    /// A fault of syntax here, for a rule on top of JSON's own.
    #[must_use]
    pub fn refuse(&self, message: &'static str) -> Fault {
        self.syntax(message)
    }

    /// What kind of value comes next.
    pub fn kind(&mut self) -> Result<Kind, Fault> {
        match self.peek() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'"') => Ok(Kind::String),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't' | b'f') => Ok(Kind::Boolean),
            Some(b'n') => Ok(Kind::Null),
            Some(_) => Err(self.syntax("a value is expected")),
            None => Err(self.syntax("the text ends where a value is expected")),
        }
    }

    /// Reads an object, member by member. `read` must take the value of each; its faults get the member's name.
    pub fn members<K: Members>(
        &mut self,
        mut read: impl FnMut(&mut Self, Member<'a, K>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let find = |name: &str| K::from_name(name).map(|known| (known, known.index()));
        self.walk_members(find, |reader, known, name| read(reader, known.map_or(Member::Unknown(name), Member::Known)))
    }

    /// Reads an object, known member by known member, and returns all others as one JSON object; empty without any.
    pub fn members_and_rest<K: Members>(
        &mut self,
        mut read: impl FnMut(&mut Self, K) -> Result<(), Fault>,
    ) -> Result<Bytes, Fault> {
        let mut rest = UnknownMembers::default();
        self.members(|reader, member| match member {
            Member::Known(known) => read(reader, known),
            Member::Unknown(name) => {
                rest.push(name, reader.value()?);
                Ok(())
            }
        })?;
        Ok(rest.finish())
    }

    /// Reads an object whose known members are these names, at most 64. `read` gets the index of the name, or `None`
    /// for any other member, and must take the value.
    pub fn named_members<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str> + Clone,
        mut read: impl FnMut(&mut Self, Option<usize>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let find = |name: &str| names.clone().position(|known| known == name).map(|index| (index, index));
        debug_assert!(names.clone().count() <= 64);
        self.walk_members(find, |reader, known, _| read(reader, known))
    }

    fn walk_members<K>(
        &mut self,
        find: impl Fn(&str) -> Option<(K, usize)>,
        mut read: impl FnMut(&mut Self, Option<K>, RawString<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.begin(Kind::Object)?;
        let mut seen = 0_u64;
        let mut more = !self.closes(b'}');
        while more {
            let name = self.name()?;
            let text = name.text();
            let known = find(&text);
            if let Some((_, index)) = &known {
                if seen & (1 << index) != 0 {
                    return Err(self.syntax(format!("the member '{text}' is given twice")).in_member(&text));
                }
                seen |= 1 << index;
            }
            read(self, known.map(|(known, _)| known), name).map_err(|fault| fault.in_member(&text))?;
            more = self.comma_or(b'}')?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads an array, element by element. `read` must take each; its faults get the element's index.
    pub fn elements(&mut self, mut read: impl FnMut(&mut Self, usize) -> Result<(), Fault>) -> Result<(), Fault> {
        self.begin(Kind::Array)?;
        let mut index = 0;
        let mut more = !self.closes(b']');
        while more {
            read(self, index).map_err(|fault| fault.in_element(index))?;
            index += 1;
            more = self.comma_or(b']')?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a string as it was written.
    pub fn raw_string(&mut self) -> Result<RawString<'a>, Fault> {
        self.expect(Kind::String)?;
        self.scan_string()
    }

    /// Reads a string.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        Ok(self.raw_string()?.text())
    }

    /// Reads a number that fits a double.
    pub fn double(&mut self) -> Result<f64, Fault> {
        self.expect(Kind::Number)?;
        let number = self.scan_number()?;
        number.parse().map_err(|_| Fault::invalid("must be a number."))
    }

    /// Reads a whole number that fits 64 bits with a sign. `2.0` is whole.
    pub fn integer(&mut self) -> Result<i64, Fault> {
        /// The doubles at which whole numbers begin to have gaps.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        self.expect(Kind::Number)?;
        let number = self.scan_number()?;
        if let Ok(integer) = number.parse() {
            return Ok(integer);
        }
        match number.parse::<f64>() {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
            Ok(double) if double.fract() == 0.0 && double.abs() <= EXACT => Ok(double as i64),
            _ => Err(Fault::invalid("must be a whole number of at most 64 bits.")),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, Fault> {
        self.expect(Kind::Boolean)?;
        if self.literal("true") {
            Ok(true)
        } else if self.literal("false") {
            Ok(false)
        } else {
            Err(self.syntax("a value is expected"))
        }
    }

    /// Reads `null` as `None`, anything else with `read`.
    pub fn nullable<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        if self.kind()? != Kind::Null {
            return read(self).map(Some);
        }
        self.expect(Kind::Null)?;
        self.null().map(|()| None)
    }

    /// Reads any value, and returns it as it was written.
    pub fn value(&mut self) -> Result<&'a str, Fault> {
        let outer_depth = self.depth;
        // One bit for each level: whether it is an object. Without recursion, so that depth costs no stack.
        let mut objects = 0_u128;
        self.kind()?;
        let start = self.position;
        loop {
            let kind = self.kind()?;
            self.count()?;
            match kind {
                Kind::Object | Kind::Array => {
                    let is_object = kind == Kind::Object;
                    self.enter()?;
                    objects = (objects << 1) | u128::from(is_object);
                    if !self.closes(if is_object { b'}' } else { b']' }) {
                        if is_object {
                            self.name()?;
                        }
                        continue;
                    }
                    self.depth -= 1;
                    objects >>= 1;
                }
                Kind::String => drop(self.scan_string()?),
                Kind::Number => drop(self.scan_number()?),
                Kind::Boolean if self.literal("true") || self.literal("false") => {}
                Kind::Boolean => return Err(self.syntax("a value is expected")),
                Kind::Null => self.null()?,
            }
            // The value is whole: close what it closes, or go on to the next one.
            loop {
                if self.depth == outer_depth {
                    return Ok(&self.text[start..self.position]);
                }
                let is_object = objects & 1 == 1;
                if self.comma_or(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.name()?;
                    }
                    break;
                }
                self.depth -= 1;
                objects >>= 1;
            }
        }
    }

    /// Reads an object or fails, and returns it as it was written.
    pub fn object_value(&mut self) -> Result<&'a str, Fault> {
        self.require(Kind::Object)?;
        self.value()
    }

    /// Refuses any other kind of value than this.
    pub fn require(&mut self, wanted: Kind) -> Result<(), Fault> {
        let found = self.kind()?;
        if found == wanted {
            return Ok(());
        }
        Err(Fault::invalid(format!("must be {}, not {}.", wanted.with_article(), found.with_article())))
    }

    // === steps within a value ===

    /// Skips white space and shows the next byte.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.position) {
            self.position += 1;
        }
        bytes.get(self.position).copied()
    }

    fn syntax(&self, message: impl Into<Cow<'static, str>>) -> Fault {
        Fault::syntax(message, self.position)
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.syntax(format!("there are more than {MAX_VALUES} values")));
        }
        Ok(())
    }

    fn expect(&mut self, wanted: Kind) -> Result<(), Fault> {
        self.require(wanted)?;
        self.count()
    }

    fn begin(&mut self, kind: Kind) -> Result<(), Fault> {
        self.expect(kind)?;
        self.enter()
    }

    /// Takes the opening bracket.
    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.syntax(format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        self.position += 1;
        Ok(())
    }

    /// Takes the closing bracket of an empty array or object.
    fn closes(&mut self, bracket: u8) -> bool {
        let closes = self.peek() == Some(bracket);
        self.position += usize::from(closes);
        closes
    }

    /// Takes a comma, after which there is more, or the closing bracket.
    fn comma_or(&mut self, bracket: u8) -> Result<bool, Fault> {
        let next = self.peek();
        if next != Some(b',') && next != Some(bracket) {
            let message = if bracket == b'}' { "a comma or } is expected" } else { "a comma or ] is expected" };
            return Err(self.syntax(message));
        }
        self.position += 1;
        Ok(next == Some(b','))
    }

    /// Takes a member's name and the colon after it.
    fn name(&mut self) -> Result<RawString<'a>, Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a member name in double quotes is expected"));
        }
        let name = self.scan_string()?;
        if self.peek() != Some(b':') {
            return Err(self.syntax("a colon is expected"));
        }
        self.position += 1;
        Ok(name)
    }

    fn scan_string(&mut self) -> Result<RawString<'a>, Fault> {
        let string = RawString::scan(self.text, self.position)?;
        self.position += string.quoted().len();
        Ok(string)
    }

    fn null(&mut self) -> Result<(), Fault> {
        if self.literal("null") { Ok(()) } else { Err(self.syntax("a value is expected")) }
    }

    fn literal(&mut self, word: &str) -> bool {
        let matches = self.text[self.position..].starts_with(word);
        if matches {
            self.position += word.len();
        }
        matches
    }

    /// Takes a number and returns it as it was written.
    fn scan_number(&mut self) -> Result<&'a str, Fault> {
        let start = self.position;
        let bytes = self.text.as_bytes();
        self.position += usize::from(bytes.get(start) == Some(&b'-'));
        let whole = self.digits();
        let leading_zero = whole > 1 && bytes[self.position - whole] == b'0';
        let mut valid = whole > 0 && !leading_zero;
        let mut plain = true;
        if bytes.get(self.position) == Some(&b'.') {
            self.position += 1;
            valid &= self.digits() > 0;
        }
        if let Some(b'e' | b'E') = bytes.get(self.position) {
            plain = false;
            self.position += 1;
            self.position += usize::from(matches!(bytes.get(self.position), Some(b'+' | b'-')));
            valid &= self.digits() > 0;
        }
        if !valid {
            return Err(Fault::syntax("a number is not well formed", start));
        }
        let number = &self.text[start..self.position];
        // A double holds every number of up to 308 whole digits; only longer ones and exponents need a look.
        let overflows = (!plain || whole > 308) && number.parse().is_ok_and(f64::is_infinite);
        if overflows {
            return Err(Fault::syntax("a number is too large for a double", start));
        }
        Ok(number)
    }

    /// Takes digits and returns how many there were.
    fn digits(&mut self) -> usize {
        let digits = self.text.as_bytes()[self.position..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.position += digits;
        digits
    }
}
