//! The framing of streamed responses: splits the bytes of a body into events, and joins events into
//! bytes.
//!
//! [`Splitter`] works on bytes, so a character that is split over two pieces is not damaged. Each
//! byte is scanned once, however the body is split into pieces, and the size of an event is
//! limited.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{Error, ErrorKind};

/// The framing of a streamed response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// One JSON text per line: NDJSON and JSON Lines (JSONL). Blank lines and carriage returns
    /// before line feeds are skipped. The last line needs no line feed.
    Lines,
    /// Server-sent events (HTML standard, 9.2.6): an event is the text of its `data` fields.
    /// Comments, which servers send as keepalives, and the fields `event`, `id` and `retry` are
    /// skipped. Unlike in a browser, an event that is completed by the end of the body is not
    /// dropped.
    ServerSentEvents,
}

impl Framing {
    /// Frames `event` for sending, as [`Splitter`] expects it. With [`Lines`](Framing::Lines), an
    /// event must not contain a line feed, which compact JSON never does.
    ///
    /// ```
    /// use tl_protocol::framing::Framing;
    ///
    /// assert_eq!(Framing::Lines.frame(b"{}"), "{}\n");
    /// assert_eq!(Framing::ServerSentEvents.frame(b"{}"), "data: {}\n\n");
    /// ```
    #[must_use]
    pub fn frame(self, event: &[u8]) -> Bytes {
        let mut framed = BytesMut::with_capacity(event.len() + 8);
        match self {
            Self::Lines => framed.put_slice(event),
            Self::ServerSentEvents => {
                for line in event.split(|byte| *byte == b'\n') {
                    framed.put_slice(b"data: ");
                    framed.put_slice(line);
                    framed.put_u8(b'\n');
                }
            }
        }
        framed.put_u8(b'\n');
        framed.freeze()
    }

    fn ends_line(self, byte: u8) -> bool {
        byte == b'\n' || (self == Self::ServerSentEvents && byte == b'\r')
    }
}

/// Splits a body into events.
///
/// ```
/// use tl_protocol::framing::{Framing, Splitter};
///
/// # fn main() -> Result<(), tl_protocol::Error> {
/// let mut events = Splitter::new(Framing::Lines, 1024);
/// events.push("{\"text\": \"caf\u{e9}\"}\n{\"te".into());
/// assert_eq!(events.next_event()?.unwrap(), "{\"text\": \"caf\u{e9}\"}");
/// assert_eq!(events.next_event()?, None);
/// events.push("xt\": 2}".into());
/// assert_eq!(events.next_event()?, None);
/// events.end();
/// assert_eq!(events.next_event()?.unwrap(), "{\"text\": 2}");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Splitter {
    framing: Framing,
    limit: usize,
    /// Pushed bytes that have not been scanned yet.
    rest: Bytes,
    /// The start of an incomplete line, without the bytes of `rest`.
    line: Vec<u8>,
    /// The `data` fields of an incomplete server-sent event.
    data: Option<Vec<u8>>,
    /// No line has been read yet: the first one may start with a byte order mark.
    at_start: bool,
    /// The last line ended with a carriage return: a line feed right after it is part of the line
    /// break.
    after_return: bool,
    is_over: bool,
    /// An event was too large. The rest of the body cannot be read.
    has_failed: bool,
}

impl Splitter {
    /// Creates a splitter for events of at most `limit` bytes, framing included.
    #[must_use]
    pub fn new(framing: Framing, limit: usize) -> Self {
        Self {
            framing,
            limit,
            rest: Bytes::new(),
            line: Vec::new(),
            data: None,
            at_start: true,
            after_return: false,
            is_over: false,
            has_failed: false,
        }
    }

    /// Adds the next piece of the body. [`next_event`](Splitter::next_event) should have returned
    /// `None` before.
    pub fn push(&mut self, piece: Bytes) {
        self.rest = if self.rest.is_empty() {
            piece
        } else {
            [&self.rest[..], &piece].concat().into()
        };
    }

