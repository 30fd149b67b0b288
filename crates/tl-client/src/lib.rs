//! Check a video, upload it to the TwelveLabs video platform, and wait until it is indexed.
//!
//! One crate, two colours. With feature `async` (the default) [`Client`] answers with futures (reqwest, tokio); with
//! `blocking`, [`blocking::Client`] answers with results (ureq, threads) and its tree has no async runtime. Every method
//! of [`tl_protocol::Client`] is there in both, and [`ingest`](Client::ingest) joins the local check to it: what the
//! platform would refuse is refused here, with the reason, before a byte is sent.
//!
//! ```no_run
//! # #[cfg(all(feature = "async", feature = "validate"))]
//! # async fn example() -> Result<(), tl_client::Error> {
//! let client = tl_client::Client::from_env()?;
//! let video = client
//!     .ingest("match.mp4")
//!     .into_index("6298d673f1090f1100476d4c")
//!     .observe(|event| eprintln!("{event}"))
//!     .run()
//!     .await?;
//! println!("indexed as {:?}", video.task.created.video_id);
//! # Ok(()) }
//! ```
//!
//! | Room | What lives there |
//! |---|---|
//! | [`config`] | key, address, limits; the environment variables |
//! | [`source`] | files as [`tl_protocol::Source`], read in place |
//! | [`ingest`] | one video: check, create, wait, in both colours |
//! | [`checker`] | feature `validate`: the prober, the rules, and the verdict before anything is sent |

#[cfg(feature = "async")]
mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "validate")]
pub mod checker;
pub mod config;
mod error;
#[cfg(any(feature = "async", feature = "blocking"))]
mod event;
#[cfg(any(feature = "async", feature = "blocking"))]
pub mod ingest;
pub mod source;

#[cfg(feature = "async")]
pub use asynchronous::Client;
#[cfg(feature = "validate")]
pub use checker::Checker;
pub use config::Config;
pub use error::{Error, ErrorKind};
#[cfg(any(feature = "async", feature = "blocking"))]
pub use event::Event;
#[cfg(any(feature = "async", feature = "blocking"))]
pub use ingest::{Ingested, Input};
pub use source::FileSource;

pub use tl_model as model;
pub use tl_protocol as protocol;
#[cfg(feature = "validate")]
pub use tl_validate as validate;

/// The examples of the documents, compiled.
#[cfg(doctest)]
mod documents {
    #[cfg(all(feature = "async", feature = "blocking", feature = "validate"))]
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../../../docs/guide.md")]
    struct Guide;
}
