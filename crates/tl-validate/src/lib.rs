//! Validates videos locally against the dated requirements of the TwelveLabs video platform.
//!
//! **Facts** about a file ([`MediaFacts`]) are read by a [`Prober`]. **Rules** are dated data
//! ([`RulePack`]). The pure function [`check()`] compares the two and reports every finding.
//!
//! ```
//! use tl_validate::{check, MediaFacts, Route, RulePack, Target, VideoStream};
//!
//! let facts = MediaFacts::default().with(|facts| {
//!     facts.file_size_bytes = 48_000;
//!     facts.duration_seconds = Some(12.0);
//!     facts.video_streams = vec![VideoStream::default().with(|video| {
//!         video.codec = "h264".into();
//!         (video.width, video.height) = (320, 180);
//!     })];
//! });
//! let report = check(&facts, &Target::new(Route::Tasks), RulePack::current());
//! assert!(report.is_refused());
//! assert_eq!(report.predicted_code(), Some("video_resolution_too_low"));
//! ```
//!
//! # Parts
//!
//! Each part is a folder or file of the source and uses only the parts above it.
//!
//! | Part | Contents |
//! |---|---|
//! | `text` | Numbers, sizes and external text for display |
//! | `facts` | [`facts`]: codecs, sizes, durations and more, as a probe found them |
//! | `rules` | [`rules`]: rule packs with sources and dates, targets, severities |
//! | `remote` | [`RangeRead`], a source that is read by range; [`playlist`]; `web`, what a URL refers to |
//! | `sandbox` | Restrictions for processes that decode untrusted media |
//! | `probe` | [`Prober`] and its implementations `ffmpeg`, `worker` and `header` |
//! | `remedy` | [`Fix`], [`split`], [`timeline`]; `program` runs `ffmpeg` for them |
//! | `report` | [`Report`] and its [`formats`]: text, JSON, HTML, CSV, JUnit, SARIF |
//! | `check` | [`check()`], [`check_size`], [`fix_all`] |
//! | [`picture`], [`static_file`] | images and documents, with their own rules |
//! | `preflight` | `validate_bytes`: probe and check in one call |
//!
//! # Features
//!
//! - `ffmpeg`: probes media in this process; links libavformat.
//! - `worker`: probes media in helper processes; links no native library.
//! - `header`: reads the headers of mp4, mov, mkv and webm in pure Rust. Reports fewer facts; for
//!   builds without FFmpeg.
//! - `file`: opens local files. The three probers enable it.
//! - `program`: runs the `ffmpeg` program to apply fixes and to split files.
//! - `web`: classifies video URLs.
//!
//! Without features, or with `web` alone, the crate is pure: it reads no file, clock, environment
//! variable or socket, and starts no thread or process.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod check;
pub mod facts;
pub mod picture;
#[cfg(feature = "header")]
mod preflight;
mod probe;
mod remedy;
mod remote;
mod report;
pub mod rules;
#[cfg(any(feature = "program", all(feature = "worker", unix)))]
mod sandbox;
pub mod static_file;
mod text;
mod with_fields;

pub use check::{
    check, check_playlist, check_probe_failure, check_size, fix_all, fix_all_with, max_size,
};
pub use facts::{AudioStream, DurationSource, MediaFacts, OtherStream, Truncation, VideoStream};
#[cfg(feature = "header")]
pub use preflight::validate_bytes;
#[cfg(feature = "ffmpeg")]
pub use probe::ffmpeg;
#[cfg(feature = "header")]
pub use probe::header;
#[cfg(all(feature = "worker", unix))]
pub use probe::worker;
#[cfg(feature = "file")]
pub use probe::{FileRanges, descriptors, open_media};
pub use probe::{ProbeError, ProbeErrorKind, ProbeOptions, Prober};
pub use remedy::fix::{Fix, FixKind, FixOptions, Tracks, picture_encoder};
#[cfg(feature = "program")]
pub use remedy::program;
pub use remedy::{split, timeline};
#[cfg(feature = "web")]
pub use remote::web;
pub use remote::{playlist, range::RangeRead};
pub use report::{Finding, Report, Verdict, formats};
pub use rules::{Engine, Route, RulePack, RulePackError, Severity, Target, UnknownRoute};

/// Compiles the examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
