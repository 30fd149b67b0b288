//! The [`Prober`] trait, its options and its errors. Implementations are in [`crate::ffmpeg`],
//! [`crate::worker`] and `header`.

#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod container;
pub mod descriptors;
#[cfg(feature = "ffmpeg")]
pub mod ffmpeg;
#[cfg(feature = "header")]
pub mod header;
#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod media_type;
pub(crate) mod open;
#[cfg(any(feature = "ffmpeg", feature = "header"))]
mod read_ahead;
pub(crate) mod unopened;
#[cfg(all(feature = "worker", unix))]
pub mod worker;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{MediaFacts, RangeRead};

/// Reads the facts of a media file.
///
/// Implemented by `ffmpeg::InProcess`, `worker::ProbePool` and `header::HeaderReader`. Tests can
/// provide their own implementation.
pub trait Prober: Send + Sync {
    /// Opens `path` and reads its facts.
    ///
    /// # Errors
    /// Every [`ProbeErrorKind`]. The call returns before the prober's deadline.
    fn probe(&self, path: &Path) -> Result<MediaFacts, ProbeError> {
        let file = open::open_media(path)?;
        self.probe_file(file, &path.to_string_lossy())
    }

    /// Reads the facts of an open file. `name` is used only in messages.
    ///
    /// The file is read at absolute offsets: its cursor does not move.
    ///
    /// # Errors
    /// Every [`ProbeErrorKind`] except [`ProbeErrorKind::NotFound`].
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError>;

    /// Reads the facts of a source that is not a local file, with a few large reads. `name` is used
    /// only in messages.
    ///
    /// The format allowlist and the deadline apply as for a file. The deadline includes the time
    /// that `source` takes, so use a longer one for a remote source. A source of more than 4 MiB is
    /// never read completely unless [`ProbeOptions::thorough`] is set. If a value stays unknown for
    /// this reason, or because the budget is used up, [`MediaFacts::partly_read`] is set and the
    /// value is left out.
    ///
    /// # Errors
    /// [`ProbeErrorKind::BudgetSpent`] if the budget does not suffice for the headers;
    /// [`ProbeErrorKind::Unsupported`] from a prober that supports only files, which is the
    /// default; otherwise the same errors as for a file.
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        let seen = format!(
            "these {} bytes are no local file, and the prober in use reads local files only",
            source.size()
        );
        Err(ProbeError::new(ProbeErrorKind::Unsupported, name, seen))
    }
}

impl<P: Prober + ?Sized> Prober for &P {
    fn probe(&self, path: &Path) -> Result<MediaFacts, ProbeError> {
        (**self).probe(path)
    }
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        (**self).probe_file(file, name)
    }
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        (**self).probe_ranges(source, name)
    }
}

impl<P: Prober + ?Sized> Prober for std::sync::Arc<P> {
    fn probe(&self, path: &Path) -> Result<MediaFacts, ProbeError> {
        (**self).probe(path)
    }
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        (**self).probe_file(file, name)
    }
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        (**self).probe_ranges(source, name)
    }
}

impl<P: Prober + ?Sized> Prober for Box<P> {
    fn probe(&self, path: &Path) -> Result<MediaFacts, ProbeError> {
        (**self).probe(path)
    }
    fn probe_file(&self, file: File, name: &str) -> Result<MediaFacts, ProbeError> {
        (**self).probe_file(file, name)
    }
    fn probe_ranges(
        &self,
        source: &mut dyn RangeRead,
        name: &str,
    ) -> Result<MediaFacts, ProbeError> {
        (**self).probe_ranges(source, name)
    }
}

/// Limits and options of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeOptions {
    /// Time limit of a probe. Default: 10 s; a 1 GiB file on a local disk takes 5 ms.
    pub deadline: Duration,
    /// Largest single allocation by FFmpeg, in bytes. Default: 256 MiB. A file of 470 KB that
    /// claims 80 million samples takes 3.2 GB without this limit and 31 MB with it.
    pub max_allocation_bytes: usize,
    /// Read every packet to measure the duration, regardless of the headers.
    pub thorough: bool,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            max_allocation_bytes: 256 * 1024 * 1024,
            thorough: false,
        }
    }
}

/// Kind of a [`ProbeError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProbeErrorKind {
    /// The file does not exist.
    NotFound,
    /// The file cannot be read (permissions).
    Unreadable,
    /// The path is a directory, a FIFO, a socket or a device.
    NotAFile,
    /// The file is empty.
    Empty,
    /// The file is not a video or audio container, but for example text, an image, an archive or
    /// noise.
    NotMedia,
    /// The file is a playlist or a description that refers to other files (HLS, DASH, ffconcat,
    /// SDP, external tracks).
    Nested,
    /// FFmpeg supports the format, but the prober does not open it. The file itself may be valid.
    UnopenedFormat,
    /// The file is one segment of a stream (DASH, HLS), which cannot be played on its own.
    Segment,
    /// The container format is recognized, but its content cannot be read: it is damaged or
    /// truncated before its index.
    Broken,
    /// Reading the file would exceed the limits on memory, pixels or streams.
    TooComplex,
    /// The deadline expired before the probe finished.
    DeadlinePassed,
    /// The byte budget of a remote source was used up before the headers were read.
    BudgetSpent,
    /// The prober does not support this kind of source.
    Unsupported,
    /// The helper program `tl-probe` was not found.
    HelperMissing,
    /// The helper program crashed or sent an invalid response.
    HelperFailed,
    /// The operating system reported a read error.
    Io,
}

