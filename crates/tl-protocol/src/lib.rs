//! The TwelveLabs API as pure state machines.
//!
//! This crate knows every request, every answer and every workflow of the platform, and performs none of it: it opens no
//! socket and no file, reads no clock, no environment and no randomness. A [`Flow`] says what should happen next, a
//! [`Transport`] makes it happen, and time ([`Now`]) and chance (a seed) are arguments.
//!
//! | Room | What lives there |
//! |---|---|
//! | [`flow`] | the [`Flow`] contract and the workflows: `call`, `pages`, `wait`, `ingest` |
//! | [`endpoint`] | one type per request, encoded and decoded both ways |
//! | [`exchange`] | one HTTP request and its outcome, as data |
//! | [`body`] | request bodies that can be sent again |
//! | [`form`] | multipart/form-data with a length known beforehand |
//! | [`retry`] | the judgement whether, and when, to try again |
//! | [`proxy`] | which proxy carries a request, and how its tunnel is asked for |
//! | [`credentials`] | the API key and the one host it may go to |
//! | [`client`] | [`Client`]: every method once, for every colour of transport |

pub mod body;
pub mod chance;
pub mod client;
mod client_assets;
pub mod credentials;
pub mod endpoint;
mod error;
pub mod event;
pub mod exchange;
pub mod flow;
pub mod form;
mod prepare;
pub mod proxy;
pub mod retry;
pub mod settings;
mod time;
mod transport;

pub use body::{Body, BodyReader, BytesSource, Source};
pub use client::{Client, ClientSettings};
pub use credentials::{ApiKey, Credentials};
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, StatusSeen};
pub use event::{Event, Observer};
pub use exchange::{Auth, Delivery, Exchange, Outcome, Token, TransportError, TransportErrorKind};
pub use flow::{Flow, Step};
pub use prepare::Prepared;
pub use retry::{Policy, Repeat};
pub use settings::{HttpSettings, Proxy, SetupError};
pub use time::Now;
pub use transport::{BlockingTransport, Transport};
