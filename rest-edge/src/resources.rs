//! What the JSON of stored things has in common.

use gateway_proto::Timestamp;
use gateway_proto::json::Writer;

/// What a row takes, roughly: room enough that the buffer seldom grows.
pub(crate) const USUAL_BYTES: usize = 512;

/// One thing: what `write` writes.
pub(crate) fn resource(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES);
    write(&mut writer);
    writer.finish()
}

/// A page of a list: `total`, `limit` and `offset` after its items.
pub(crate) fn page<T>(items: &[T], numbers: [i64; 3], mut write: impl FnMut(&mut Writer, &T)) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + items.len()));
    writer.begin_object();
    writer.name("items");
    writer.begin_array();
    items.iter().for_each(|item| write(&mut writer, item));
    writer.end_array();
    write_page_members(&mut writer, numbers);
    writer.end_object();
    writer.finish()
}

/// Writes `total`, `limit` and `offset`.
pub(crate) fn write_page_members(writer: &mut Writer, [total, limit, offset]: [i64; 3]) {
    for (name, number) in [("total", total), ("limit", limit), ("offset", offset)] {
        writer.name(name);
        writer.integer(number);
    }
}

/// Writes a time by RFC 3339, in UTC.
pub(crate) fn write_time(writer: &mut Writer, name: &str, time: Option<Timestamp>) {
    writer.nullable_string(name, time.map(|time| time.to_string()).as_deref());
}

/// Writes a number.
pub(crate) fn write_number(writer: &mut Writer, name: &str, number: u32) {
    writer.name(name);
    writer.integer(number);
}
