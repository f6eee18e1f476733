//! A body as one JSON object, with what is wrong with it told in the order of checks.

use std::borrow::Cow;

use bytes::Bytes;
use gateway_proto::json::{Fault, Kind, Reader};
use gateway_proto::{ApiError, ErrorCode};

/// What is wrong with a body.
#[derive(Debug)]
pub(crate) enum BodyFault {
    /// It is not one JSON object.
    Json(ApiError),
    /// It is, and a field is of the wrong kind.
    Field(ApiError),
}

/// Reads a body that must be one object; `read` must take its members.
pub(crate) fn read_object<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Fault>,
) -> Result<T, BodyFault> {
    let into_error = |fault: Fault| fault.into_error(body, "The body");
    let mut reader = Reader::new(body).map_err(|fault| BodyFault::Json(into_error(fault)))?;
    let content =
        begin(&mut reader).and_then(|()| read(&mut reader)).and_then(|content| reader.end().map(|()| content));
    content.map_err(into_error).map_err(|error| {
        // A fault of syntax further on comes before a field of the wrong kind, in the order of checks.
        match syntax(body) {
            Err(fault) => BodyFault::Json(into_error(fault)),
            Ok(()) if error.code() == ErrorCode::InvalidJson => BodyFault::Json(error),
            Ok(()) => BodyFault::Field(error),
        }
    })
}

/// Reads a member with `read` unless it is `null`, which is how some clients spell absent.
pub(crate) fn unless_null<'a>(
    reader: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    reader.nullable(read).map(drop)
}

/// A value as a slice of the body.
pub(crate) fn slice(reader: &mut Reader<'_>, body: &Bytes) -> Result<Bytes, Fault> {
    reader.value().map(|text| body.slice_ref(text.as_bytes()))
}

/// A string of its own.
pub(crate) fn string(reader: &mut Reader<'_>) -> Result<String, Fault> {
    reader.string().map(Cow::into_owned)
}

/// The end user. The contract's messages cannot tell an empty name from none, so that it is refused here: a client that
/// forgot to fill it in must not act as the token itself.
pub(crate) fn user_id(reader: &mut Reader<'_>) -> Result<String, Fault> {
    unless_empty(reader, "must be 1 to 128 visible ASCII characters.")
}

/// The scope of memory and prompts: an empty one is no way to name the usual one.
pub(crate) fn scope(reader: &mut Reader<'_>) -> Result<String, Fault> {
    unless_empty(reader, "must be 1 to 128 visible ASCII characters.")
}

/// A string that is not empty, which the contract's messages could not tell from none.
pub(crate) fn non_empty(reader: &mut Reader<'_>) -> Result<String, Fault> {
    unless_empty(reader, "must not be empty.")
}

fn unless_empty(reader: &mut Reader<'_>, message: &'static str) -> Result<String, Fault> {
    match string(reader)? {
        empty if empty.is_empty() => Err(Fault::invalid(message)),
        text => Ok(text),
    }
}

fn begin(reader: &mut Reader<'_>) -> Result<(), Fault> {
    match reader.kind()? {
        Kind::Object => Ok(()),
        _ => Err(reader.refuse("it must be an object")),
    }
}

fn syntax(body: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(body)?;
    begin(&mut reader)?;
    reader.value()?;
    reader.end()
}
