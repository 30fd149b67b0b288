//! Streamed responses as servers send them, valid and invalid, with the expected result of each.
//! The same list is run by the [scripted server](crate::server) over sockets and by a [`World`] in
//! virtual time.

mod endpoints;

use std::{collections::VecDeque, fmt::Write as _, time::Duration};

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use tl_protocol::{
    Delivery, Error, Exchange, Now, Policy, TransportError, TransportErrorKind, endpoint::Streamed,
    flow::Events,
};
use url::Url;

pub use endpoints::{Analyze, Respond, Results};

use crate::{
    server::{Coding, Reaction, StreamEnd, StreamedReply},
    sim::{Planned, PlannedStream, World},
};

/// A server's action on one request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Act {
    /// Responds.
    Answer(StreamedReply),
    /// Closes the connection without a response.
    Close,
    /// Never responds.
    Never,
}

impl Act {
    /// As a reaction of the scripted server.
    #[must_use]
    pub fn reaction(&self) -> Reaction {
        match self {
            Self::Answer(reply) => Reaction::stream(reply.clone()),
            Self::Close => Reaction::close(),
            Self::Never => Reaction::never(),
        }
    }

    /// As a response in virtual time.
    #[must_use]
    pub fn planned(&self) -> PlannedStream {
        let lost = || {
            TransportError::new(TransportErrorKind::Lost, Delivery::Unknown)
                .with_source("as scripted")
        };
        let (after, head, pieces) = match self {
            Self::Close => (Duration::ZERO, Err(lost()), VecDeque::new()),
            Self::Never => (Duration::MAX, Err(lost()), VecDeque::new()),
            Self::Answer(reply) => {
                let mut head = Response::builder().status(reply.status);
                for (name, value) in &reply.headers {
                    head = head.header(name, value);
                }
                if let Some((name, value)) = reply.framing_header() {
                    head = head.header(name, value);
                }
                let pieces = reply.pieces.iter();
                let mut pieces: VecDeque<_> = pieces
                    .map(|(pause, piece)| (*pause, Ok(Some(piece.clone()))))
                    .collect();
                match (reply.end, reply.coding) {
                    (StreamEnd::Silence, _) => {}
                    // Here the end of the connection always is the end of the body.
                    (_, Coding::UntilClose) | (StreamEnd::Whole, _) => {
                        pieces.push_back((Duration::ZERO, Ok(None)));
                    }
                    (StreamEnd::Cut, _) => pieces.push_back((Duration::ZERO, Err(lost()))),
                }
                (Duration::ZERO, Ok(head.body(()).expect("a head")), pieces)
            }
        };
        PlannedStream {
            after,
            head,
            pieces,
        }
    }
}

/// A [`World`] that performs a list of acts, one per request.
#[derive(Debug)]
pub struct Acts {
    acts: VecDeque<Act>,
    request_count: usize,
}

impl Acts {
    /// Creates a world that performs `acts` in order.
    #[must_use]
    pub fn new(acts: &[Act]) -> Self {
        Self {
            acts: acts.iter().cloned().collect(),
            request_count: 0,
        }
    }

    /// Number of requests so far.
    #[must_use]
    pub fn request_count(&self) -> usize {
        self.request_count
    }
}

impl World for Acts {
    fn answer(&mut self, _: Now, exchange: &Exchange) -> Planned {
        panic!("{exchange:?} is not streamed")
    }

    fn stream(&mut self, _: Now, _: &Exchange) -> PlannedStream {
        self.request_count += 1;
        self.acts
            .pop_front()
            .expect("an act for each request")
            .planned()
    }
}

/// The endpoint to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// [`Analyze`].
    Analyze,
    /// [`Respond`].
    Respond,
    /// [`Results`].
    Results,
}

/// A server behavior and the expected result.
#[derive(Debug)]
#[non_exhaustive]
pub struct Behavior {
    /// Name of the behavior.
    pub name: &'static str,
    /// The endpoint to call.
    pub endpoint: EndpointKind,
    /// The server's acts.
    pub acts: Vec<Act>,
    /// The expected result, in the format of [`format_items`].
    pub expected: &'static str,
}

/// Idle timeout of the feeds of [`events`].
pub const IDLE: Duration = Duration::from_millis(1500);

/// Head timeout of the feeds of [`events`].
pub const HEAD: Duration = Duration::from_millis(2500);

/// Maximum event size of the feeds of [`events`].
pub const MAX_EVENT: usize = 64 << 10;

/// The feed of `endpoint` with short limits.
#[must_use]
pub fn events<E: Streamed>(endpoint: &E, base: &Url) -> Events<E> {
    let policy = Policy::default().with_base_delay(Duration::from_millis(10));
    Events::new(endpoint, base, policy, 1)
        .idle_limit(IDLE)
        .head_limit(HEAD)
        .max_event(MAX_EVENT)
}

