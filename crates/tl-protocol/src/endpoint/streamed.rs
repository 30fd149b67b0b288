//! Endpoints whose answer is a series of events that is read while it arrives.

use std::{fmt, time::Duration};

use bytes::Bytes;

use super::Endpoint;
use crate::framing::Framing;

/// What an event says about the answer that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventRole {
    /// More events follow.
    Part,
    /// The answer is whole with this event.
    Last,
    /// The platform failed in the middle of the answer. The event is delivered, and an error follows it.
    Failure,
}

/// How the end of an answer is known, so that one that was cut cannot look whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnswerEnd {
    /// By an event with the role [`Last`](EventRole::Last): a body that ends before it was cut.
    Event,
    /// By the end of the body, if HTTP frames it with a length or in chunks. A body that ends with its connection was
    /// possibly cut.
    Body,
}

/// An endpoint whose answer is a series of events; [`Events`](crate::flow::Events) reads it.
///
/// A successful answer is events; an answer of any other status is an ordinary error body.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Method, StatusCode};
/// use tl_protocol::{endpoint::{Endpoint, EventRole, Streamed}, framing::Framing};
///
/// # use tl_protocol::{Repeat, endpoint::{Outgoing, Received, Rejection}};
/// # #[derive(Debug, Clone)]
/// # struct Analyze;
/// # impl Endpoint for Analyze {
/// #     type Response = ();
/// #     const OPERATION: &'static str = "analyze a video";
/// #     const METHOD: Method = Method::POST;
/// #     const PATH: &'static str = "/analyze";
/// #     const REPEAT: Repeat = Repeat::IfNotProcessed;
/// #     const SUCCESS: StatusCode = StatusCode::OK;
/// #     fn encode(&self) -> Outgoing { Outgoing::new() }
/// #     fn decode(_: &Received) -> Result<Self, Rejection> { Ok(Self) }
/// #     fn encode_response(_: &()) -> Result<Bytes, serde_json::Error> { Ok(Bytes::new()) }
/// #     fn decode_response(_: &[u8]) -> Result<(), serde_json::Error> { Ok(()) }
/// # }
/// impl Streamed for Analyze {
///     type Event = serde_json::Value;
///     const FRAMING: Framing = Framing::Lines;
///
///     fn decode_event(event: &[u8]) -> Result<Self::Event, serde_json::Error> {
///         serde_json::from_slice(event)
///     }
///
///     fn encode_event(event: &Self::Event) -> Result<Bytes, serde_json::Error> {
///         serde_json::to_vec(event).map(Into::into)
///     }
///
///     fn role(event: &Self::Event) -> EventRole {
///         match event["event_type"].as_str() {
///             Some("stream_end") => EventRole::Last,
///             Some("error") => EventRole::Failure,
///             _ => EventRole::Part,
///         }
///     }
/// }
///
/// let end = Analyze::decode_event(br#"{"event_type": "stream_end"}"#).unwrap();
/// assert_eq!(Analyze::role(&end), EventRole::Last);
/// ```
pub trait Streamed: Endpoint {
    /// One event.
    type Event: fmt::Debug + Send + 'static;

    /// How the events follow each other.
    const FRAMING: Framing;

    /// How the end of the answer is known.
    const END: AnswerEnd = AnswerEnd::Event;

    /// The longest time until the head of the answer. Default 10 minutes: an analysis sends no byte before it begins to
    /// write, and the official clients (Python 1.3.6, JavaScript 1.3.4) wait that long.
    const HEAD_LIMIT: Duration = Duration::from_secs(600);

    /// The longest time without a byte after the head. Default 2 minutes: the platform documents no keepalive in NDJSON
    /// answers, so a shorter limit could end a good one.
    const IDLE_LIMIT: Duration = Duration::from_secs(120);

    /// The largest event in bytes. Default 16 MiB: the largest documented answer has 98,304 tokens, about 0.4 MB of text,
    /// which JSON escapes make at most six times as long.
    const MAX_EVENT: usize = 16 << 20;

    /// Reads an event as a client does.
    ///
    /// # Errors
    /// The event is not what the API describes.
    fn decode_event(event: &[u8]) -> Result<Self::Event, serde_json::Error>;

    /// The event in the platform's form, without its framing.
    ///
    /// # Errors
    /// Only if the event holds what JSON cannot.
    fn encode_event(event: &Self::Event) -> Result<Bytes, serde_json::Error>;

    /// What `event` says about the answer.
    fn role(event: &Self::Event) -> EventRole;
}
