//! Strict JSON text, read and written in one pass.
//!
//! The caller's own JSON crosses the gateway byte for byte in fields whose names end in `_json`. What such text may be
//! is part of the contract, so both processes read it with this one reader: it refuses what readers could understand
//! differently (lone surrogates, numbers beyond a double, a known member twice) and what costs more than it is worth
//! (depth, number of values), and it says where a value is wrong by the path that becomes an error's `param`.
//!
//! Nothing here builds a tree. A reader hands out borrowed pieces of the text it walks over; a writer appends to one
//! buffer.

mod fault;
mod members;
mod reader;
mod string;
mod writer;

pub use fault::Fault;
pub use members::{Member, Members, NoMembers, UnknownMembers};
pub use reader::{Kind, Reader};
pub use string::{RawString, utf8};
pub use writer::Writer;

/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: u32 = 128;
/// The most values in one text, nested ones included; members count as their values.
pub const MAX_VALUES: u32 = 100_000;

#[cfg(test)]
mod tests;