    /// Marks the end of the body: the remaining bytes are the last event.
    pub fn end(&mut self) {
        self.is_over = true;
    }

    /// Returns the next complete event, or `None` if more bytes are needed or the body is finished.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] if an event is larger than the limit, also on every later call.
    pub fn next_event(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(line) = self.next_line()? {
            match self.framing {
                Framing::Lines => {
                    let line = line
                        .strip_suffix(b"\r")
                        .map_or(line.clone(), |short| line.slice_ref(short));
                    if !line.trim_ascii().is_empty() {
                        return Ok(Some(line));
                    }
                }
                Framing::ServerSentEvents => {
                    if let Some(event) = self.field(&line)? {
                        return Ok(Some(event));
                    }
                }
            }
        }
        if self.is_over
            && let Some(data) = self.data.take().filter(|data| !data.is_empty())
        {
            return Ok(Some(data.into()));
        }
        Ok(None)
    }

    /// Processes one line of a server-sent event. Returns the event if the line completes it.
    fn field(&mut self, line: &[u8]) -> Result<Option<Bytes>, Error> {
        if line.is_empty() {
            let data = self.data.take().filter(|data| !data.is_empty());
            return Ok(data.map(Bytes::from));
        }
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        if name == b"data" {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            let buffered = self.data.as_ref().map_or(0, Vec::len);
            if buffered + value.len() >= self.limit {
                return Err(self.fail());
            }
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            }
        }
        Ok(None)
    }

    /// Returns the next line without its line break.
    fn next_line(&mut self) -> Result<Option<Bytes>, Error> {
        if self.has_failed {
            return Err(self.fail());
        }
        if self.after_return && !self.rest.is_empty() {
            self.after_return = false;
            if self.rest[0] == b'\n' {
                self.rest.advance(1);
            }
        }
        let framing = self.framing;
        let end = self.rest.iter().position(|byte| framing.ends_line(*byte));
        let head = self.rest.split_to(end.unwrap_or(self.rest.len()));
        if self.line.len() + head.len() > self.limit {
            return Err(self.fail());
        }
        let line = if end.is_some() && self.line.is_empty() {
            head
        } else {
            self.line.extend_from_slice(&head);
            if end.is_none() && (!self.is_over || self.line.is_empty()) {
                return Ok(None);
            }
            std::mem::take(&mut self.line).into()
        };
        if end.is_some() {
            self.after_return = self.rest[0] == b'\r';
            self.rest.advance(1);
        }
        if std::mem::take(&mut self.at_start)
            && let Some(text) = line.strip_prefix("\u{feff}".as_bytes())
        {
            return Ok(Some(line.slice_ref(text)));
        }
        Ok(Some(line))
    }

    fn fail(&mut self) -> Error {
        self.has_failed = true;
        self.rest = Bytes::new();
        self.line = Vec::new();
        self.data = None;
        let text = format!("an event has more than {} bytes", self.limit);
        Error::new(ErrorKind::Malformed, text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn split(framing: Framing, limit: usize, pieces: &[&[u8]]) -> Result<Vec<String>, Error> {
        let mut splitter = Splitter::new(framing, limit);
        let mut events = Vec::new();
        let text = |event: Bytes| String::from_utf8(event.to_vec()).expect("the events are text");
        for piece in pieces {
            splitter.push(Bytes::copy_from_slice(piece));
            while let Some(event) = splitter.next_event()? {
                events.push(text(event));
            }
        }
        splitter.end();
        while let Some(event) = splitter.next_event()? {
            events.push(text(event));
        }
        Ok(events)
    }

    #[test]
    fn line_framing_variants() {
        let check = |body: &str, expected: &[&str]| {
            let events = split(Framing::Lines, LIMIT, &[body.as_bytes()]).unwrap();
            assert_eq!(events, expected, "{body:?}");
        };
        check("{\"a\":1}\n{\"b\":2}\n", &["{\"a\":1}", "{\"b\":2}"]);
        check(
            "{\"a\":1}\r\n\r\n  \n{\"b\":2}",
            &["{\"a\":1}", "{\"b\":2}"],
        );
        check("\u{feff}{}\n", &["{}"]);
        check("{\"a\":\"x\ry\"}\n", &["{\"a\":\"x\ry\"}"]);
        check("", &[]);
        check("\n\n", &[]);
    }

    #[test]
    fn server_sent_events_follow_the_standard() {
        let check = |body: &str, expected: &[&str]| {
            let events = split(Framing::ServerSentEvents, LIMIT, &[body.as_bytes()]).unwrap();
            assert_eq!(events, expected, "{body:?}");
        };
        check("event: x\ndata: {\"a\":1}\nid: 7\n\n", &["{\"a\":1}"]);
        check("data:{}\r\n\r\ndata: {}\r\r", &["{}", "{}"]);
        check("data: one\ndata:  two\n\n", &["one\n two"]);
        check(": keepalive\n\n: keepalive\n\ndata: 1\n\n", &["1"]);
        check("data\n\ndata:\n\n", &[]);
        check("data\ndata\n\n", &["\n"]);
        check("data: last", &["last"]);
        check("\u{feff}data: 1\n\n", &["1"]);
        check("database: 1\ndata : 1\n\n", &[]);
        check("data: [DONE] is a text\n\n", &["[DONE] is a text"]);
    }

    fn check_too_large<T: std::fmt::Debug>(result: Result<T, Error>) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(error.to_string(), "an event has more than 100 bytes");
    }

    #[test]
    fn oversized_events_are_rejected() {
        for framing in [Framing::Lines, Framing::ServerSentEvents] {
            let mut splitter = Splitter::new(framing, 100);
            let piece = Bytes::from(vec![b'x'; 60]);
            splitter.push(piece.clone());
            assert_eq!(splitter.next_event().unwrap(), None);
            splitter.push(piece);
            check_too_large(splitter.next_event());
            assert_eq!(splitter.line.capacity(), 0);
            splitter.push("\n{}\n".into());
            // Once too large, always too large.
            check_too_large(splitter.next_event());
        }
        // Many short fields form one large event.
        let fields = "data: 0123456789\n".repeat(20);
        let refused = split(Framing::ServerSentEvents, 100, &[fields.as_bytes()]);
        check_too_large(refused);
        let allowed = format!("{}\n", "x".repeat(100));
        assert!(split(Framing::Lines, 100, &[allowed.as_bytes()]).is_ok());
    }

    #[test]
    fn data_fields_of_an_event_are_below_the_limit_together() {
        let event = |lengths: &[usize]| {
            let fields = lengths
                .iter()
                .map(|len| format!("data: {}\n", "x".repeat(*len)));
            let body = fields.chain(["\n".to_owned()]).collect::<String>();
            split(Framing::ServerSentEvents, 100, &[body.as_bytes()])
        };
        // A line has the name of the field too.
        assert_eq!(event(&[94]).unwrap(), ["x".repeat(94)]);
        check_too_large(event(&[95]));
        let joined = [40, 40, 17].map(|len| "x".repeat(len)).join("\n");
        assert_eq!(event(&[40, 40, 17]).unwrap(), [joined]);
        check_too_large(event(&[40, 40, 19]));
        // The next event starts at 0.
        let two = format!("data: {0}\n\ndata: {0}\n\n", "x".repeat(80));
        let events = split(Framing::ServerSentEvents, 100, &[two.as_bytes()]).unwrap();
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn carriage_return_and_line_feed_in_two_pieces_are_one_line_break() {
        let events = |framing, pieces: &[&str]| {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            split(framing, LIMIT, &pieces).unwrap()
        };
        let sse = Framing::ServerSentEvents;
        assert_eq!(events(sse, &["data: 1\r", "\ndata: 2\n\n"]), ["1\n2"]);
        assert_eq!(events(sse, &["data: 1\r", "", "\ndata: 2\n\n"]), ["1\n2"]);
        assert_eq!(events(sse, &["data: 1\r", "data: 2\n\n"]), ["1\n2"]);
        assert_eq!(events(sse, &["data: 1\r\r", "\ndata: 2\n\n"]), ["1", "2"]);
        assert_eq!(events(Framing::Lines, &["{}\r", "\n{}"]), ["{}", "{}"]);
    }

    #[test]
    fn event_with_line_feeds_has_one_field_per_line() {
        let framed = Framing::ServerSentEvents.frame(b"a\n\nb");
        assert_eq!(framed, "data: a\ndata: \ndata: b\n\n");
        let events = split(Framing::ServerSentEvents, LIMIT, &[&framed]).unwrap();
        assert_eq!(events, ["a\n\nb"]);
    }

    fn cut<'b>(body: &'b [u8], cuts: &[prop::sample::Index]) -> Vec<&'b [u8]> {
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        at.extend([0, body.len()]);
        at.sort_unstable();
        at.windows(2).map(|ends| &body[ends[0]..ends[1]]).collect()
    }

    proptest! {
        /// The events are the same however the body is split, even inside a character.
        #[test]
        fn events_do_not_depend_on_piece_boundaries(
            events in prop::collection::vec("[^\u{0}-\u{1f}\u{feff}]{0,12}[a-zäß€😀]", 0..8),
            ending in prop::sample::select(vec!["\n", "\r\n"]),
            has_last_end: bool,
            is_sse: bool,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
        ) {
            let (framing, start, end) = if is_sse {
                (Framing::ServerSentEvents, "data: ", ending.repeat(2))
            } else {
                (Framing::Lines, "", ending.to_owned())
            };
            let mut body = events.iter().map(|event| format!("{start}{event}{end}")).collect::<String>();
            if !has_last_end {
                body.truncate(body.len().saturating_sub(end.len()));
            }
            let found = split(framing, LIMIT, &cut(body.as_bytes(), &cuts)).unwrap();
            prop_assert_eq!(&found, &events);
            let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
            prop_assert_eq!(split(framing, LIMIT, &bytes).unwrap(), events);
        }

        /// Splitting a framed event returns the event.
        #[test]
        fn framing_and_splitting_are_inverse(events in prop::collection::vec("[a-z😀]{1,9}", 0..6)) {
            for framing in [Framing::Lines, Framing::ServerSentEvents] {
                let framed: Vec<Bytes> = events.iter().map(|event| framing.frame(event.as_bytes())).collect();
                let pieces: Vec<&[u8]> = framed.iter().map(|piece| &piece[..]).collect();
                prop_assert_eq!(split(framing, LIMIT, &pieces).unwrap(), events.clone());
            }
        }

        /// Arbitrary bytes cause no panic, and the events do not depend on the pieces.
        #[test]
        fn arbitrary_bytes_do_not_panic(
            body in prop::collection::vec(prop::sample::select(b"\r\n: dat\xef\xbb\xbf{}".to_vec()), 0..64),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            for framing in [Framing::Lines, Framing::ServerSentEvents] {
                let events = |pieces: &[&[u8]]| {
                    let mut splitter = Splitter::new(framing, LIMIT);
                    let mut events = Vec::new();
                    for piece in pieces {
                        splitter.push(Bytes::copy_from_slice(piece));
                        while let Some(event) = splitter.next_event().unwrap() {
                            events.push(event);
                        }
                    }
                    splitter.end();
                    while let Some(event) = splitter.next_event().unwrap() {
                        events.push(event);
                    }
                    events
                };
                prop_assert_eq!(events(&[&body]), events(&cut(&body, &cuts)));
            }
        }
    }
}
