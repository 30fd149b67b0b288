//! Streamed responses: their framing, and their events.

use bytes::Bytes;
use tl_protocol::ErrorKind;
use tl_protocol::endpoint::{GetAnalyzeBatchResults, StreamAnalysis, StreamChatResponse, Streamed};
use tl_protocol::framing::{Framing, Splitter};

/// The events of a body that arrives in these pieces, and the error that ends them.
fn split<'a>(
    framing: Framing,
    limit: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Bytes>, Option<ErrorKind>) {
    let mut splitter = Splitter::new(framing, limit);
    let mut found = Vec::new();
    let mut drain = |splitter: &mut Splitter| loop {
        match splitter.next_event() {
            Ok(Some(event)) => found.push(event),
            Ok(None) => return None,
            Err(error) => return Some(error.kind()),
        }
    };
    for piece in pieces {
        splitter.push(Bytes::copy_from_slice(piece));
        if let Some(error) = drain(&mut splitter) {
            return (found, Some(error));
        }
    }
    splitter.end();
    let error = drain(&mut splitter);
    (found, error)
}

/// The pieces of a body make no difference, no event is larger than the limit, and what was read can
/// be framed again.
pub(crate) fn framing(data: &[u8]) {
    let [kind, limit, piece, body @ ..] = data else {
        return;
    };
    let framing = match kind % 2 {
        0 => Framing::Lines,
        _ => Framing::ServerSentEvents,
    };
    let limit = usize::from(*limit) * 8 + 1;
    let whole = split(framing, limit, [body].into_iter());
    let pieces = body.chunks(usize::from(*piece) + 1);
    assert_eq!(split(framing, limit, pieces), whole);
    for event in whole.0 {
        assert!(event.len() <= limit, "{} > {limit}", event.len());
        // A carriage return at the end of a body is part of its last line; before a line feed it is
        // not.
        let is_line = framing == Framing::Lines;
        let event = match event.iter().rposition(|byte| *byte != b'\r') {
            Some(last) if is_line => event.slice(..=last),
            None if is_line => continue,
            _ => event,
        };
        // Not as the first event: a byte order mark at the start of a body is skipped.
        let framed = [framing.frame(b"{}"), framing.frame(&event)].concat();
        let again = split(framing, usize::MAX, [&framed[..]].into_iter());
        assert_eq!(again, (vec![Bytes::from_static(b"{}"), event], None));
    }
}

/// An event can be decoded or not. One that can is the same after it was written and read again.
pub(crate) fn events(data: &[u8]) {
    fn check<E: Streamed>(text: &[u8]) {
        if let Ok(event) = E::decode_event(text) {
            let written = E::encode_event(&event).expect("what was read can be written");
            let again = E::decode_event(&written).expect("own output");
            assert_eq!(format!("{again:?}"), format!("{event:?}"));
            assert_eq!(E::role(&again), E::role(&event));
        }
    }
    check::<StreamAnalysis>(data);
    check::<StreamChatResponse>(data);
    check::<GetAnalyzeBatchResults>(data);
}
