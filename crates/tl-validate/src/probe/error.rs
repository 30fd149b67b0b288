//! Why a file could not be probed.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// The prober does not support this container format; another prober may. Only from
    /// `header::HeaderReader`.
    UnsupportedFormat,
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
            Self::UnsupportedFormat => "unsupported_format",
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
/// `Display` shows the file, what was seen, the last message of FFmpeg and what to do next. The
/// error is serializable because helper processes return it too.
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
            ProbeErrorKind::Unsupported => "a source that this prober supports",
            ProbeErrorKind::UnsupportedFormat => "mp4, mov, mkv or webm",
            ProbeErrorKind::HelperMissing | ProbeErrorKind::HelperFailed => {
                "a working `tl-probe` helper"
            }
        }
    }

    /// What to do next, as a sentence.
    pub fn next(&self) -> &'static str {
        match self.kind {
            ProbeErrorKind::NotFound => "Check the path.",
            ProbeErrorKind::Unreadable => "Grant the current user read permission.",
            ProbeErrorKind::NotAFile => "Pass the path of the video file.",
            ProbeErrorKind::Empty => "Copy or download the file again.",
            ProbeErrorKind::NotMedia => {
                "Check that this is the video and not its download page or an archive."
            }
            ProbeErrorKind::Nested => "Convert it to one video file first, and check that file.",
            ProbeErrorKind::UnopenedFormat => {
                "Convert it to MP4, or skip the local check to upload it unchanged."
            }
            ProbeErrorKind::Segment => {
                "Join the initialization segment and all media segments into one file, in this order, and check that."
            }
            ProbeErrorKind::Broken => "Copy or download the file again.",
            ProbeErrorKind::TooComplex => {
                "The file may be malicious; if it is genuine, re-encode it on a machine that can read it."
            }
            ProbeErrorKind::DeadlinePassed => {
                "Retry with a longer deadline, or from a faster disk."
            }
            ProbeErrorKind::BudgetSpent => {
                "Increase the byte budget, or download the file and check it locally."
            }
            ProbeErrorKind::Unsupported => "Use a prober that reads ranges, or pass a local file.",
            ProbeErrorKind::UnsupportedFormat => {
                "Use a prober with FFmpeg (feature `ffmpeg` or `worker`), or skip the local check."
            }
            ProbeErrorKind::HelperMissing => {
                "Install it next to `tl` (cargo install twelvelabs-cli), or set TL_PROBE to its path."
            }
            ProbeErrorKind::HelperFailed => {
                "Retry; if the error persists, run `tl-probe FILE` and report the file."
            }
            ProbeErrorKind::Io => "Check the disk or the network share, then retry.",
        }
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "{}: ", self.name)?;
        }
        write!(f, "{}.", self.seen)?;
        if let Some(line) = self.log.last() {
            write!(f, " FFmpeg: {line}.")?;
        }
        write!(f, " {}", self.next())
    }
}

impl std::error::Error for ProbeError {}
