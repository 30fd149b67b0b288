//! The interface between the workflows and the HTTP transports: data and traits, no I/O.
//!
//! A workflow is a [`Flow`]: a state machine that returns the next [`Exchange`] to send. A
//! [`Transport`] sends it and reports the [`Outcome`]. A [`Feed`] is the same for a streamed
//! response. Workflows and transports depend on this crate and not on each other, so a transport
//! cannot contain retry, paging or polling logic.
//!
//! | Module | Contents |
//! |---|---|
//! | [`flow`] | the contract between a workflow and its driver |
//! | [`feed`] | the same for a streamed response |
//! | [`exchange`] | one HTTP request and its outcome |
//! | [`body`] | request bodies that can be sent again |
//! | [`cancel`] | cancellation of requests, flows and streams |
//! | [`settings`] | the settings of a transport |
//! | [`proxy`] | proxy selection and `CONNECT` tunnels |
//! | [`credentials`] | the API key and the only host it may be sent to |
//! | [`address`] | SSRF protection for URLs that a server supplied |
//! | `tls` | TLS client configuration and root certificates (feature `tls`) |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod address;
pub mod body;
pub mod cancel;
pub mod credentials;
pub mod exchange;
mod extra_headers;
pub mod feed;
pub mod flow;
mod prepare;
pub mod proxy;
pub mod settings;
mod time;
#[cfg(feature = "tls")]
pub mod tls;
mod transport;
mod with_fields;

pub use body::{Body, BodyReader, BytesSource, MAX_READ_SIZE, Source};
pub use cancel::CancelHandle;
pub use credentials::{ApiKey, Credentials};
pub use exchange::{
    Auth, Delivery, Exchange, MaxResponse, Outcome, Token, TransportError, TransportErrorKind,
    is_out_of_descriptors,
};
pub use extra_headers::ExtraHeaders;
pub use feed::{Feed, FeedStep, Head, Piece};
pub use flow::{Flow, Step};
pub use prepare::Prepared;
pub use settings::{HttpSettings, Proxy, SetupError, SuppliedUrls};
pub use time::Now;
pub use transport::{BlockingTransport, CancelTransport, Transport};

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