/// Formats items on a few lines: each event as JSON, the error with its kind and the transport's,
/// then the number of requests.
#[must_use]
pub fn format_items(items: &[Result<Value, Error>], requests: usize) -> String {
    let mut text = String::new();
    for item in items {
        match item {
            Ok(event) => writeln!(text, "{event}").expect("a string takes all"),
            Err(error) => {
                let failure = error.transport();
                write!(text, "{:?}: {error}", error.kind()).expect("a string takes all");
                if let Some(failure) = failure {
                    write!(text, " [{:?}, {:?}]", failure.kind(), failure.delivery())
                        .expect("a string takes all");
                }
                text.push('\n');
            }
        }
    }
    write!(text, "{requests} sent").expect("a string takes all");
    text
}

/// A chunked 200 response.
#[must_use]
pub fn reply<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>, end: StreamEnd) -> StreamedReply {
    StreamedReply {
        status: 200,
        headers: Vec::new(),
        pieces: pieces
            .into_iter()
            .map(|piece| (Duration::ZERO, piece.into()))
            .collect(),
        coding: Coding::Chunked,
        end,
    }
}

fn answer<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>, end: StreamEnd) -> Act {
    Act::Answer(reply(pieces, end))
}

fn whole<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>) -> Act {
    answer(pieces, StreamEnd::Whole)
}

fn refusal(status: u16, retry_after: Option<&str>, body: &'static str) -> Act {
    let pieces: Vec<&str> = Some(body)
        .into_iter()
        .filter(|body| !body.is_empty())
        .collect();
    let mut reply = reply(pieces, StreamEnd::Whole);
    reply.status = status;
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    reply
        .headers
        .push(header("content-type", "application/json"));
    reply
        .headers
        .extend(retry_after.map(|seconds| header("retry-after", seconds)));
    Act::Answer(reply)
}

const TEXT: &str = "{\"type\":\"text\",\"text\":\"caf\u{e9} \u{1f408}\"}\n";
const END: &str = "{\"type\":\"end\"}\n";
const GOOD: &str =
    "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\n{\"type\":\"end\"}\n1 sent";
const GOOD_SECOND: &str =
    "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\n{\"type\":\"end\"}\n2 sent";
const GOOD_THIRD: &str =
    "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\n{\"type\":\"end\"}\n3 sent";

/// All behaviors.
#[must_use]
pub fn behaviors() -> Vec<Behavior> {
    [lines(), server_sent_events(), files(), refusals()]
        .into_iter()
        .flatten()
        .collect()
}

fn lines() -> Vec<Behavior> {
    let case = |name, act, expected| Behavior {
        name,
        endpoint: EndpointKind::Analyze,
        acts: vec![act],
        expected,
    };
    let mut slow = reply([TEXT, END], StreamEnd::Whole);
    for (pause, _) in &mut slow.pieces {
        *pause = IDLE / 3;
    }
    let bytes = |text: String| {
        text.into_bytes()
            .into_iter()
            .map(|byte| Bytes::from(vec![byte]))
    };
    let large = format!("{{\"type\":\"{}\"}}\n", "x".repeat(MAX_EVENT));
    vec![
        case("a good answer", whole([TEXT, END]), GOOD),
        case(
            "a good answer in one piece",
            whole([format!("{TEXT}{END}")]),
            GOOD,
        ),
        case(
            "the last line has no line feed",
            whole([TEXT, END.trim_end()]),
            GOOD,
        ),
        case(
            "each byte is a piece, and characters are split",
            whole(bytes(format!("{TEXT}\r\n{END}"))),
            GOOD,
        ),
        case(
            "pauses shorter than the idle limit",
            Act::Answer(slow),
            GOOD,
        ),
        case(
            "something after the last event",
            whole([TEXT, END, "and {more"]),
            GOOD,
        ),
        case(
            "silence after the last event",
            answer([TEXT, END], StreamEnd::Silence),
            GOOD,
        ),
        case(
            "the body ends in order before the last event",
            whole([TEXT]),
            "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\nInterrupted: could not read the events: the response was cut off after 1 events: it is incomplete, and may have been charged [Lost, Unknown]\n1 sent",
        ),
        case(
            "the connection is cut in the middle of an event",
            answer([TEXT, "{\"type\":\"e"], StreamEnd::Cut),
            "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\nInterrupted: could not read the events: the response was cut off after 1 events: it is incomplete, and may have been charged [Lost, Unknown]\n1 sent",
        ),
        case(
            "silence in the middle of the response",
            answer([TEXT], StreamEnd::Silence),
            "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\nInterrupted: could not read the events: the response was cut off after 1 events: it is incomplete, and may have been charged [Idle, Unknown]\n1 sent",
        ),
        case(
            "an event that is no JSON",
            whole([TEXT, "{\"type\":\n", END]),
            "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\nMalformed: could not read the events: event 2 of the response does not match the API description\n1 sent",
        ),
        case(
            "an event that reports a failure",
            whole([TEXT, "{\"type\":\"error\"}\n", END]),
            "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\n{\"type\":\"error\"}\nInterrupted: could not read the events: the platform reported a failure in event 2, so the response is incomplete\n1 sent",
        ),
        case(
            "an event of an unknown type",
            whole(["{\"type\":\"new\"}\n", END]),
            "{\"type\":\"new\"}\n{\"type\":\"end\"}\n1 sent",
        ),
        case(
            "an event larger than the limit",
            answer([TEXT.to_owned(), large], StreamEnd::Silence),
            "{\"text\":\"caf\u{e9} \u{1f408}\",\"type\":\"text\"}\nMalformed: could not read the events: event 2 of the response is too large\n1 sent",
        ),
        case(
            "silence before the first event",
            answer([""; 0], StreamEnd::Silence),
            "OutcomeUnknown: could not read the events: no event was received, and the request may have been processed [Idle, Unknown]\n1 sent",
        ),
        case(
            "an empty body",
            whole([""; 0]),
            "OutcomeUnknown: could not read the events: no event was received, and the request may have been processed [Lost, Unknown]\n1 sent",
        ),
        case(
            "no answer",
            Act::Close,
            "OutcomeUnknown: could not read the events: no event was received, and the request may have been processed [Lost, Unknown]\n1 sent",
        ),
        case(
            "silence instead of an answer",
            Act::Never,
            "OutcomeUnknown: could not read the events: no event was received, and the request may have been processed [TimedOut, Unknown]\n1 sent",
        ),
    ]
}

