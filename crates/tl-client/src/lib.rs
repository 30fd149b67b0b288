//! Check a video, upload it to the TwelveLabs video platform, and wait until it is indexed.
//!
//! The crate has an async and a blocking client with the same methods. With feature `async` (the
//! default), the methods of [`Client`] return futures (reqwest, tokio). With feature `blocking`,
//! the methods of [`blocking::Client`] return results (ureq, threads), and the crate does not
//! depend on an async runtime. Both have the operations of all resources, and one
//! [`Error`] for all of them.
//! [`ingest`](Client::ingest) adds the local check: a file that the platform would reject is
//! refused before any byte is sent, with the reason.
//!
//! ```no_run
//! # #[cfg(feature = "async")]
//! # async fn example() -> Result<(), tl_client::Error> {
//! let client = tl_client::Client::from_env()?;
//! let video = client
//!     .ingest("match.mp4")
//!     .into_index("6298d673f1090f1100476d4c")
//!     .observe(|event| eprintln!("{event}"))
//!     .await?;
//! println!("indexed as {:?}", video.video_id);
//! # Ok(()) }
//! ```
//!
//! For metrics, [`Observer::with_exchanges`](tl_protocol::Observer::with_exchanges) reports status,
//! bytes and time of each exchange. With feature `tracing`, each operation, wait, upload and
//! attempt is a span of the crate `tracing`, with OpenTelemetry's attribute names.
//!
//! | Module | Contents |
//! |---|---|
//! | [`analysis`] | answers of analyses, whole and partial |
//! | [`config`] | API key, base URL, limits, environment variables |
//! | [`source`] | files, async readers and objects of object stores as [`tl_protocol::Source`] |
//! | [`checker`] | the local check: prober and rules |
//! | [`route`] | choice of the upload route |
//! | [`checkpoint`] | upload state on disk, to resume in another process |
//! | `ingest` | one video: open, choose the route, check, resume, send, finish |

#![cfg_attr(docsrs, feature(doc_cfg))]
// Without `async` and `blocking`, the crate has rules, routes and the checkpoint list, but no
// client.
#![cfg_attr(
    not(any(feature = "async", feature = "blocking")),
    allow(dead_code, unused_imports)
)]

pub mod analysis;
#[cfg(any(feature = "async", feature = "blocking"))]
mod api;
#[cfg(feature = "async")]
mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(any(feature = "async", feature = "blocking"))]
mod builder;
#[cfg(any(feature = "async", feature = "blocking"))]
mod cancel;
pub mod checker;
pub mod checkpoint;
pub mod config;
mod error;
mod event;
#[cfg(any(feature = "async", feature = "blocking"))]
mod ingest;
mod input;
mod link;
mod outcome;
mod people;
mod probed_file;
pub mod route;
pub mod source;

#[cfg(feature = "async")]
pub use asynchronous::{
    Analyze, AnalyzeBatch, AnswerStream, Client, ClientBuilder, EventStream, Ingest,
    ResponseFuture, Upload,
};
pub use checker::{Checked, Checker};
pub use checkpoint::Checkpoints;
pub use config::Config;
pub use error::Error;
pub use event::Event;
pub use input::Input;
pub use outcome::{Ingested, NotChecked, Stage, UploadedAsset};
pub use people::{EntityFolder, check_picture};
pub use probed_file::ProbedFile;
pub use route::RouteChoice;
pub use source::FileSource;
pub use tl_http::CancelHandle;

pub use tl_protocol::ErrorKind;

#[cfg(feature = "async")]
pub use tl_http_async as http_async;
#[cfg(feature = "blocking")]
pub use tl_http_blocking as http_blocking;
pub use tl_model as model;
pub use tl_protocol as protocol;
pub use tl_validate as validate;

/// Compiles the examples of the documentation.
#[cfg(doctest)]
mod documents {
    #[cfg(all(feature = "async", feature = "blocking", feature = "validate"))]
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../../../docs/guide.md")]
    struct Guide;

    #[cfg(feature = "async")]
    #[doc = include_str!("../README.md")]
    struct FrontPage;

    #[doc = include_str!("../../../docs/cookbook.md")]
    struct Cookbook;
}
