//! The members of objects: known ones as enums, unknown ones kept as they were written.

use bytes::Bytes;

use super::string::RawString;

/// The known members of one kind of object; made by [`json_members!`](crate::json_members).
pub trait Members: Copy {
    /// The names, in the order of the variants.
    const NAMES: &'static [&'static str];

    /// The member of this name.
    fn from_name(name: &str) -> Option<Self>;

    /// The place in [`Self::NAMES`]; below 64, so that a set of members fits one word.
    fn index(self) -> usize;
}

/// For objects of which no member is known: maps whose names are the caller's.
#[derive(Clone, Copy, Debug)]
pub enum NoMembers {}

impl Members for NoMembers {
    const NAMES: &'static [&'static str] = &[];

    fn from_name(_: &str) -> Option<Self> {
        None
    }

    fn index(self) -> usize {
        match self {}
    }
}

/// A member of an object that is being read. Its value comes next and must be taken.
#[derive(Debug)]
pub enum Member<'a, K> {
    /// One that is known.
    Known(K),
    /// Any other, with its name as it was written.
    Unknown(RawString<'a>),
}

/// Declares the known members of one kind of object.
///
/// ```
/// gateway_proto::json_members! { enum ImageMember { Url = "url", Detail = "detail" } }
/// ```
#[macro_export]
macro_rules! json_members {
    ($(#[$meta:meta])* $visibility:vis enum $Type:ident { $($Variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $Type { $(#[doc = concat!("`", $name, "`")] $Variant),+ }

        impl $crate::json::Members for $Type {
            const NAMES: &'static [&'static str] = &[$($name),+];

            fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$Variant),)+ _ => None }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

/// Collects the members that a reader does not know into one JSON object, each as it was written.
#[derive(Debug, Default)]
pub struct UnknownMembers(Vec<u8>);

impl UnknownMembers {
    /// Adds a member.
    pub fn push(&mut self, name: RawString<'_>, value: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        self.0.extend_from_slice(name.quoted().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(value.as_bytes());
    }

    /// The JSON object; empty when there was no such member.
    #[must_use]
    pub fn finish(mut self) -> Bytes {
        if !self.0.is_empty() {
            self.0.push(b'}');
        }
        self.0.into()
    }
}
