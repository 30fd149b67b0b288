//! The TwelveLabs API as pure state machines.
//!
//! This crate defines the requests, responses and workflows of the platform without performing I/O:
//! it opens no socket and no file, and reads no clock, no environment and no randomness. A [`Flow`]
//! returns the next action, a [`Transport`] of the crate [`tl_http`] performs it, and time
//! ([`Now`]) and randomness (a seed) are arguments.
//!
//! | Module | Contents |
//! |---|---|
//! | [`flow`] | the workflows: `call`, `events`, `pages`, `wait`, `ingest` |
//! | [`endpoint`] | one type per operation, encoded and decoded in both directions |
//! | [`framing`] | NDJSON, JSON Lines and server-sent events |
//! | [`form`] | multipart/form-data with a known length |
//! | [`limiter`] | a rate limiter for requests, video and concurrent tasks |
//! | [`retry`] | the decision whether and when to retry |
//! | [`embed`] | embeddings: a builder, rules per model, saved matrices and their search |
//! | [`pegasus`] | the bounds of the Pegasus models |
//! | [`schema`] | the subsets of JSON Schema that the platform accepts |
//! | [`client`] | [`Client`]: every method of the API over any transport |
//! | `webhook` | signatures of webhook requests (feature `webhook`) |
//!
//! With feature `tracing`, each operation, wait, upload and attempt is a span of the crate
//! [`tracing`](https://docs.rs/tracing), with OpenTelemetry's attribute names. For metrics,
//! [`Observer::with_exchanges`] needs no feature.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client;
pub mod embed;
pub mod endpoint;
mod error;
pub mod event;
pub mod flow;
pub mod form;
pub mod framing;
mod ingested;
pub mod limiter;
pub mod pegasus;
pub mod retry;
pub mod rng;
pub mod schema;
pub mod search;
mod store_client;
mod telemetry;
#[cfg(feature = "webhook")]
pub mod webhook;
mod with_fields;

pub use client::{CallOutput, Client, ClientSettings, EventStream};
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind};
pub use event::{Event, Observer, Resource};
pub use ingested::{IngestedAsset, IngestedTask, Reached, Stage, StatusSeen, Uploaded};
pub use retry::{Policy, Repeat};
pub use store_client::{Ask, SearchStore, Store};
pub use telemetry::FinishedExchange;

/// The types of [`tl_http`] that occur in the signatures of this crate, re-exported so that
/// endpoints and flows need one import path. All other items of that crate are in [`tl_http`].
pub use tl_http::{
    ApiKey, Auth, BlockingTransport, Body, BodyReader, BytesSource, CancelHandle, CancelTransport,
    Credentials, Delivery, Exchange, ExtraHeaders, Feed, FeedStep, Flow, HttpSettings,
    MAX_READ_SIZE, Now, Outcome, Prepared, Proxy, SetupError, Source, Step, SuppliedUrls, Token,
    Transport, TransportError, TransportErrorKind,
};

/// Compiles the examples of the front page.
#[cfg(all(doctest, feature = "webhook"))]
#[doc = include_str!("../README.md")]
struct Readme;