fn server_sent_events() -> Vec<Behavior> {
    let case = |name, pieces: &[&'static str], expected| Behavior {
        name,
        endpoint: EndpointKind::Respond,
        acts: vec![whole(pieces.iter().copied())],
        expected,
    };
    vec![
        case(
            "server-sent events with keepalives",
            &[
                ": keepalive\n\nevent: text\nda",
                "ta: {\"type\":\"text\",\"text\":\"caf\u{e9} \u{1f408}\"}\r\n\r\n",
                "data: {\"type\":\"end\"}\n\n",
            ],
            GOOD,
        ),
        case(
            "a text that looks like the mark of the end",
            &[
                "data: {\"type\":\"text\",\"text\":\"[DONE]\"}\n\n",
                "data: {\"type\":\"end\"}\n\ndata: [DONE]\n\n",
            ],
            "{\"text\":\"[DONE]\",\"type\":\"text\"}\n{\"type\":\"end\"}\n1 sent",
        ),
        case(
            "the mark of the end before the last event",
            &["data: {\"type\":\"text\"}\n\ndata: [DONE]\n\n"],
            "{\"type\":\"text\"}\nInterrupted: could not read the events: the response was cut off after 1 events: it is incomplete, and may have been charged [Lost, Unknown]\n1 sent",
        ),
    ]
}

fn files() -> Vec<Behavior> {
    let case = |name, acts, expected| Behavior {
        name,
        endpoint: EndpointKind::Results,
        acts,
        expected,
    };
    let framed = |coding, end| {
        let mut framed = reply(["{\"id\":1}\n", "{\"id\":2}\n"], end);
        framed.coding = coding;
        Act::Answer(framed)
    };
    vec![
        case(
            "a file of lines",
            vec![whole(["{\"id\":1}\n{\"id\"", ":2}\r\n"])],
            "{\"id\":1}\n{\"id\":2}\n1 sent",
        ),
        case(
            "a file of lines with a length",
            vec![framed(Coding::Length, StreamEnd::Whole)],
            "{\"id\":1}\n{\"id\":2}\n1 sent",
        ),
        case(
            "a file of lines that is shorter than its length",
            vec![framed(Coding::Length, StreamEnd::Cut)],
            "{\"id\":1}\n{\"id\":2}\nInterrupted: could not read the events: the response was cut off after 2 events: it is incomplete, and may have been charged [Lost, Unknown]\n1 sent",
        ),
        case("an empty file", vec![whole([""; 0])], "1 sent"),
        case(
            "a file of lines that is cut between two lines",
            vec![answer(["{\"id\":1}\n"], StreamEnd::Cut)],
            "{\"id\":1}\nInterrupted: could not read the events: the response was cut off after 1 events: it is incomplete, and may have been charged [Lost, Unknown]\n1 sent",
        ),
        case(
            "a file of lines that ends with its connection",
            vec![framed(Coding::UntilClose, StreamEnd::Whole)],
            "{\"id\":1}\n{\"id\":2}\nInterrupted: could not read the events: the response was cut off after 2 events: it is incomplete, and may have been charged [Lost, Unknown]\n1 sent",
        ),
        case(
            "a file of lines that is cut before the first line, and comes the second time",
            vec![
                answer(["{\"id\""], StreamEnd::Cut),
                Act::Close,
                whole(["{\"id\":1}"]),
            ],
            "{\"id\":1}\n3 sent",
        ),
    ]
}

