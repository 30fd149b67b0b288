//! An emulator of the TwelveLabs video platform API on loopback, for tests. It is strict, keeps
//! state, and validates media with the same rules as the client.
//!
//! It has two parts: [`platform`] is a pure handler (request and time in, response and effects
//! out); [`Emulator`] serves it on 127.0.0.1, streams uploads to disk, probes received media and
//! fetches URLs.
//!
//! Features, all on by default: `https` is videos and webhooks at https URLs, `page` is the page at
//! `/_emulator` for people, `sqlite` is state that persists across restarts, and `worker` is probing
//! in helper processes. Tests that embed the emulator need none of them.
//!
//! [`Emulator::start`] needs no other program. Received media is probed by the helper `tl-probe` if
//! it is found (with the feature `worker`), or else by a reader of headers in pure Rust; [`Emulator::prober`] returns which. To
//! probe with FFmpeg in this process, pass `tl_validate::ffmpeg::InProcess` to the builder. Without
//! the program `ffmpeg`, there are no streams and thumbnails.
//!
//! Behavior that the platform documentation leaves open is configurable: see [`platform::quirks`].
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = tl_emulator::Emulator::start().await?;
//! let base_url = emulator.base_url(); // http://127.0.0.1:…/v1.3
//! let api_key = emulator.api_key(); // tlk_emulator…
//! // … point a client at it …
//! assert!(emulator.journal().is_empty());
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]

mod api;
mod core;
mod emulator;
mod exec;
mod media;
#[cfg(feature = "page")]
mod page;
pub mod platform;
mod server;

pub use emulator::{Emulator, EmulatorBuilder};
pub use exec::{Summary, exit_code};
pub use platform::{Answers, AnswersError, Fault, FaultPlan, Operation, Plan, Schedule, Seed};
pub use server::{ClockMode, JournalChunk, JournalEntry, MediaProber, StartError, TimeLimits};

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
