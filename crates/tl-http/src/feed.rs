//! The contract between a streamed answer and whoever drives it.
//!
//! A [`Flow`](crate::Flow) has one output, at its end. A feed yields items while the body of an answer arrives. It has one
//! exchange open at a time, and like a flow it never waits, sends or reads a clock:
//!
//! ```text
//!   new ──► ready ──► Open(exchange)   send it, then call `on_head` once
//!             ▲  ├──► Read { idle }    wait for the next piece, then call `on_piece` once
//!             │  ├──► Wait { until }   sleep until then
//!             │  ├──► Item(item)       hand it to the caller
//!             │  └──► End              drop what is open; `step` is not called again
//!             │
//!             └── the driver calls `step` again after each of these
//! ```
//!
//! - [`Exchange::timeout`] limits the time to the head of the answer. After the head, each `Read` carries its own limit:
//!   the longest time without a byte. A limit on the whole answer is the feed's business.
//! - `on_head` receives any status. The body of an answer that is no success is read piece by piece like any other.
//! - `on_piece` receives a piece, `None` at the end of the body, or an error. `None` means that the body arrived whole as
//!   HTTP frames it: a driver reports a connection that broke as an error, never as the end.
//! - After `None`, after an error, and after a new `Open`, the earlier body is gone. A `Read` while no body is open is
//!   answered with [`TransportErrorKind::Lost`](crate::TransportErrorKind::Lost).
//! - A driver that its caller ends during a `Wait` calls `on_head` with
//!   [`TransportErrorKind::Canceled`](crate::TransportErrorKind::Canceled).
//! - Dropping the driver's stream at any time ends the exchange and closes its connection.
//!
//! A feed of lengths, driven by hand:
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
//!             (_, false) => FeedStep::Open(Exchange {
//!                 http: http::Request::get("http://localhost/log").body(Body::empty()).unwrap(),
//!                 auth: Auth::None,
//!                 timeout: Duration::from_secs(60),
//!                 stall: Duration::from_secs(30),
//!             }),
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

/// The head of an answer, or why there is none.
pub type Head = Result<http::Response<()>, TransportError>;

/// The next piece of a body, `None` at its end, or why it broke.
pub type Piece = Result<Option<Bytes>, TransportError>;

/// What a feed wants next.
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
        /// The longest time without a byte; then the read ends as
        /// [`Idle`](crate::TransportErrorKind::Idle).
        idle: Duration,
    },
    /// Nothing until this time on the driver's clock.
    Wait {
        /// When to call [`step`](Feed::step) again.
        until: Duration,
    },
    /// An item for the caller.
    Item(I),
    /// The end.
    End,
}

/// A streamed answer as a pure state machine; see the [module](self) for the contract.
pub trait Feed: Send {
    /// What the feed yields.
    type Item: Send;

    /// What should happen next.
    fn step(&mut self, now: Now) -> FeedStep<Self::Item>;

    /// The head of the answer to the exchange that [`step`](Feed::step) opened, whatever its status.
    fn on_head(&mut self, now: Now, head: Head);

    /// The next piece of the body that is open.
    fn on_piece(&mut self, now: Now, piece: Piece);
}