fn refusals() -> Vec<Behavior> {
    let case = |name, acts, expected| Behavior {
        name,
        endpoint: EndpointKind::Analyze,
        acts,
        expected,
    };
    vec![
        case(
            "busy twice, with an empty body",
            vec![
                refusal(429, Some("1"), ""),
                refusal(429, Some("1"), ""),
                whole([TEXT, END]),
            ],
            GOOD_THIRD,
        ),
        case(
            "unavailable once",
            vec![refusal(503, Some("0"), "{}"), whole([TEXT, END])],
            GOOD_SECOND,
        ),
        case(
            "a refusal with its reason",
            vec![refusal(
                400,
                None,
                "{\"code\":\"parameter_invalid\",\"message\":\"The prompt is empty\"}",
            )],
            "Refused: could not read the events: the platform returned 400 Bad Request `parameter_invalid`: The prompt is empty\n1 sent",
        ),
        case(
            "a failure that may have been processed",
            vec![refusal(500, None, "{}")],
            "OutcomeUnknown: could not read the events: the platform returned 500 Internal Server Error; the request may have been processed: check before you retry\n1 sent",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tl_protocol::framing::Splitter;

    use super::*;
    use crate::sim::Sim;
    use tl_http::Transport;
    use tl_protocol::framing::Framing;

    #[test]
    fn simulator_has_the_expected_transcripts() {
        let base: Url = "https://api.twelvelabs.io/v1.3".parse().expect("a URL");
        for behavior in behaviors() {
            let sim = Sim::new(Acts::new(&behavior.acts));
            let items: Vec<_> = match behavior.endpoint {
                EndpointKind::Analyze => sim.stream(events(&Analyze, &base)).collect(),
                EndpointKind::Respond => sim.stream(events(&Respond, &base)).collect(),
                EndpointKind::Results => sim.stream(events(&Results, &base)).collect(),
            };
            let requests = sim.world(|world| world.request_count());
            assert_eq!(
                format_items(&items, requests),
                behavior.expected,
                "{}",
                behavior.name
            );
        }
    }

    /// A splitter that scanned each piece's line from its start would scan 10^11 bytes here.
    #[test]
    fn large_event_in_small_pieces_takes_linear_time() {
        let (size, piece) = (1 << 20, Bytes::from_static(b"data"));
        for framing in [Framing::Lines, Framing::ServerSentEvents] {
            let mut splitter = Splitter::new(framing, 2 * size);
            let started = Instant::now();
            splitter.push("data:".into());
            for _ in 0..size / piece.len() {
                splitter.push(piece.clone());
                assert!(matches!(splitter.next_event(), Ok(None)));
            }
            splitter.push("\n\n".into());
            let event = splitter.next_event().expect("small enough").expect("whole");
            assert!(event.len() >= size, "{} bytes", event.len());
            let took = started.elapsed();
            assert!(took < Duration::from_secs(10), "{framing:?}: {took:?}");
        }
    }

    #[test]
    fn retry_after_is_respected_by_streams() {
        let base: Url = "https://api.twelvelabs.io/v1.3".parse().expect("a URL");
        let acts = [refusal(429, Some("7"), ""), whole([TEXT, END])];
        let sim = Sim::new(Acts::new(&acts));
        assert_eq!(sim.stream(events(&Analyze, &base)).count(), 2);
        assert!(
            sim.elapsed() >= Duration::from_secs(7),
            "{:?}",
            sim.elapsed()
        );
    }

    #[test]
    fn total_timeout_ends_a_moving_response() {
        let base: Url = "https://api.twelvelabs.io/v1.3".parse().expect("a URL");
        let mut endless = reply(vec![TEXT; 100], StreamEnd::Silence);
        for (pause, _) in &mut endless.pieces {
            *pause = IDLE / 2;
        }
        let sim = Sim::new(Acts::new(&[Act::Answer(endless)]));
        let limit = Duration::from_secs(10);
        let items: Vec<_> = sim.stream(events(&Analyze, &base).within(limit)).collect();
        let error = items.last().and_then(|item| item.as_ref().err());
        let kind = error.expect("an error ends it").kind();
        assert_eq!(kind, tl_protocol::ErrorKind::DeadlinePassed);
        assert_eq!((items.len(), sim.elapsed()), (14, limit));
    }
}
