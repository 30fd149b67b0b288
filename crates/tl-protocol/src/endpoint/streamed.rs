//! Endpoints with streamed responses: a series of events that is read while it arrives.

use std::{fmt, time::Duration};

use bytes::Bytes;

use super::Endpoint;
use crate::framing::Framing;

/// The role of an event in its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventRole {
    /// More events follow.
    Part,
    /// The response is complete with this event.
    Last,
    /// The platform failed in the middle of the response. The event is delivered, and an error
    /// follows it.
    Failure,
}

/// How the end of a response is detected, so that a truncated response is never taken for a
/// complete one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndSignal {
    /// By an event with the role [`Last`](EventRole::Last). A body that ends earlier was truncated.
    Event,
    /// By the end of the body, if HTTP frames it with a length or in chunks. A body that ends with
    /// its connection may have been truncated.
    Body,
}

/// An endpoint with a streamed response; [`Events`](crate::flow::Events) reads it.
///
/// A successful response is a series of events. A response of any other status has an ordinary
/// error body.
///
/// ```
/// # use bytes::Bytes;
/// # use http::{Method, StatusCode};
/// use tl_protocol::{endpoint::{Endpoint, EventRole, Streamed}, framing::Framing};
///
/// # use tl_protocol::{Repeat, endpoint::{BodyKind, Codec, Outgoing, Received, Rejection}};
/// # #[derive(Debug, Clone)]
/// # struct Analyze;
/// # impl Codec for Analyze {
/// #     fn encode(&self) -> Outgoing { Outgoing::new() }
/// #     fn decode(_: &Received) -> Result<Self, Rejection> { Ok(Self) }
/// # }
/// # impl Endpoint for Analyze {
/// #     type Response = ();
/// #     const NAME: &'static str = "analyze";
/// #     const OPERATION: &'static str = "analyze a video";
/// #     const METHOD: Method = Method::POST;
/// #     const PATH: &'static str = "/analyze";
/// #     const BODY: BodyKind = BodyKind::Json;
/// #     const REPEAT: Repeat = Repeat::IfNotProcessed;
/// #     const SUCCESS: StatusCode = StatusCode::OK;
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

    /// The framing of the events.
    const FRAMING: Framing;

    /// How the end of the response is detected.
    const END: EndSignal = EndSignal::Event;

    /// Timeout for the response head. Default 10 minutes: an analysis sends no byte before it
    /// starts writing, and the official clients (Python 1.3.6, JavaScript 1.3.4) wait that long.
    const HEAD_LIMIT: Duration = Duration::from_secs(600);

    /// Idle timeout: the longest time without a byte after the head. Default 2 minutes: the
    /// platform documents no keepalive in NDJSON responses, so a shorter limit could break a good
    /// one.
    const IDLE_LIMIT: Duration = Duration::from_secs(120);

    /// The largest event, in bytes. Default 16 MiB: the largest documented response has 98,304
    /// tokens, about 0.4 MB of text, which JSON escapes make at most six times as long.
    const MAX_EVENT: usize = 16 << 20;

    /// Decodes an event as a client does.
    ///
    /// # Errors
    /// If the event does not match the API description.
    fn decode_event(event: &[u8]) -> Result<Self::Event, serde_json::Error>;

    /// Encodes an event in the platform's format, without its framing.
    ///
    /// # Errors
    /// Only if the event contains a value that JSON cannot represent.
    fn encode_event(event: &Self::Event) -> Result<Bytes, serde_json::Error>;

    /// The role of `event` in the response.
    fn role(event: &Self::Event) -> EventRole;
}
