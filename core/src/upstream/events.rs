//! Server-sent events, taken apart by the rules of the HTML standard (section 9.2.6), whatever the pieces they come in.
//! Only their data is of use here: names, ids and retry times are passed over, and so are comments.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// Takes events apart. What a piece holds whole is not copied.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    /// What has not been looked at.
    piece: Bytes,
    /// The beginning of a line whose end has not come.
    partial: BytesMut,
    /// The data of the event that is being read, while it is of one line.
    data: Option<Bytes>,
    /// The same, once it is of several.
    lines: BytesMut,
    /// The last line ended with a carriage return: a newline right after it belongs to it.
    skip_newline: bool,
    /// Whether any line was read: a byte order mark may stand before the first.
    has_begun: bool,
}

impl EventReader {
    /// The next bytes. All events of those before were taken.
    pub(super) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.piece.is_empty());
        self.piece = piece;
    }

    /// The data of the next event that is whole.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        while let Some(line) = self.line() {
            if let Some(data) = self.take_line(line) {
                return Some(data);
            }
        }
        None
    }

    /// The data of an event that only lacks its end. Call it when no more bytes will come.
    pub(super) fn finish(&mut self) -> Option<Bytes> {
        let last = self.partial.split().freeze();
        let whole = if last.is_empty() { None } else { self.take_line(last) };
        whole.or_else(|| self.take_data())
    }

    /// How much of an event that is not whole is held.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.partial.len() + self.lines.len() + self.data.as_ref().map_or(0, Bytes::len)
    }

    /// The next line without its end.
    fn line(&mut self) -> Option<Bytes> {
        if self.skip_newline && !self.piece.is_empty() {
            self.skip_newline = false;
            if self.piece[0] == b'\n' {
                self.piece.advance(1);
            }
        }
        let Some(length) = memchr2(b'\n', b'\r', &self.piece) else {
            self.partial.extend_from_slice(&self.piece);
            self.piece = Bytes::new();
            return None;
        };
        let line = self.piece.split_to(length);
        self.skip_newline = self.piece[0] == b'\r';
        self.piece.advance(1);
        if self.partial.is_empty() {
            return Some(line);
        }
        self.partial.extend_from_slice(&line);
        Some(self.partial.split().freeze())
    }

    /// Takes a line; gives the data of the event that it ends.
    fn take_line(&mut self, mut line: Bytes) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_begun, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.advance(3);
        }
        if line.is_empty() {
            // An event without data is none.
            return self.take_data().filter(|data| !data.is_empty());
        }
        let rest = line.strip_prefix(b"data")?;
        let value = match rest {
            [] => line.split_off(line.len()),
            [b':', b' ', ..] => line.split_off(b"data: ".len()),
            [b':', ..] => line.split_off(b"data:".len()),
            // Another field, whose name begins alike.
            _ => return None,
        };
        let first = self.data.take();
        if first.is_none() && self.lines.is_empty() {
            self.data = Some(value);
        } else {
            self.lines.extend_from_slice(&first.unwrap_or_default());
            self.lines.extend_from_slice(b"\n");
            self.lines.extend_from_slice(&value);
        }
        None
    }

    fn take_data(&mut self) -> Option<Bytes> {
        if self.lines.is_empty() { self.data.take() } else { Some(self.lines.split().freeze()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> (Vec<String>, Option<String>) {
        let text = |data: Bytes| String::from_utf8(data.to_vec()).unwrap();
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for piece in pieces {
            reader.push(Bytes::copy_from_slice(piece));
            while let Some(data) = reader.next() {
                events.push(text(data));
            }
        }
        (events, reader.finish().map(text))
    }

    const STREAM: &str = "\u{feff}: a comment\n\ndata: one\n\nevent: name\r\nid: 7\r\nretry: 1\r\ndata:three\r\ndata: lines\r\ndata\r\n\r\n\
        data:  \u{2028}\u{85}\u{1f600}\r\rdata\n\ndatabase: x\n\ndata:\ndata:\n\ndata: last\n\n";

    #[test]
    fn events_are_split_by_the_rules() {
        let (events, rest) = read(&[STREAM.as_bytes()]);
        assert_eq!(events, ["one", "three\nlines\n", " \u{2028}\u{85}\u{1f600}", "\n", "last"]);
        assert_eq!(rest, None);
    }

    #[test]
    fn pieces_may_be_cut_anywhere() {
        let whole = read(&[STREAM.as_bytes()]);
        for cut in 0..=STREAM.len() {
            let (before, after) = STREAM.as_bytes().split_at(cut);
            assert_eq!(read(&[before, after]), whole, "cut at {cut}");
            assert_eq!(read(&[before, b"", after]), whole, "cut at {cut}");
        }
        let bytes: Vec<_> = STREAM.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes), whole);
    }

    #[test]
    fn an_event_without_its_end_is_told_apart() {
        assert_eq!(read(&[b"data: a"]), (vec![], Some("a".to_owned())));
        assert_eq!(read(&[b"data: a\n"]), (vec![], Some("a".to_owned())));
        assert_eq!(read(&[b"data: a\n: comment"]), (vec![], Some("a".to_owned())));
        assert_eq!(read(&[b"data: a\n\n: comment"]), (vec!["a".to_owned()], None));
        assert_eq!(read(&[b"dat"]), (vec![], None));
        assert_eq!(read(&[b"<html>nothing of the kind</html>"]), (vec![], None));
    }

    #[test]
    fn what_is_whole_is_not_copied() {
        let piece = Bytes::from_static(b"data: one\n\ndata: two\n\n");
        let mut reader = EventReader::default();
        reader.push(piece.clone());
        assert_eq!(reader.next().unwrap().as_ptr(), piece[6..].as_ptr());
        assert_eq!(reader.next().unwrap().as_ptr(), piece[17..].as_ptr());
        assert_eq!((reader.next(), reader.held()), (None, 0));
    }
}
