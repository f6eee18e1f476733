//! Where a request stands in a distributed trace, as W3C's Trace Context carries it: `traceparent` and `tracestate`.

use http::{HeaderMap, HeaderValue};

use crate::metadata::{TRACEPARENT, TRACESTATE};

/// The length of a `traceparent` of version 00.
const TRACEPARENT_BYTES: usize = 55;
/// The longest `tracestate` that is handed on; others must not make every call of a request large.
const MAX_TRACESTATE_BYTES: usize = 512;
/// The most members of a `tracestate`.
const MAX_TRACESTATE_MEMBERS: usize = 32;
/// The flags that are known: the caller records the trace, and its id is random.
const KNOWN_FLAGS: u8 = 0b11;

/// Where a request stands in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace, which is not zero.
    pub trace_id: [u8; 16],
    /// The span that the request comes from, which is not zero.
    pub span_id: [u8; 8],
    /// The lowest bit says whether the trace is recorded.
    pub flags: u8,
    /// What others keep in it.
    pub state: Option<HeaderValue>,
}

impl TraceContext {
    /// The context that headers carry, if it is one. What is not to the letter counts for nothing, as W3C wants it: a trace
    /// then begins anew.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut given = headers.get_all(&TRACEPARENT).iter();
        let (parent, None) = (given.next()?, given.next()) else { return None };
        let (trace_id, span_id, flags) = read_parent(parent.as_bytes())?;
        Some(Self { trace_id, span_id, flags, state: state_of(headers) })
    }

    /// Puts the context into headers, in the place of any other. None takes it out.
    pub fn put(context: Option<&Self>, headers: &mut HeaderMap) {
        let Some(context) = context else {
            headers.remove(&TRACEPARENT);
            headers.remove(&TRACESTATE);
            return;
        };
        if let Ok(parent) = HeaderValue::try_from(context.traceparent()) {
            headers.insert(&TRACEPARENT, parent);
        }
        match &context.state {
            Some(state) => drop(headers.insert(&TRACESTATE, state.clone())),
            None => drop(headers.remove(&TRACESTATE)),
        }
    }

    /// The trace, in the digits that everybody shows.
    #[must_use]
    pub fn trace_id_text(&self) -> String {
        let mut text = String::with_capacity(32);
        write_digits(&mut text, &self.trace_id);
        text
    }

    /// The value of `traceparent`.
    #[must_use]
    pub fn traceparent(&self) -> String {
        let mut text = String::with_capacity(TRACEPARENT_BYTES);
        text.push_str("00-");
        write_digits(&mut text, &self.trace_id);
        text.push('-');
        write_digits(&mut text, &self.span_id);
        text.push('-');
        write_digits(&mut text, &[self.flags]);
        text
    }
}

fn write_digits(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Trace, span and flags of a `traceparent`. A version that is not known is read as far as this one goes.
fn read_parent(text: &[u8]) -> Option<([u8; 16], [u8; 8], u8)> {
    let (known, more) = text.split_at_checked(TRACEPARENT_BYTES)?;
    let [version] = digits::<1>(&known[..2])?;
    let has_form = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
    let ends_well = more.is_empty() || (version != 0 && more[0] == b'-');
    let (trace_id, span_id) = (digits::<16>(&known[3..35])?, digits::<8>(&known[36..52])?);
    let [flags] = digits::<1>(&known[53..])?;
    let is_valid = has_form && ends_well && version != 0xff && trace_id != [0; 16] && span_id != [0; 8];
    is_valid.then_some((trace_id, span_id, flags & KNOWN_FLAGS))
}

/// Bytes as pairs of digits, in small letters only.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// The `tracestate`, several headers as one; none if it is not to the letter, or longer than is handed on.
fn state_of(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut given = headers.get_all(&TRACESTATE).iter();
    let first = given.next()?;
    let rest: Vec<&HeaderValue> = given.collect();
    let joined = if rest.is_empty() {
        first.clone()
    } else {
        let all = std::iter::once(first).chain(rest).map(HeaderValue::as_bytes);
        HeaderValue::from_bytes(&all.collect::<Vec<_>>().join(&b','))
            .ok()
            .filter(|joined| joined.len() <= MAX_TRACESTATE_BYTES)?
    };
    let text = joined.to_str().ok().filter(|text| text.len() <= MAX_TRACESTATE_BYTES)?;
    let mut members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    let are_few = members.clone().count() <= MAX_TRACESTATE_MEMBERS;
    let has_form = are_few && members.clone().next().is_some() && members.all(is_member);
    has_form.then_some(joined)
}

/// `key=value`, as W3C spells it.
fn is_member(member: &str) -> bool {
    let is_key = |key: &str| {
        key.len() <= 256
            && key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
            && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@'))
    };
    let is_value = |value: &str| (1..=256).contains(&value.len()) && !value.contains(['=', '\t']);
    member.split_once('=').is_some_and(|(key, value)| is_key(key) && is_value(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(parents: &[&str], states: &[&str]) -> HeaderMap {
        let parents = parents.iter().map(|value| (TRACEPARENT, HeaderValue::from_str(value).unwrap()));
        let states = states.iter().map(|value| (TRACESTATE, HeaderValue::from_str(value).unwrap()));
        parents.chain(states).collect()
    }

    fn state(states: &[&str]) -> Option<String> {
        let state = TraceContext::of(&headers(&[PARENT], states)).unwrap().state;
        state.map(|state| state.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_context_goes_through_as_it_came() {
        let given = headers(&[PARENT], &["vendor=a1,tenant@other=x y"]);
        let context = TraceContext::of(&given).unwrap();
        assert_eq!(context.trace_id_text(), "0af7651916cd43dd8448eb211c80319c");
        let mut put = headers(&["other"], &["other=1", "second=2"]);
        TraceContext::put(Some(&context), &mut put);
        assert_eq!(put, given);
        TraceContext::put(None, &mut put);
        assert!(put.is_empty());
    }

    #[test]
    fn what_is_not_to_the_letter_is_none() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
            "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceContext::of(&headers(&[bad], &[])), None, "{bad}");
        }
        assert_eq!(TraceContext::of(&headers(&[PARENT, PARENT], &[])), None);
        assert_eq!(TraceContext::of(&headers(&[], &["a=1"])), None);
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff-more";
        assert_eq!(TraceContext::of(&headers(&[later], &[])).unwrap().flags, 3);
    }

    #[test]
    fn a_state_is_bounded_and_of_the_form() {
        assert_eq!(state(&["a=1", "b=2"]), Some("a=1,b=2".to_owned()));
        let (long, many) = (format!("a={},b={0}", "x".repeat(255)), "a=1,".repeat(33));
        for bad in [long.as_str(), many.as_str(), "a", "A=1", "a=", "=1", "a=b=c", ""] {
            assert_eq!(state(&[bad]), None, "{bad}");
        }
    }
}
