//! The headers `SPASS-Augment`, a caller's word on what is added to a chat, and `SPASS-Augment-Applied`, what was added.

use gateway_proto::{ApiError, metadata};
use http::{HeaderMap, HeaderValue};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::domain::limits::Augmented;

/// What a caller switches on or off; none: as is usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// The system prompts.
    pub system_prompt: Option<bool>,
    /// What is remembered.
    pub memory: Option<bool>,
    /// The server's own tools.
    pub server_tools: Option<bool>,
}

impl Switches {
    /// Reads the header, a dictionary of RFC 8941 that may be spread over several lines.
    pub fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut lines = headers.get_all(metadata::SPASS_AUGMENT).iter();
        let Some(first) = lines.next() else { return Ok(Self::default()) };
        let mut whole = first.as_bytes().to_vec();
        for line in lines {
            whole.extend_from_slice(b", ");
            whole.extend_from_slice(line.as_bytes());
        }
        let members: Dictionary =
            Parser::new(&whole).parse().map_err(|_| refused("is no dictionary of RFC 8941".to_owned()))?;
        let mut switches = Self::default();
        for (key, value) in &members {
            let switch = match key.as_str() {
                "system-prompt" => &mut switches.system_prompt,
                "memory" => &mut switches.memory,
                "server-tools" => &mut switches.server_tools,
                other => return Err(refused(format!("has the unknown key '{}'", beginning(other)))),
            };
            *switch = Some(on_or_off(value).ok_or_else(|| refused(format!("gives '{key}' another value")))?);
        }
        Ok(switches)
    }
}

/// What a caller is told of what was added: a dictionary of the same keys. None of the eight is written anew.
pub(crate) fn header_value(augmented: Augmented) -> HeaderValue {
    let Augmented { system_prompt, memory, server_tools } = augmented;
    HeaderValue::from_static(match (system_prompt, memory, server_tools) {
        (false, false, false) => "system-prompt=off, memory=off, server-tools=off",
        (false, false, true) => "system-prompt=off, memory=off, server-tools=on",
        (false, true, false) => "system-prompt=off, memory=on, server-tools=off",
        (false, true, true) => "system-prompt=off, memory=on, server-tools=on",
        (true, false, false) => "system-prompt=on, memory=off, server-tools=off",
        (true, false, true) => "system-prompt=on, memory=off, server-tools=on",
        (true, true, false) => "system-prompt=on, memory=on, server-tools=off",
        (true, true, true) => "system-prompt=on, memory=on, server-tools=on",
    })
}

fn on_or_off(value: &ListEntry) -> Option<bool> {
    let ListEntry::Item(item) = value else { return None };
    let BareItem::Token(token) = &item.bare_item else { return None };
    match token.as_str() {
        _ if !item.params.is_empty() => None,
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// As much of a wrong key as a message repeats.
fn beginning(key: &str) -> &str {
    const MAX_BYTES: usize = 64;
    // Keys are ASCII.
    key.get(..MAX_BYTES).unwrap_or(key)
}

fn refused(what: String) -> ApiError {
    let message = format!(
        "'headers.spass-augment' {what}; it takes 'system-prompt', 'memory' and 'server-tools', each '=on' or '=off', \
         separated by commas."
    );
    ApiError::invalid_field("headers.spass-augment", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&[u8]]) -> Result<[Option<bool>; 3], ApiError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(metadata::SPASS_AUGMENT, HeaderValue::from_bytes(line).unwrap());
        }
        let switches = Switches::read(&headers)?;
        Ok([switches.system_prompt, switches.memory, switches.server_tools])
    }

    #[test]
    fn each_is_switched_by_itself() {
        let (on, off) = (Some(true), Some(false));
        assert_eq!(read(&[]).unwrap(), [None; 3]);
        assert_eq!(read(&[b""]).unwrap(), [None; 3]);
        assert_eq!(read(&[b"memory=off"]).unwrap(), [None, off, None]);
        assert_eq!(read(&[b" system-prompt=off ,\tmemory=on,server-tools=on "]).unwrap(), [off, on, on]);
        assert_eq!(read(&[b"memory=off", b"server-tools=off"]).unwrap(), [None, off, off]);
        // The last one counts, by the RFC.
        assert_eq!(read(&[b"memory=off", b"memory=on"]).unwrap(), [None, on, None]);
    }

    #[test]
    fn what_was_added_is_told_in_the_same_form() {
        for bits in 0..8_u8 {
            let [system_prompt, memory, server_tools] = [bits & 4 != 0, bits & 2 != 0, bits & 1 != 0];
            let told = header_value(Augmented { system_prompt, memory, server_tools });
            let told = read(&[told.as_bytes()]).unwrap();
            assert_eq!(told, [Some(system_prompt), Some(memory), Some(server_tools)]);
        }
    }

    #[test]
    fn anything_else_is_refused_and_told_what_is_right() {
        for line in [
            b"memory".as_slice(),
            b"memory=?0",
            b"memory=\"off\"",
            b"memory=Off",
            b"memory=off;q=1",
            b"memory=(off)",
            b"memory=0",
            b"Memory=off",
            b"memory=off,",
            b"memory=off memory=on",
            b"tools=off",
            b"=",
            b"m\xc3\xa4=off",
        ] {
            let error = read(&[line]).unwrap_err();
            assert_eq!((error.code().facts().code, error.param()), ("invalid_field", Some("headers.spass-augment")));
            assert!(error.message().contains("'=on' or '=off'"), "{}", error.message());
        }
        let error = read(&[format!("{}=on", "x".repeat(5000)).as_bytes()]).unwrap_err();
        assert!(error.message().len() < 300);
    }
}
