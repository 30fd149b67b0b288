//! Check a video, upload it to the TwelveLabs video platform, and wait until it is indexed.
//!
//! One crate, two colours. With feature `async` (the default) [`Client`] answers with futures (reqwest, tokio); with
//! `blocking`, [`blocking::Client`] answers with results (ureq, threads) and its tree has no async runtime. Every method
//! of [`tl_protocol::Client`] is there in both, and [`ingest`](Client::ingest) joins the local check to it: what the
//! platform would refuse is refused here, with the reason, before a byte is sent.
//!
//! ```no_run
//! # #[cfg(feature = "async")]
//! # async fn example() -> Result<(), tl_client::Error> {
//! let client = tl_client::Client::from_env()?;
//! let video = client
//!     .ingest("match.mp4")
//!     .into_index("6298d673f1090f1100476d4c")
//!     .observe(|event| eprintln!("{event}"))
//!     .run()
//!     .await?;
//! println!("indexed as {:?}", video.video_id);
//! # Ok(()) }
//! ```
//!
//! | Room | What lives there |
//! |---|---|
//! | [`config`] | key, address, limits; the environment variables |
//! | [`source`] | files as [`tl_protocol::Source`], read in place and watched |
//! | [`checker`] | the prober, the rules, and the verdict before anything is sent |
//! | [`route`] | by which way a video goes, and why |
//! | [`checkpoint`] | what another process needs to go on, on this machine's disk |
//! | `ingest` | one video: open, route, check, take up, send, conclude |

// Without a colour the crate has rules, routes and the list of checkpoints, and nobody who sends.
#![cfg_attr(
    not(any(feature = "async", feature = "blocking")),
    allow(dead_code, unused_imports)
)]

#[cfg(feature = "async")]
mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(any(feature = "async", feature = "blocking"))]
mod builder;
pub mod checker;
pub mod checkpoint;
pub mod config;
mod error;
mod event;
#[cfg(any(feature = "async", feature = "blocking"))]
mod ingest;
mod input;
mod outcome;
pub mod route;
pub mod source;

#[cfg(feature = "async")]
pub use asynchronous::{Client, Ingest, Upload};
pub use checker::{Checked, Checker};
pub use checkpoint::Checkpoints;
pub use config::Config;
pub use error::{Error, ErrorKind};
pub use event::Event;
pub use input::Input;
pub use outcome::{Ingested, NotChecked, Stage, UploadedAsset};
pub use route::RouteChoice;
pub use source::FileSource;

pub use tl_model as model;
pub use tl_protocol as protocol;
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
