//! The contract between a streamed response and its driver.
//!
//! A [`Flow`](crate::Flow) has one output, at its end. A feed yields items while the body of a
//! response arrives. It has at most one exchange open, and like a flow it never waits, sends or
//! reads a clock:
//!
//! ```text
//!   new ──► ready ──► Open(exchange)   send it, then call `on_head` once
//!             ▲  ├──► Read { idle }    wait for the next piece, then call `on_piece` once
//!             │  ├──► Wait { until }   sleep until then
//!             │  ├──► Item(item)       return it to the caller
//!             │  └──► End              drop what is open; `step` is not called again
//!             │
//!             └── the driver calls `step` again after each of these
//! ```
//!
//! - [`Exchange::timeout`] limits the time to the response head. After the head, each `Read` has
//!   its own idle timeout: the longest time without a byte. A feed enforces a limit on the whole
//!   response itself.
//! - `on_head` receives any status. The body of an unsuccessful response is read piece by piece
//!   like any other.
//! - `on_piece` receives a piece, `None` at the end of the body, or an error. `None` means that the
//!   body is complete according to its HTTP framing: a driver reports a broken connection as an
//!   error, never as the end.
//! - After `None`, after an error, and after a new `Open`, the previous body is closed. A `Read`
//!   without an open body fails with
//!   [`TransportErrorKind::Lost`](crate::TransportErrorKind::Lost).
//! - If the caller cancels during a `Wait`, the driver calls `on_head` with
//!   [`TransportErrorKind::Canceled`](crate::TransportErrorKind::Canceled).
//! - Dropping the driver's stream cancels the exchange and closes its connection.
//!
//! A feed driven by hand:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use bytes::Bytes;
//! use tl_http::{Auth, Body, Exchange, Feed, FeedStep, Now, TransportError};
//!
//! /// Yields the length of each piece of `http://localhost/log`.
//! #[derive(Default)]
//! struct Lengths { is_open: bool, is_done: bool, length: Option<usize> }
//!
//! impl Feed for Lengths {
//!     type Item = usize;
//!
//!     fn step(&mut self, _: Now) -> FeedStep<usize> {
//!         if let Some(length) = self.length.take() {
//!             return FeedStep::Item(length);
//!         }
//!         match (self.is_done, self.is_open) {
//!             (true, _) => FeedStep::End,
//!             (_, true) => FeedStep::Read { idle: Duration::from_secs(30) },
//!             (_, false) => FeedStep::Open(Exchange::new(
//!                 http::Request::get("http://localhost/log").body(Body::empty()).unwrap(),
//!                 Auth::None,
//!                 Duration::from_secs(60),
//!                 Duration::from_secs(30),
//!             )),
//!         }
//!     }
//!
//!     fn on_head(&mut self, _: Now, head: Result<http::Response<()>, TransportError>) {
//!         self.is_open = true;
//!         self.is_done = head.is_err();
//!     }
//!
//!     fn on_piece(&mut self, _: Now, piece: Result<Option<Bytes>, TransportError>) {
//!         match piece {
//!             Ok(Some(piece)) => self.length = Some(piece.len()),
//!             Ok(None) | Err(_) => self.is_done = true,
//!         }
//!     }
//! }
//!
//! let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH);
//! let mut feed = Lengths::default();
//! assert!(matches!(feed.step(now), FeedStep::Open(_)));
//! feed.on_head(now, Ok(http::Response::new(())));
//! assert!(matches!(feed.step(now), FeedStep::Read { .. }));
//! feed.on_piece(now, Ok(Some("hello".into())));
//! assert!(matches!(feed.step(now), FeedStep::Item(5)));
//! feed.on_piece(now, Ok(None));
//! assert!(matches!(feed.step(now), FeedStep::End));
//! ```

use std::time::Duration;

use bytes::Bytes;

use crate::{Exchange, Now, TransportError};

/// The head of a response, or the error.
pub type Head = Result<http::Response<()>, TransportError>;

/// The next piece of a body, `None` at its end, or the error.
pub type Piece = Result<Option<Bytes>, TransportError>;

/// The next action of a feed.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a step is moved once, from the feed to its driver"
)]
pub enum FeedStep<I> {
    /// Send this and call [`on_head`](Feed::on_head).
    Open(Exchange),
    /// Read the next piece and call [`on_piece`](Feed::on_piece).
    Read {
        /// Idle timeout: the longest time without a byte. The read then fails with
        /// [`Idle`](crate::TransportErrorKind::Idle).
        idle: Duration,
    },
    /// Do nothing until this time on the driver's clock.
    Wait {
        /// When to call [`step`](Feed::step) again.
        until: Duration,
    },
    /// An item for the caller.
    Item(I),
    /// The feed is finished.
    End,
}

/// A streamed response as a pure state machine; see the [module](self) for the contract.
pub trait Feed: Send {
    /// The item type.
    type Item: Send;

    /// Returns the next action.
    fn step(&mut self, now: Now) -> FeedStep<Self::Item>;

    /// Receives the response head of the exchange that [`step`](Feed::step) opened, whatever its
    /// status.
    fn on_head(&mut self, now: Now, head: Head);

    /// Receives the next piece of the open body.
    fn on_piece(&mut self, now: Now, piece: Piece);
}
