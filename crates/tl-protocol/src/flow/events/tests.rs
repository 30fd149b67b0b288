//! Tests of the feed of a streamed response, driven by hand.

use std::time::SystemTime;

use http::{Method, StatusCode};
use serde_json::Value;

use super::*;
use crate::{
    Endpoint, Repeat,
    endpoint::{BodyKind, Codec, Outgoing, Received, Rejection},
};

/// A streamed response in lines. It is complete at the end of the body, or with the event
/// `{"last": true}`.
#[derive(Debug, Clone)]
struct Rows<const ENDS_WITH_BODY: bool>;

impl<const ENDS_WITH_BODY: bool> Codec for Rows<ENDS_WITH_BODY> {
    fn encode(&self) -> Outgoing {
        Outgoing::new()
    }

    fn decode(_: &Received) -> Result<Self, Rejection> {
        Ok(Self)
    }
}

impl<const ENDS_WITH_BODY: bool> Endpoint for Rows<ENDS_WITH_BODY> {
    type Response = ();
    const NAME: &'static str = "rows";
    const OPERATION: &'static str = "read the rows";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/rows";
    const BODY: BodyKind = BodyKind::Json;
    const REPEAT: Repeat = Repeat::IfNotProcessed;
    const SUCCESS: StatusCode = StatusCode::OK;

    fn encode_response((): &()) -> Result<Bytes, serde_json::Error> {
        Ok(Bytes::new())
    }

    fn decode_response(_: &[u8]) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl<const ENDS_WITH_BODY: bool> Streamed for Rows<ENDS_WITH_BODY> {
    type Event = Value;
    const FRAMING: Framing = Framing::Lines;
    const END: EndSignal = match ENDS_WITH_BODY {
        true => EndSignal::Body,
        false => EndSignal::Event,
    };

    fn decode_event(event: &[u8]) -> Result<Value, serde_json::Error> {
        serde_json::from_slice(event)
    }

    fn encode_event(event: &Value) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(event).map(Into::into)
    }

    fn role(event: &Value) -> EventRole {
        match event["last"].as_bool() {
            Some(true) => EventRole::Last,
            _ => EventRole::Part,
        }
    }
}

/// A feed of one attempt.
fn feed<const ENDS_WITH_BODY: bool>() -> Events<Rows<ENDS_WITH_BODY>> {
    let base = "https://api.example/v1.3".parse().unwrap();
    Events::new(&Rows, &base, Policy::default().with_attempts(1), 1)
}

fn at(millis: u64) -> Now {
    Now::new(Duration::from_millis(millis), SystemTime::UNIX_EPOCH)
}

/// Sends the request at 0, and receives this head.
fn open<E: Streamed>(feed: &mut Events<E>, head: Head) {
    assert!(matches!(feed.step(at(0)), FeedStep::Open(_)));
    feed.on_head(at(0), head);
}

fn head(status: u16) -> Head {
    Ok(Response::builder().status(status).body(()).unwrap())
}

/// Receives a piece of `size` bytes.
fn receive<E: Streamed>(feed: &mut Events<E>, size: usize) {
    feed.on_piece(at(0), Ok(Some(vec![b' '; size].into())));
}

/// The idle timeout of the next read.
fn idle<E: Streamed>(feed: &mut Events<E>, now: Now) -> Duration {
    match feed.step(now) {
        FeedStep::Read { idle } => idle,
        _ => panic!("more is read"),
    }
}

/// The next event or error.
fn item<E: Streamed>(feed: &mut Events<E>, now: Now) -> Result<E::Event, Error> {
    match feed.step(now) {
        FeedStep::Item(item) => item,
        _ => panic!("an item is yielded"),
    }
}

/// Yields an error and ends.
fn fails<E: Streamed>(feed: &mut Events<E>, now: Now) -> Error {
    let error = item(feed, now).unwrap_err();
    assert!(matches!(feed.step(now), FeedStep::End));
    error
}

#[test]
fn errors_without_a_head_say_what_is_known() {
    use TransportErrorKind::{Canceled, Lost};
    let check = |kind, delivery, expected: ErrorKind, text: &str| {
        let mut feed = feed::<false>();
        open(&mut feed, Err(TransportError::new(kind, delivery)));
        let error = fails(&mut feed, at(0));
        assert_eq!(error.kind(), expected);
        assert_eq!(
            error.to_string(),
            format!("could not read the rows: {text}")
        );
    };
    check(
        Lost,
        Delivery::Unknown,
        ErrorKind::OutcomeUnknown,
        "no event was received, and the request may have been processed",
    );
    check(
        Lost,
        Delivery::NotSent,
        ErrorKind::ConnectionLost,
        "no response from the platform",
    );
    check(
        Canceled,
        Delivery::NotSent,
        ErrorKind::Canceled,
        "the caller ended the operation",
    );
}

