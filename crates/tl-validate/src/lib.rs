//! Validates videos locally against the dated requirements of the TwelveLabs video platform.
//!
//! The crate has three independent parts: **facts** about a file ([`MediaFacts`], read by a
//! [`Prober`]), **rules** as dated data ([`RulePack`]), and the pure function [`check()`], which
//! compares the two and reports every finding.
//!
//! ```
//! use tl_validate::{check, MediaFacts, Route, RulePack, Target, VideoStream};
//!
//! let facts = MediaFacts {
//!     file_size_bytes: 48_000,
//!     duration_seconds: Some(12.0),
//!     video_streams: vec![VideoStream { codec: "h264".into(), width: 320, height: 180, ..Default::default() }],
//!     ..Default::default()
//! };
//! let report = check(&facts, &Target::new(Route::Tasks), RulePack::current());
//! assert!(report.is_refused());
//! assert_eq!(report.predicted_code(), Some("video_resolution_too_low"));
//! ```
//!
//! # Features
//!
//! - `ffmpeg`: probes media in this process; links libavformat.
//! - `worker`: probes media in helper processes; links no native library.
//! - `header`: reads the headers of mp4, mov, mkv and webm in pure Rust. Reports fewer facts; for
//!   builds without FFmpeg.
//! - `program`: runs the `ffmpeg` program to apply fixes and to split files.
//! - `web`: classifies video URLs.
//!
//! Without features, the only I/O is opening and reading local files.

mod check;
pub mod facts;
mod probe;
mod remedy;
mod remote;
mod report;
pub mod rules;
#[cfg(any(feature = "program", all(feature = "worker", unix)))]
mod sandbox;
mod text;

pub use check::{check, check_probe_failure, check_size, fix_all, fix_all_with, max_size};
pub use facts::{AudioStream, DurationSource, MediaFacts, OtherStream, Truncation, VideoStream};
#[cfg(feature = "ffmpeg")]
pub use probe::ffmpeg;
#[cfg(feature = "header")]
pub use probe::header;
#[cfg(all(feature = "worker", unix))]
pub use probe::worker;
pub use probe::{
    FileRanges, ProbeError, ProbeErrorKind, ProbeOptions, Prober, descriptors, open_media,
};
pub use remedy::fix::{Fix, FixKind, FixOptions, Tracks, picture_encoder};
#[cfg(feature = "program")]
pub use remedy::program;
pub use remedy::{split, timeline};
pub use remote::range::RangeRead;
#[cfg(feature = "web")]
pub use remote::web;
pub use report::{Finding, Report, Verdict, formats};
pub use rules::{Engine, Route, RulePack, RulePackError, Severity, Target, UnknownRoute};
