//! Streamed responses: the events of one, and how faults change what is sent.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tl_protocol::framing::Framing;

/// The events of a response in the platform's format, without their framing.
#[derive(Debug, Clone)]
pub(crate) struct EventStream {
    pub(crate) framing: Framing,
    /// The media type of the response.
    pub(crate) content_type: &'static str,
    pub(crate) events: Vec<Bytes>,
    /// The event that reports a failure in the middle of the response.
    pub(crate) failure: Bytes,
}

/// Faults of a streamed response. Events are counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StreamFault {
    pub(crate) omit_end: bool,
    pub(crate) cut_after: Option<u64>,
    pub(crate) stall_after: Option<u64>,
    pub(crate) garble: Option<u64>,
    pub(crate) error: Option<u64>,
    pub(crate) split_bytes: Option<u64>,
    pub(crate) no_final_newline: bool,
    pub(crate) gap: Duration,
}

/// A response to send in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pieces {
    /// The pieces of the body, in order: one per event unless a fault splits them.
    pub pieces: Vec<Bytes>,
    /// The time before each piece but the first.
    pub gap: Duration,
    /// How the response ends.
    pub ending: Ending,
}

/// The text that ends a body of server-sent events.
const DONE: &[u8] = b"[DONE]";

/// How a response that is sent in pieces ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// As HTTP demands.
    Whole,
    /// The connection breaks after the last piece.
    Cut,
    /// Nothing follows, and the connection stays open.
    Stalled,
}

impl EventStream {
    /// Frames the events, with the effects of `fault`.
    pub(crate) fn pieces(mut self, fault: StreamFault) -> Pieces {
        let mut ending = Ending::Whole;
        // What ends a body of server-sent events is no event.
        let mut end = self.events.pop_if(|event| event == DONE);
        let position =
            |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(event) = fault
            .error
            .and_then(|number| self.events.get_mut(position(number)))
        {
            *event = self.failure.clone();
            self.events.truncate(position(fault.error.unwrap_or(0)) + 1);
            end = None;
        }
        if fault.omit_end {
            self.events.pop();
            end = None;
        }
        if let Some(event) = fault
            .garble
            .and_then(|number| self.events.get_mut(position(number)))
        {
            // A torn line: not JSON any more.
            event.truncate(event.len() / 2);
        }
        for (number, kind) in [
            (fault.stall_after, Ending::Stalled),
            (fault.cut_after, Ending::Cut),
        ] {
            if let Some(number) = number {
                self.events
                    .truncate(usize::try_from(number).unwrap_or(usize::MAX));
                ending = kind;
            }
        }
        let end = end.filter(|_| ending == Ending::Whole);
        let events = self.events.iter().chain(&end);
        let mut pieces: Vec<Bytes> = events.map(|event| frame(self.framing, event)).collect();
        if fault.no_final_newline
            && let Some(last) = pieces.last_mut()
        {
            last.truncate(last.trim_ascii_end().len());
        }
        if let Some(size) = fault.split_bytes {
            let size = usize::try_from(size).unwrap_or(usize::MAX).max(1);
            let split = |piece: Bytes| {
                let starts = (0..piece.len()).step_by(size);
                let parts = starts.map(|at| piece.slice(at..(at + size).min(piece.len())));
                parts.collect::<Vec<_>>()
            };
            pieces = pieces.into_iter().flat_map(split).collect();
        }
        Pieces {
            pieces,
            gap: fault.gap,
            ending,
        }
    }
}

/// Frames an event. A server-sent event has the name that its `type` says.
fn frame(framing: Framing, event: &Bytes) -> Bytes {
    let framed = framing.frame(event);
    let value: Option<serde_json::Value> = match framing {
        Framing::ServerSentEvents => serde_json::from_slice(event).ok(),
        _ => None,
    };
    match value.as_ref().and_then(|value| value["type"].as_str()) {
        Some(name) => [format!("event: {name}\n").as_bytes(), &framed]
            .concat()
            .into(),
        None => framed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(fault: StreamFault) -> (String, usize, Ending) {
        let stream = EventStream {
            framing: Framing::Lines,
            content_type: "application/json",
            events: ["{\"a\":1}", "{\"b\":2}", "{\"end\":3}"]
                .map(Bytes::from)
                .to_vec(),
            failure: Bytes::from_static(b"{\"error\":0}"),
        };
        let pieces = stream.pieces(fault);
        let text = String::from_utf8(pieces.pieces.concat()).unwrap();
        (text, pieces.pieces.len(), pieces.ending)
    }

    #[test]
    fn server_sent_events_have_names_and_an_end() {
        let sent = |fault| {
            let stream = EventStream {
                framing: Framing::ServerSentEvents,
                content_type: "text/event-stream",
                events: [r#"{"type":"a"}"#, r#"{"type":"b"}"#, "[DONE]"]
                    .map(Bytes::from)
                    .to_vec(),
                failure: Bytes::from_static(br#"{"type":"failed"}"#),
            };
            String::from_utf8(stream.pieces(fault).pieces.concat()).unwrap()
        };
        let none = StreamFault::default();
        let first = "event: a\ndata: {\"type\":\"a\"}\n\n";
        let second = "event: b\ndata: {\"type\":\"b\"}\n\n";
        assert_eq!(sent(none), format!("{first}{second}data: [DONE]\n\n"));
        let omit = StreamFault {
            omit_end: true,
            ..none
        };
        assert_eq!(sent(omit), first);
        let cut = StreamFault {
            cut_after: Some(2),
            ..none
        };
        assert_eq!(sent(cut), format!("{first}{second}"));
        let error = StreamFault {
            error: Some(2),
            ..none
        };
        let failed = "event: failed\ndata: {\"type\":\"failed\"}\n\n";
        assert_eq!(sent(error), format!("{first}{failed}"));
    }

    #[test]
    fn faults_change_what_is_sent() {
        let none = StreamFault::default();
        let check = |fault, text: &str, pieces, ending| {
            assert_eq!(sent(fault), (text.to_owned(), pieces, ending), "{fault:?}");
        };
        let whole = "{\"a\":1}\n{\"b\":2}\n{\"end\":3}\n";
        check(none, whole, 3, Ending::Whole);
        check(
            StreamFault {
                omit_end: true,
                ..none
            },
            "{\"a\":1}\n{\"b\":2}\n",
            2,
            Ending::Whole,
        );
        check(
            StreamFault {
                cut_after: Some(1),
                ..none
            },
            "{\"a\":1}\n",
            1,
            Ending::Cut,
        );
        check(
            StreamFault {
                stall_after: Some(0),
                ..none
            },
            "",
            0,
            Ending::Stalled,
        );
        check(
            StreamFault {
                garble: Some(2),
                ..none
            },
            "{\"a\":1}\n{\"b\n{\"end\":3}\n",
            3,
            Ending::Whole,
        );
        check(
            StreamFault {
                error: Some(2),
                ..none
            },
            "{\"a\":1}\n{\"error\":0}\n",
            2,
            Ending::Whole,
        );
        check(
            StreamFault {
                error: Some(9),
                garble: Some(9),
                ..none
            },
            whole,
            3,
            Ending::Whole,
        );
        check(
            StreamFault {
                split_bytes: Some(1),
                ..none
            },
            whole,
            whole.len(),
            Ending::Whole,
        );
        check(
            StreamFault {
                no_final_newline: true,
                ..none
            },
            whole.trim_end(),
            3,
            Ending::Whole,
        );
    }
}