impl ProbeErrorKind {
    /// A short stable name, as used in rule ids: `not_media`, `broken`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unreadable => "unreadable",
            Self::NotAFile => "not_a_file",
            Self::Empty => "empty",
            Self::NotMedia => "not_media",
            Self::Nested => "nested",
            Self::UnopenedFormat => "unopened_format",
            Self::Segment => "segment",
            Self::Broken => "broken",
            Self::TooComplex => "too_complex",
            Self::DeadlinePassed => "deadline_passed",
            Self::BudgetSpent => "budget_spent",
            Self::Unsupported => "unsupported",
            Self::HelperMissing => "helper_missing",
            Self::HelperFailed => "helper_failed",
            Self::Io => "io",
        }
    }

    /// Whether the error is about the file. Probing the same file again then fails in the same way.
    ///
    /// The other kinds are about this machine or this call: retry, or correct the call.
    pub fn is_about_the_file(self) -> bool {
        matches!(
            self,
            Self::Empty
                | Self::NotMedia
                | Self::Nested
                | Self::UnopenedFormat
                | Self::Segment
                | Self::Broken
                | Self::TooComplex
        )
    }
}

impl fmt::Display for ProbeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A file could not be probed.
///
/// `Display` shows what happened, what was seen, what is allowed and what to do next. The error is
/// serializable because helper processes return it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeError {
    kind: ProbeErrorKind,
    name: String,
    seen: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
}

impl ProbeError {
    /// Creates an error. `name` is the file name shown to the user; `seen` describes what was
    /// found, as a clause without a full stop.
    pub fn new(kind: ProbeErrorKind, name: impl Into<String>, seen: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            seen: seen.into(),
            format: None,
            log: Vec::new(),
        }
    }

    /// Sets the container format that was recognized.
    #[must_use]
    pub fn with_format(mut self, format: impl Into<String>) -> Self {
        self.format = Some(format.into());
        self
    }

    /// Adds lines that the demuxer logged.
    #[must_use]
    pub fn with_log(mut self, log: Vec<String>) -> Self {
        self.log = log;
        self
    }

    /// Replaces the file's name.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Kind of the error.
    pub fn kind(&self) -> ProbeErrorKind {
        self.kind
    }

    /// The file, as named by the caller.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was seen, as a clause.
    pub fn seen(&self) -> &str {
        &self.seen
    }

    /// The container or playlist format that was recognized, such as `hls`.
    pub fn format(&self) -> Option<&str> {
        self.format.as_deref()
    }

    /// What the demuxer logged before it failed.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// What was allowed, as a clause.
    pub fn allowed(&self) -> &'static str {
        match self.kind {
            ProbeErrorKind::NotFound
            | ProbeErrorKind::Unreadable
            | ProbeErrorKind::NotAFile
            | ProbeErrorKind::Io => "a readable regular file",
            ProbeErrorKind::Empty | ProbeErrorKind::NotMedia | ProbeErrorKind::Broken => {
                "a complete video file that FFmpeg can read"
            }
            ProbeErrorKind::Nested | ProbeErrorKind::Segment => "one self-contained video file",
            ProbeErrorKind::UnopenedFormat => "a format that the local check opens",
            ProbeErrorKind::TooComplex => {
                "a file that can be read within the limits on time, memory and streams"
            }
            ProbeErrorKind::DeadlinePassed => "a file that can be read within the deadline",
            ProbeErrorKind::BudgetSpent => "a file whose headers fit into the byte budget",
            ProbeErrorKind::Unsupported => "a file of a kind that the prober in use can read",
            ProbeErrorKind::HelperMissing | ProbeErrorKind::HelperFailed => {
                "a working `tl-probe` helper"
            }
        }
    }

    /// What to do next, as a sentence.
    pub fn next(&self) -> &'static str {
        match self.kind {
            ProbeErrorKind::NotFound => "Check the path.",
            ProbeErrorKind::Unreadable => {
                "Give the current user read permission, or run as a user that has it."
            }
            ProbeErrorKind::NotAFile => "Name the video file itself.",
            ProbeErrorKind::Empty => "Copy or download the file again.",
            ProbeErrorKind::NotMedia => {
                "Check that this is the video and not its download page or an archive."
            }
            ProbeErrorKind::Nested => "Make one video file of it first, and check that.",
            ProbeErrorKind::UnopenedFormat => {
                "Convert it to MP4, or skip the local check to send it as it is."
            }
            ProbeErrorKind::Segment => {
                "Join the initialization segment and all media segments into one file, in this order, and check that."
            }
            ProbeErrorKind::Broken => "Copy or download the file again.",
            ProbeErrorKind::TooComplex => {
                "Do not trust this file; if it is genuine, encode it again on a machine that can read it."
            }
            ProbeErrorKind::DeadlinePassed => {
                "Run again with a longer deadline, or from a faster disk."
            }
            ProbeErrorKind::BudgetSpent => {
                "Raise the byte budget, or download the file and check it here."
            }
            ProbeErrorKind::Unsupported => {
                "Use a prober that can (install `tl-probe`), or give it the file itself."
            }
            ProbeErrorKind::HelperMissing => {
                "Install it beside `tl` (cargo install tl-cli), or set TL_PROBE to its path."
            }
            ProbeErrorKind::HelperFailed => {
                "Run again; if it stays, run `tl-probe FILE` by hand and report the file."
            }
            ProbeErrorKind::Io => "Check the disk or the network share, then run again.",
        }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}: ", self.name)?;
        }
        write!(f, "{} (allowed: {}).", self.seen, self.allowed())?;
        if let Some(line) = self.log.last() {
            write!(f, " FFmpeg says: {line}.")?;
        }
        write!(f, " {}", self.next())
    }
}

impl std::error::Error for ProbeError {}