#[test]
fn end_of_an_unframed_body_may_be_a_broken_connection() {
    let check = |version, header: Option<(&str, &str)>, is_complete: bool| {
        let mut feed = feed::<true>();
        let mut head = Response::builder().version(version);
        if let Some((name, value)) = header {
            head = head.header(name, value);
        }
        open(&mut feed, Ok(head.body(()).unwrap()));
        feed.on_piece(at(0), Ok(Some("{\"row\": 1}\n".into())));
        item(&mut feed, at(0)).unwrap();
        idle(&mut feed, at(0));
        feed.on_piece(at(0), Ok(None));
        if is_complete {
            assert!(
                matches!(feed.step(at(0)), FeedStep::End),
                "{version:?} {header:?}"
            );
        } else {
            assert_eq!(fails(&mut feed, at(0)).kind(), ErrorKind::Interrupted);
        }
    };
    for version in [Version::HTTP_10, Version::HTTP_11] {
        check(version, None, false);
        check(version, Some(("content-length", "11")), true);
        check(version, Some(("transfer-encoding", "chunked")), true);
    }
    check(Version::HTTP_2, None, true);
    check(Version::HTTP_3, None, true);
}

#[test]
fn deadline_ends_a_response_that_has_not_ended() {
    let text = |events: u32| {
        format!(
            "could not read the rows: the operation timed out after {events} events of the response"
        )
    };
    let mut feed = feed::<false>().within(Duration::from_secs(10));
    open(&mut feed, head(200));
    assert_eq!(idle(&mut feed, at(4_000)), Duration::from_secs(6));
    assert_eq!(idle(&mut feed, at(9_999)), Duration::from_millis(1));
    let error = fails(&mut feed, at(10_000));
    assert_eq!(error.kind(), ErrorKind::DeadlinePassed);
    assert_eq!(error.to_string(), text(0));
    // What was received before is yielded.
    let mut feed = self::feed::<false>().within(Duration::from_secs(10));
    open(&mut feed, head(200));
    feed.on_piece(at(9_999), Ok(Some("{\"row\": 1}\n{\"row\"".into())));
    item(&mut feed, at(10_000)).unwrap();
    assert_eq!(fails(&mut feed, at(10_000)).to_string(), text(1));
}

#[test]
fn error_bodies_are_read_up_to_64_kib() {
    let check = |sizes: &[usize], reads_on: bool| {
        let mut feed = feed::<false>();
        open(&mut feed, head(400));
        feed.on_piece(at(0), Ok(Some(r#"{"message": "no rows"}"#.into())));
        for size in sizes {
            assert_eq!(idle(&mut feed, at(0)), ERROR_BODY_IDLE);
            receive(&mut feed, *size);
        }
        if reads_on {
            assert_eq!(idle(&mut feed, at(0)), ERROR_BODY_IDLE);
            feed.on_piece(at(0), Ok(None));
        }
        // Without the piece that is too large.
        let error = fails(&mut feed, at(0));
        assert_eq!(error.kind(), ErrorKind::Refused);
        let text = "could not read the rows: the platform returned 400 Bad Request: no rows";
        assert_eq!(error.to_string(), text, "{sizes:?}");
    };
    let rest = MAX_ERROR_BODY - r#"{"message": "no rows"}"#.len();
    check(&[], true);
    check(&[9_000, 9_000], true);
    check(&[rest], true);
    check(&[rest - 1, 1], true);
    check(&[rest + 1], false);
    check(&[rest, 1], false);
    check(&[rest - 1, 2], false);
}

#[test]
fn end_of_the_body_is_awaited_for_a_few_pieces() {
    let closing = || {
        let mut feed = feed::<false>();
        open(&mut feed, head(200));
        feed.on_piece(at(0), Ok(Some("{\"last\": true}\n".into())));
        item(&mut feed, at(0)).unwrap();
        feed
    };
    // Whatever arrives is ignored.
    let mut feed = closing();
    for _ in 0..=CLOSE_PIECES {
        assert_eq!(idle(&mut feed, at(0)), CLOSE_IDLE);
        feed.on_piece(at(0), Ok(Some("{\"row\": 1}\n".into())));
    }
    assert!(matches!(feed.step(at(0)), FeedStep::End));
    // At its end or if it is cut off, the response is complete.
    let lost = TransportError::new(TransportErrorKind::Lost, Delivery::Unknown);
    for end in [Ok(None), Err(lost)] {
        let mut feed = closing();
        assert_eq!(idle(&mut feed, at(0)), CLOSE_IDLE);
        feed.on_piece(at(0), end);
        assert!(matches!(feed.step(at(0)), FeedStep::End));
    }
}
