//! The TwelveLabs API as pure state machines.
//!
//! This crate knows every request, every answer and every workflow of the platform, and performs none of it: it opens no
//! socket and no file, reads no clock, no environment and no randomness. A [`Flow`] says what should happen next, a
//! [`Transport`] of the crate [`tl_http`] makes it happen, and time ([`Now`]) and chance (a seed) are arguments.
//!
//! | Room | What lives there |
//! |---|---|
//! | [`flow`] | the workflows: `call`, `events`, `pages`, `wait`, `ingest` |
//! | [`endpoint`] | one type per request, encoded and decoded both ways |
//! | [`framing`] | NDJSON, JSON Lines and server-sent events |
//! | [`form`] | multipart/form-data with a length known beforehand |
//! | [`retry`] | the judgement whether, and when, to try again |
//! | [`client`] | [`Client`]: every method once, for every colour of transport |

pub mod client;
pub mod endpoint;
mod error;
pub mod event;
pub mod flow;
pub mod form;
pub mod framing;
pub mod retry;
pub mod rng;

pub use client::{Client, ClientSettings};
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, StatusSeen};
pub use event::{Event, Observer};
pub use retry::{Policy, Repeat};

/// The types of the HTTP seam that occur in the signatures of this crate, so that endpoints and flows need one import path.
/// The modules of the seam, and what only a transport needs, are in [`tl_http`].
pub use tl_http::{
    ApiKey, Auth, BlockingTransport, Body, BodyReader, BytesSource, Credentials, Delivery,
    Exchange, Feed, FeedStep, Flow, HttpSettings, Now, Outcome, Prepared, Proxy, SetupError,
    Source, Step, SuppliedUrls, Token, Transport, TransportError, TransportErrorKind,
};
